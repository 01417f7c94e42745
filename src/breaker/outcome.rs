//! What a response says about the node.

use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// What a response says about the node that it came from, or did not come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It answers: its breaker is closed.
    Success,
    /// It does not: one more failure in a row.
    Failure,
    /// Nothing.
    Neither,
}

impl Outcome {
    /// What a breaker goes by unless told otherwise: every reply is a success, error replies too; a request that was
    /// written and ended with a `Timeout`, `Connection` or `Protocol` error is a failure; other errors are neither.
    pub fn of(response: Result<&Value, &Error>) -> Self {
        match response {
            Ok(_) => Self::Success,
            Err(error) if error.delivery() == Delivery::NotSent => Self::Neither,
            Err(error) => match error.kind() {
                ErrorKind::Timeout | ErrorKind::Connection | ErrorKind::Protocol => Self::Failure,
                _ => Self::Neither,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ServerError;

    #[test]
    fn an_answer_of_any_kind_is_a_success() {
        assert_eq!(Outcome::of(Ok(&Value::Nil)), Outcome::Success);
        let reply = Value::Error(ServerError::new("LOADING the dataset"));
        assert_eq!(Outcome::of(Ok(&reply)), Outcome::Success);
    }

    #[test]
    fn what_was_written_and_not_answered_is_a_failure() {
        let cases = [
            (ErrorKind::Timeout, Outcome::Failure),
            (ErrorKind::Connection, Outcome::Failure),
            (ErrorKind::Protocol, Outcome::Failure),
            (ErrorKind::Unavailable, Outcome::Neither),
            (ErrorKind::Overloaded, Outcome::Neither),
            (ErrorKind::InvalidCommand, Outcome::Neither),
            (ErrorKind::Other, Outcome::Neither),
        ];
        for (kind, expected) in cases {
            let not_sent = Error::not_sent(kind, "it failed");
            assert_eq!(Outcome::of(Err(&not_sent)), Outcome::Neither, "{kind:?}");
            let sent = not_sent.with_delivery(Delivery::Unknown);
            assert_eq!(Outcome::of(Err(&sent)), expected, "{kind:?}");
        }
    }
}
