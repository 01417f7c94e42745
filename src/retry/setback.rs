//! Which outcome of an attempt it is safe to follow by another.

use super::failure::Failure;
use crate::command::{Command, Target};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{ServerError, Value};

/// The outcome of an attempt that it is safe to follow by another.
pub(super) struct Setback {
    pub(super) error: Error,
    /// The cluster, or what we know of it, is not in the state to serve the command, which was not applied.
    pub(super) is_unready: bool,
    /// A server had to do with it: to try again is more load than the request would be on a good day.
    pub(super) was_sent: bool,
    /// It did not come as far as to a node.
    pub(super) is_unreachable: bool,
}

impl Setback {
    /// None if the outcome is to be passed on. It does no harm to apply an idempotent command twice.
    pub(super) fn of<E: Failure>(
        command: &Command,
        is_idempotent: bool,
        result: &Result<Value, E>,
    ) -> Option<Self> {
        match result {
            Ok(Value::Error(reply)) => Self::of_reply(command, is_idempotent, reply),
            Ok(_) => None,
            Err(error) => Self::of_error(is_idempotent, error.to_ours()),
        }
    }

    pub(super) fn of_reply(
        command: &Command,
        is_idempotent: bool,
        reply: &ServerError,
    ) -> Option<Self> {
        if reply.delivery() == Delivery::Unknown && !is_idempotent {
            // It comes out of a script that had begun.
            return None;
        }
        if reply.is_misdirected() && matches!(command.explicit_target(), Some(Target::Node(_))) {
            // The application chose the node, so that no other is asked.
            return None;
        }
        let is_unready = reply.is_unready();
        // Else it is about the connection, which is replaced, and not about the command.
        (is_unready || reply.is_unauthenticated()).then(|| Self {
            error: Error::server(reply.clone()),
            is_unready,
            was_sent: true,
            is_unreachable: false,
        })
    }

    pub(super) fn of_error(is_idempotent: bool, error: Error) -> Option<Self> {
        let is_unready = match error.kind() {
            // Time does not mend these.
            ErrorKind::InvalidCommand
            | ErrorKind::Config
            | ErrorKind::Conversion
            | ErrorKind::Authentication
            | ErrorKind::Shutdown => return None,
            ErrorKind::Server => {
                if !error.server_error().is_some_and(ServerError::is_unready) {
                    return None;
                }
                true
            }
            // It was redirected to where nobody can go, which time may mend and may not.
            ErrorKind::Topology if error.delivery() == Delivery::NotApplied => false,
            ErrorKind::Connect
            | ErrorKind::Topology
            | ErrorKind::TooManyRedirects
            | ErrorKind::Unavailable => error.delivery() != Delivery::Unknown,
            _ => false,
        };
        if error.delivery() == Delivery::Unknown && !is_idempotent {
            return None;
        }
        let was_sent = error.delivery() != Delivery::NotSent;
        Some(Self {
            error,
            is_unready,
            was_sent,
            is_unreachable: is_unready && !was_sent,
        })
    }

    pub(super) fn is_closed_before_sent(&self) -> bool {
        self.error.kind() == ErrorKind::Connection && self.error.delivery() == Delivery::NotSent
    }
}
