//! Commands that may be sent twice although the servers do not call them read-only.
//!
//! The servers' flag `readonly` is about keys. Commands that touch none have neither it nor `write`, be it `PING` or
//! `SHUTDOWN`, and no other flag tells them apart. So they are listed: those that only ask, and those after which a
//! second time changes nothing. What is not here may do harm when it is sent again, or has arguments with which it
//! may: `ACL LOG RESET`, `CONFIG SET` after another client's, `PUBLISH`, `SCRIPT FLUSH`. `WAIT` is not here, for it is
//! about the connection it was sent on.

use super::CommandInfo;

const REPEATABLE: &[&str] = &[
    "ACL CAT",
    "ACL DRYRUN",
    "ACL GENPASS",
    "ACL GETUSER",
    "ACL LIST",
    "ACL USERS",
    "ACL WHOAMI",
    "CLIENT GETNAME",
    "CLIENT GETREDIR",
    "CLIENT ID",
    "CLIENT INFO",
    "CLIENT LIST",
    "CLIENT TRACKINGINFO",
    "CLUSTER COUNT-FAILURE-REPORTS",
    "CLUSTER COUNTKEYSINSLOT",
    "CLUSTER GETKEYSINSLOT",
    "CLUSTER GETSLOTMIGRATIONS",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT",
    "CLUSTER LINKS",
    "CLUSTER MYID",
    "CLUSTER MYSHARDID",
    "CLUSTER NODES",
    "CLUSTER REPLICAS",
    "CLUSTER SHARDS",
    "CLUSTER SLAVES",
    "CLUSTER SLOT-STATS",
    "CLUSTER SLOTS",
    "COMMAND",
    "COMMAND COUNT",
    "COMMAND DOCS",
    "COMMAND GETKEYS",
    "COMMAND GETKEYSANDFLAGS",
    "COMMAND INFO",
    "COMMAND LIST",
    "COMMANDLOG GET",
    "COMMANDLOG LEN",
    "CONFIG GET",
    "ECHO",
    "FUNCTION DUMP",
    "FUNCTION LIST",
    "FUNCTION STATS",
    "HOTKEYS GET",
    "INFO",
    "LASTSAVE",
    "LATENCY DOCTOR",
    "LATENCY GRAPH",
    "LATENCY HISTOGRAM",
    "LATENCY HISTORY",
    "LATENCY LATEST",
    "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS",
    "MEMORY STATS",
    "MODULE LIST",
    "PING",
    "PUBSUB CHANNELS",
    "PUBSUB NUMPAT",
    "PUBSUB NUMSUB",
    "PUBSUB SHARDCHANNELS",
    "PUBSUB SHARDNUMSUB",
    "ROLE",
    "SCRIPT EXISTS",
    // A script is kept by its digest.
    "SCRIPT LOAD",
    "SCRIPT SHOW",
    "SLOWLOG GET",
    "SLOWLOG LEN",
    "TIME",
];

impl CommandInfo {
    /// True if sending it twice does no harm: it [only reads](Self::is_read_only), or asks the server about itself, or
    /// changes nothing the second time.
    ///
    /// Commands that write are not among them even where their arguments would make it so, as with most `SET`s:
    /// another client may have written in between. An application that knows better says so with
    /// [`Command::idempotent`](crate::Command::idempotent).
    ///
    /// ```
    /// use tower_redis_cluster::command::lookup;
    ///
    /// let is_idempotent = |name: &[u8]| lookup(name).is_some_and(|info| info.is_idempotent());
    /// assert!(is_idempotent(b"GET") && is_idempotent(b"INFO"));
    /// assert!(!is_idempotent(b"INCR") && !is_idempotent(b"PUBLISH") && !is_idempotent(b"EVAL"));
    /// ```
    pub fn is_idempotent(&self) -> bool {
        self.is_read_only() || self.name().ends_with(" HELP") || REPEATABLE.contains(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::{Flags, all};

    #[test]
    fn the_list_is_of_commands_that_no_flag_tells_apart() {
        assert!(REPEATABLE.is_sorted());
        for name in REPEATABLE {
            let info = all().find(|info| info.name() == *name);
            let info = info.unwrap_or_else(|| panic!("the table has no {name}"));
            assert!(!info.is_read_only() && !info.is_write(), "{name}");
            assert!(!info.is_blocking() && info.key_specs().is_empty(), "{name}");
        }
    }

    #[test]
    fn what_changes_something_is_not_repeated() {
        for info in all().filter(|info| info.is_idempotent()) {
            assert!(!info.is_write(), "{info:?}");
            let words = [
                "SET", "RESET", "KILL", "FLUSH", "PAUSE", "START", "STOP", "DELUSER", "PURGE",
            ];
            let last = info.name().rsplit(' ').next().unwrap_or_default();
            assert!(!words.contains(&last), "{info:?}");
        }
        for name in [
            "EVAL",
            "EVALSHA",
            "FCALL",
            "PUBLISH",
            "SPUBLISH",
            "WAIT",
            "WAITAOF",
            "SHUTDOWN",
            "FAILOVER",
            "FUNCTION LOAD",
            "CLUSTER FAILOVER",
            "ACL LOG",
            "DEBUG",
            "BGSAVE",
            "INCR",
            "SET",
            "XADD",
        ] {
            let info = all().find(|info| info.name() == name);
            assert!(!info.expect("the table has it").is_idempotent(), "{name}");
        }
    }

    #[test]
    fn every_command_that_is_not_repeated_has_a_reason() {
        // Writes and scripts change data; these flags mark what changes a server, a connection or what others hear.
        let change = [Flags::WRITE, Flags::ADMIN, Flags::PUBSUB, Flags::BLOCKING];
        let is_marked = |info: &CommandInfo| {
            change.iter().any(|flag| info.flags().contains(*flag))
                || matches!(info.group(), "connection" | "transactions" | "scripting")
                || !info.subcommands().is_empty()
        };
        let others: Vec<_> = all()
            .filter(|info| !info.is_idempotent() && !is_marked(info))
            .map(CommandInfo::name)
            .collect();
        assert_eq!(others, ["ASKING", "MEMORY PURGE", "READONLY", "READWRITE"]);
    }
}
