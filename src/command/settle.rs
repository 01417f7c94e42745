//! From what a batch came to as a whole to what each of its commands came to, and back.

use super::{Batch, Command, Outcome, Round};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{ServerError, Value};

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
            Ok(_) => Error::not_sent(
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
        self.in_hindsight(settled).collect()
    }

    /// What each command came to, given what it may have come to in the attempts before this one: an error does not know
    /// of these, and neither does a refusal.
    pub(crate) fn in_hindsight(
        &self,
        results: impl Iterator<Item = Result<Value, Error>>,
    ) -> impl Iterator<Item = Result<Value, Error>> {
        results.enumerate().map(|(part, result)| match result {
            Ok(Value::Error(reply)) => match self.is_doubted(part, &reply) {
                true => Err(Error::server(reply).with_delivery(Delivery::Unknown)),
                false => Ok(Value::Error(reply)),
            },
            Ok(reply) => Ok(reply),
            Err(error) => {
                let reached = error.delivery().at_most(self.reached_before(part));
                Err(error.with_delivery(reached))
            }
        })
    }

    /// True if an error reply says too much: it cannot know that an attempt before it may have applied the command.
    pub(crate) fn is_doubted(&self, part: usize, reply: &ServerError) -> bool {
        self.reached_before(part) == Delivery::Unknown
            && denies_too_much(&self.commands()[part], reply)
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
        let outcomes = self.outcomes().into_iter().enumerate();
        let reached = outcomes.map(|(part, outcome)| {
            let reached = match outcome {
                Outcome::Final(result) => reached(&result),
                Outcome::Again(error) => error.delivery(),
                Outcome::Unsent => Delivery::NotSent,
            };
            reached.at_most(self.reached_before(part))
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

/// True if an error reply that is the last of several attempts claims that the command, which one of them may have applied, was
/// not applied.
pub(crate) fn denies_too_much(command: &Command, reply: &ServerError) -> bool {
    !command.is_read_only() && reply.delivery() != Delivery::Unknown
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
    fn an_attempt_does_not_deny_what_those_before_may_have_done() {
        let command = Command::pipeline([cmd("SET").arg("a").arg(1), cmd("GET").arg("b")]);
        let batch = command.batch().expect("a pipeline");
        let lost =
            || Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown);
        batch.record_for_next(vec![Outcome::Again(lost()), Outcome::Again(lost())]);
        batch.begin();
        let delivery = |settled: Vec<Result<Value, Error>>| {
            let delivery = |result: Result<Value, Error>| result.map_err(|error| error.delivery());
            settled.into_iter().map(delivery).collect::<Vec<_>>()
        };
        // Another attempt is under way, or was made in vain.
        let refused =
            Error::not_sent(ErrorKind::Connect, "refused").with_delivery(Delivery::NotSent);
        let unknown = [Err(Delivery::Unknown), Err(Delivery::Unknown)];
        assert_eq!(delivery(batch.settle(Err(refused.clone()))), unknown);
        let outcomes = [refused.clone(), refused].map(|error| Outcome::Final(Err(error)));
        batch.record(outcomes.into());
        assert_eq!(delivery(batch.settle(Err(lost()))), unknown);
        assert_eq!(batch.reached(), Delivery::Unknown);
        // It was refused, which says nothing of the write before; that a read was not applied is no matter.
        let down = || Value::Error(ServerError::new("CLUSTERDOWN wait"));
        batch.record(vec![Outcome::Final(Ok(down())), Outcome::Final(Ok(down()))]);
        let settled = delivery(batch.settle(Err(lost())));
        assert_eq!(settled, [Err(Delivery::Unknown), Ok(down())]);
        // A request of its own.
        batch.begin();
        assert_eq!(batch.reached(), Delivery::NotSent);
    }

    #[test]
    fn what_was_recorded_of_a_command_goes_before_what_is_known_of_all() {
        let command = batch();
        let batch = command.batch().expect("a pipeline");
        let again = Error::not_sent(ErrorKind::Connect, "refused");
        batch.record(vec![
            Outcome::Final(Ok(Value::Integer(1))),
            Outcome::Again(again),
            Outcome::Unsent,
        ]);
        let whole = Error::not_sent(ErrorKind::Timeout, "late").with_delivery(Delivery::Unknown);
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
        let failed =
            |delivery| Err(Error::not_sent(ErrorKind::Connect, "no").with_delivery(delivery));
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
