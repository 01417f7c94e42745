//! What the replies to a transaction's parts amount to.

use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{ServerError, Value};

/// A transaction whose replies are coming.
pub(super) struct Transaction {
    /// How many commands it has.
    commands: usize,
    /// `MULTI` was answered with OK.
    is_open: bool,
    /// The first error: of `MULTI`, or of a command that was not queued.
    refusal: Option<ServerError>,
    /// `MULTI` was refused, and a command behind it was not.
    has_leaked: bool,
}

impl Transaction {
    pub(super) fn of(commands: usize) -> Self {
        Self {
            commands,
            is_open: false,
            refusal: None,
            has_leaked: false,
        }
    }

    /// True once the server has said that it queues the commands.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Takes the reply to `MULTI`.
    ///
    /// # Errors
    ///
    /// If it is neither OK nor an error: replies are out of step.
    pub(super) fn opened(&mut self, reply: &Value) -> Result<(), Error> {
        self.is_open = reply.as_str() == Some("OK");
        self.refusal = reply.as_error().cloned();
        if self.is_open || self.refusal.is_some() {
            return Ok(());
        }
        Err(malformed(
            "the server answered MULTI with something else than OK",
        ))
    }

    /// Takes the reply to a command between `MULTI` and `EXEC`.
    ///
    /// # Errors
    ///
    /// If it was to be queued, and the reply does not say that it was: replies are out of step.
    pub(super) fn queued(&mut self, reply: &Value) -> Result<(), Error> {
        let error = reply.as_error();
        if !self.is_open {
            self.has_leaked |= error.is_none_or(|error| error.delivery() != Delivery::NotApplied);
        } else if let Some(error) = error {
            self.refusal.get_or_insert_with(|| error.clone());
        } else if reply.as_str() != Some("QUEUED") {
            // Then the OK before it may have been somebody else's as well.
            self.is_open = false;
            return Err(malformed(
                "the server answered a command of a transaction, and did not queue it",
            ));
        }
        Ok(())
    }

    /// Takes the reply to `EXEC`, and says what the whole is answered with: an error that came before it says more
    /// than `EXECABORT`.
    ///
    /// # Errors
    ///
    /// If it has more or fewer elements than there were commands: replies are out of step.
    pub(super) fn executed(&mut self, reply: Value) -> Result<Result<Value, Error>, Error> {
        if let Some(refusal) = self.refusal.take() {
            let is_discarded = !self.has_leaked && reply.as_error().is_some();
            return Ok(if is_discarded {
                Ok(Value::Error(refusal))
            } else {
                // Not a transaction, but applied at least in part.
                Err(Error::server(refusal).with_delivery(Delivery::Unknown))
            });
        }
        let is_complete = reply.is_nil()
            || reply.as_error().is_some()
            || reply
                .as_array()
                .is_some_and(|replies| replies.len() == self.commands);
        if is_complete {
            return Ok(Ok(reply));
        }
        Err(malformed(
            "the server answered EXEC with something else than one reply for each command",
        ))
    }
}

fn malformed(message: &'static str) -> Error {
    Error::not_sent(ErrorKind::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &'static str) -> Value {
        Value::SimpleString(text.into())
    }

    fn error(text: &'static str) -> Value {
        Value::Error(ServerError::new(text))
    }

    /// The answer to a transaction of as many commands as there are replies to them.
    fn answer(multi: Value, queued: &[Value], exec: Value) -> Result<Result<Value, Error>, Error> {
        let mut transaction = Transaction::of(queued.len());
        transaction.opened(&multi)?;
        for reply in queued {
            transaction.queued(reply)?;
        }
        transaction.executed(exec)
    }

    #[test]
    fn the_first_refusal_says_why_it_was_discarded() {
        let queued = [status("QUEUED"), error("ASK 1 h:1"), error("ERR unknown")];
        let answer = answer(status("OK"), &queued, error("EXECABORT"));
        assert_eq!(
            answer.expect("in step").expect("a reply"),
            error("ASK 1 h:1")
        );
    }

    #[test]
    fn commands_behind_a_refused_multi_may_have_been_applied_one_by_one() {
        let multi = || error("NOPERM no MULTI for you");
        let exec = || error("ERR EXEC without MULTI");
        for leaked in [status("OK"), error("ERR halfway")] {
            let answer = answer(multi(), &[leaked, error("NOAUTH")], exec());
            let error = answer.expect("in step").expect_err("no transaction");
            assert_eq!(error.delivery(), Delivery::Unknown);
        }
        let answer = answer(multi(), &[error("NOAUTH"), error("NOAUTH")], exec());
        assert_eq!(answer.expect("in step").expect("a reply"), multi());
    }

    #[test]
    fn what_is_executed_though_a_command_was_refused_is_no_refusal() {
        let exec = Value::Array(vec![status("OK")]);
        let answer = answer(status("OK"), &[status("QUEUED"), error("OOM")], exec);
        let error = answer.expect("in step").expect_err("applied in part");
        assert_eq!(error.delivery(), Delivery::Unknown);
    }

    #[test]
    fn replies_out_of_step_are_noticed() {
        let one = || Value::Array(vec![Value::Nil]);
        let queued = || [status("QUEUED")];
        answer(status("OK"), &queued(), one())
            .expect("in step")
            .expect("a reply");
        answer(Value::Nil, &queued(), one()).expect_err("MULTI");
        answer(status("OK"), &[Value::Nil], one()).expect_err("a command");
        answer(status("OK"), &queued(), Value::Array(vec![])).expect_err("too short");
        answer(status("OK"), &queued(), status("OK")).expect_err("EXEC");
    }

    #[test]
    fn a_conflict_is_nil() {
        let answer = answer(status("OK"), &[status("QUEUED")], Value::Nil);
        assert_eq!(answer.expect("in step").expect("a reply"), Value::Nil);
    }
}
