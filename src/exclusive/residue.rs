//! What commands leave on a connection for its next user.

use crate::command::Command;
use crate::connection::changes_state;

/// What was left on a connection so far.
#[derive(Debug, Default)]
pub(super) struct Residue {
    is_watching: bool,
    is_in_transaction: bool,
    is_lasting: bool,
}

impl Residue {
    pub(super) fn is_none(&self) -> bool {
        !(self.is_watching || self.is_in_transaction || self.is_lasting)
    }

    /// Takes note that nothing can be said of the connection any more.
    pub(super) fn set_lasting(&mut self) {
        self.is_lasting = true;
    }

    /// True if an `ASKING` can go before this command. Inside of a transaction it would be queued, and is not needed:
    /// servers keep the flag from before `MULTI` until `EXEC`.
    pub(super) fn allows_asking(&self, command: &Command) -> bool {
        let has_own_multi = command.batch().is_some_and(|batch| {
            !batch.is_transaction() && batch.commands().iter().any(depends_on_reply)
        });
        !(self.is_in_transaction || has_own_multi)
    }

    /// Takes note of a command, in the order in which they are sent.
    pub(super) fn note(&mut self, command: &Command) {
        if let Some(batch) = command.batch() {
            if !batch.is_transaction() {
                batch.commands().iter().for_each(|each| self.note(each));
            } else if self.is_in_transaction {
                self.is_lasting = true;
            } else {
                self.is_watching = false;
            }
            return;
        }
        match command.info().map(|info| info.name()) {
            Some("WATCH") => self.is_watching = true,
            Some("MULTI") => self.is_in_transaction = true,
            Some("EXEC" | "DISCARD") if self.is_in_transaction => {
                self.is_in_transaction = false;
                self.is_watching = false;
            }
            // Queued, inside of a transaction.
            Some("UNWATCH") => self.is_watching &= self.is_in_transaction,
            Some("EXEC" | "DISCARD") => {}
            // Harmless to those who share a connection, but it would be told of the next who leases it.
            Some("CLIENT SETINFO" | "CLIENT SETNAME") => self.is_lasting = true,
            _ => self.is_lasting |= changes_state(command),
        }
    }
}

/// True if the state of the connection depends on whether the server has accepted this command.
pub(super) fn depends_on_reply(command: &Command) -> bool {
    match command.batch() {
        Some(batch) => batch.is_transaction() || batch.commands().iter().any(depends_on_reply),
        None => command
            .info()
            .is_some_and(|info| info.group() == "transactions"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd;

    fn is_clean_after(line: &str) -> bool {
        let mut residue = Residue::default();
        for name in line.split(' ') {
            residue.note(&cmd(name));
        }
        residue.is_none()
    }

    #[test]
    fn a_watch_lasts_until_a_transaction_or_unwatch() {
        assert!(is_clean_after("GET SET BLPOP PING"));
        assert!(!is_clean_after("WATCH"));
        assert!(is_clean_after("WATCH GET UNWATCH"));
        assert!(is_clean_after("WATCH MULTI SET EXEC"));
        assert!(is_clean_after("WATCH MULTI DISCARD"));
        assert!(!is_clean_after("WATCH EXEC"), "refused without MULTI");
        assert!(!is_clean_after("WATCH MULTI UNWATCH"), "only queued");
        assert!(!is_clean_after("MULTI"));
    }

    #[test]
    fn a_transaction_in_one_piece_ends_a_watch() {
        let mut residue = Residue::default();
        residue.note(&cmd("WATCH").arg("k"));
        residue.note(&Command::pipeline([cmd("GET").arg("k")]));
        assert!(!residue.is_none());
        residue.note(&Command::transaction([cmd("INCR").arg("k")]));
        assert!(residue.is_none());
    }

    #[test]
    fn asking_goes_before_a_transaction_and_not_into_it() {
        let mut residue = Residue::default();
        assert!(residue.allows_asking(&Command::transaction([cmd("GET").arg("k")])));
        assert!(residue.allows_asking(&Command::pipeline([cmd("GET").arg("k")])));
        assert!(!residue.allows_asking(&Command::pipeline([cmd("MULTI"), cmd("EXEC")])));
        assert!(residue.allows_asking(&cmd("MULTI")));
        residue.note(&cmd("MULTI"));
        assert!(!residue.allows_asking(&cmd("GET").arg("k")));
        assert!(!residue.allows_asking(&cmd("EXEC")));
        residue.note(&cmd("EXEC"));
        assert!(residue.allows_asking(&cmd("GET").arg("k")));
    }

    #[test]
    fn other_changes_of_the_connection_last() {
        assert!(!is_clean_after("SELECT"));
        assert!(!is_clean_after("READONLY READWRITE"));
        for subcommand in ["SETINFO", "SETNAME"] {
            let mut residue = Residue::default();
            residue.note(&cmd("CLIENT").arg(subcommand).arg("name"));
            assert!(!residue.is_none(), "{subcommand}");
        }
        let mut residue = Residue::default();
        residue.note(&Command::pipeline([cmd("SELECT").arg(1)]));
        assert!(!residue.is_none());
    }
}
