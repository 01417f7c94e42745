//! From what a batch came to as a whole to what each of its commands came to, and back.

use super::{Batch, Outcome, Round};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

impl Batch {
    /// What each command of a pipeline came to, given how the whole ended. Error replies stay values.
    pub(crate) fn settle(&self, whole: Result<Value, Error>) -> Vec<Result<Value, Error>> {
        let count = self.commands().len();
        let error = match whole {
            Ok(Value::Array(replies)) if replies.len() == count => {
                return replies.into_iter().map(Ok).collect();
            }
            // A layer in between refused the whole in the server's words.
            Ok(Value::Error(error)) => return vec![Ok(Value::Error(error)); count],
            Ok(_) => Error::new(
                ErrorKind::Protocol,
                format!("a pipeline of {count} commands was not answered by as many replies"),
            )
            .with_delivery(Delivery::Unknown),
            Err(error) => error,
        };
        let settled = self.outcomes().into_iter().map(|outcome| match outcome {
            Outcome::Final(result) => result,
            Outcome::Again(error) => Err(error),
            Outcome::Unsent => Err(error.clone()),
        });
        settled.collect()
    }

    /// The replies in order; or if a command of the pipeline failed, the error of the whole, and the outcomes are
    /// recorded.
    pub(crate) fn conclude(&self, results: Vec<Result<Value, Error>>) -> Result<Value, Error> {
        conclude(results, |outcomes| self.record(outcomes))
    }

    /// As [`conclude`](Self::conclude), of an attempt that began with this round.
    pub(crate) fn conclude_attempt(
        &self,
        round: Round,
        results: Vec<Result<Value, Error>>,
    ) -> Result<Value, Error> {
        conclude(results, |outcomes| self.record_attempt(round, outcomes))
    }

    /// How far the commands got at most, as far as is recorded.
    pub(crate) fn reached(&self) -> Delivery {
        let reached = self.outcomes().into_iter().map(|outcome| match outcome {
            Outcome::Final(result) => reached(&result),
            Outcome::Again(error) => error.delivery(),
            Outcome::Unsent => Delivery::NotSent,
        });
        reached.fold(Delivery::NotSent, Delivery::at_most)
    }
}

fn conclude(
    results: Vec<Result<Value, Error>>,
    record: impl FnOnce(Vec<Outcome>),
) -> Result<Value, Error> {
    let Some(cause) = cause(&results) else {
        return results
            .into_iter()
            .collect::<Result<_, _>>()
            .map(Value::Array);
    };
    let reached = results.iter().map(reached);
    let error = cause
        .clone()
        .with_delivery(reached.fold(Delivery::NotSent, Delivery::at_most));
    record(results.into_iter().map(Outcome::Final).collect());
    Err(error)
}

/// The first error, and rather one that says more than that time was up.
fn cause(results: &[Result<Value, Error>]) -> Option<&Error> {
    let mut errors = results.iter().filter_map(|result| result.as_ref().err());
    let first = errors.clone().next()?;
    Some(errors.find(|error| !error.is_timeout()).unwrap_or(first))
}

/// How far a command got: what has a reply may have been applied, unless the reply denies it.
fn reached(result: &Result<Value, Error>) -> Delivery {
    match result {
        Ok(Value::Error(error)) => error.delivery(),
        Ok(_) => Delivery::Unknown,
        Err(error) => error.delivery(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, cmd};

    fn batch() -> Command {
        Command::pipeline([
            cmd("GET").arg("a"),
            cmd("GET").arg("b"),
            cmd("GET").arg("c"),
        ])
    }

    #[test]
    fn what_was_recorded_of_a_command_goes_before_what_is_known_of_all() {
        let command = batch();
        let batch = command.batch().expect("a pipeline");
        let again = Error::new(ErrorKind::Connect, "refused");
        batch.record(vec![
            Outcome::Final(Ok(Value::Integer(1))),
            Outcome::Again(again),
            Outcome::Unsent,
        ]);
        let whole = Error::new(ErrorKind::Timeout, "late").with_delivery(Delivery::Unknown);
        let settled = batch.settle(Err(whole));
        assert_eq!(settled[0].as_ref().ok(), Some(&Value::Integer(1)));
        let kind = |index: usize| settled[index].as_ref().map_err(Error::kind);
        assert_eq!(kind(1), Err(ErrorKind::Connect));
        assert_eq!(kind(2), Err(ErrorKind::Timeout));
    }

    #[test]
    fn a_reply_that_is_not_one_for_each_is_no_success() {
        let command = batch();
        let batch = command.batch().expect("a pipeline");
        for reply in [Value::Nil, Value::Array(vec![Value::Nil])] {
            let settled = batch.settle(Ok(reply));
            assert!(settled.iter().all(Result::is_err));
        }
    }

    #[test]
    fn the_whole_got_as_far_as_any_of_its_commands() {
        use Delivery::{NotApplied, NotSent, Unknown};
        let failed = |delivery| Err(Error::new(ErrorKind::Connect, "no").with_delivery(delivery));
        let command = batch();
        let batch = command.batch().expect("a pipeline");
        for (last, whole) in [
            (failed(NotSent), NotSent),
            (failed(NotApplied), NotApplied),
            (failed(Unknown), Unknown),
            (Ok(Value::Nil), Unknown),
        ] {
            let error = batch.conclude(vec![failed(NotSent), failed(NotSent), last]);
            assert_eq!(error.expect_err("a command failed").delivery(), whole);
        }
    }
}
