//! `AUTH` on a connection in use: when it may go out, and that nothing follows before its reply.
//!
//! Nothing is pipelined behind `AUTH`, as in the [handshake](super::handshake): what comes between us and the server may
//! take what follows a refusal otherwise than we count it.

use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// Whether credentials may go out, and anything else.
#[derive(Debug, Default)]
pub(super) struct Fence {
    is_up: bool,
    is_in_transaction: bool,
}

impl Fence {
    /// Takes note of a command of somebody who has the connection to himself, as it is sent.
    pub(super) fn note(&mut self, command: &Command) {
        match command.batch() {
            None => match command.info().map(|info| info.name()) {
                Some("MULTI") => self.is_in_transaction = true,
                Some("EXEC" | "DISCARD") => self.is_in_transaction = false,
                _ => {}
            },
            // A transaction in one piece is over with its `EXEC`.
            Some(batch) if batch.is_transaction() => self.is_in_transaction = false,
            Some(batch) => batch.commands().iter().for_each(|each| self.note(each)),
        }
    }

    /// True if `AUTH` would be taken as such: in a transaction it would be queued, and answered by `EXEC` along with
    /// what its caller asked for.
    pub(super) fn admits_credentials(&self) -> bool {
        !self.is_in_transaction
    }

    /// `AUTH` goes out.
    pub(super) fn raise(&mut self) {
        self.is_up = true;
    }

    /// True while its reply is due.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Takes the reply to `AUTH`.
    ///
    /// # Errors
    ///
    /// If it is none: replies are out of step.
    pub(super) fn lower(&mut self, reply: &Value) -> Result<(), Error> {
        self.is_up = false;
        if reply.as_error().is_some() || reply.as_str() == Some("OK") {
            return Ok(());
        }
        Err(Error::not_sent(
            ErrorKind::Protocol,
            "the server answered AUTH with something else than OK",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd;

    #[test]
    fn credentials_wait_for_the_end_of_a_transaction() {
        let mut fence = Fence::default();
        for (commands, admits) in [
            (vec![cmd("WATCH"), cmd("GET")], true),
            (vec![cmd("MULTI")], false),
            (vec![cmd("SET")], false),
            (vec![cmd("EXEC")], true),
            (vec![cmd("MULTI"), cmd("DISCARD")], true),
            (vec![Command::pipeline([cmd("GET"), cmd("MULTI")])], false),
            (vec![Command::transaction([cmd("SET")])], true),
        ] {
            commands.iter().for_each(|command| fence.note(command));
            assert_eq!(fence.admits_credentials(), admits, "{commands:?}");
        }
    }
}
