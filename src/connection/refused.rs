//! Commands that must not go over a connection that others use too.

use crate::command::Command;
use crate::error::Error;

/// The servers' default for `proto-max-bulk-len`, in bytes. A longer argument makes them close the connection, and with
/// it goes what its other users have in flight.
const MAX_ARGUMENT: usize = 512 * 1024 * 1024;

/// An error if the command must not be sent over this connection.
pub(super) fn check(command: &Command) -> Option<Error> {
    is_too_large(command)
        .then(|| command.invalid("an argument is longer than 512 MiB, the most that servers take"))
        .or_else(|| check_state(command))
}

fn is_too_large(command: &Command) -> bool {
    command.encoded_len() > MAX_ARGUMENT
        && command.args().any(|argument| argument.len() > MAX_ARGUMENT)
}

/// An error if the command changes the state of its connection, or has no reply, or more than one: either
/// would give later replies to the wrong callers, or other callers a connection they did not ask for.
fn check_state(command: &Command) -> Option<Error> {
    let info = command.info()?;
    let is_refused = match info.group() {
        "connection" => matches!(
            info.name(),
            "AUTH"
                | "CLIENT CACHING"
                | "CLIENT CAPA"
                | "CLIENT IMPORT-SOURCE"
                | "CLIENT NO-EVICT"
                | "CLIENT NO-TOUCH"
                | "CLIENT REPLY"
                | "CLIENT TRACKING"
                | "HELLO"
                | "QUIT"
                | "RESET"
                | "SELECT"
        ),
        "pubsub" => info.name().ends_with("SUBSCRIBE"),
        "transactions" => true,
        "cluster" => matches!(info.name(), "ASKING" | "READONLY" | "READWRITE"),
        "scripting" => info.name() == "SCRIPT DEBUG",
        "server" => matches!(info.name(), "MONITOR" | "PSYNC" | "REPLCONF" | "SYNC"),
        _ => false,
    };
    is_refused.then(|| {
        command
            .invalid("the command changes the state of its connection, which other callers share")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd;

    #[test]
    fn refuses_what_changes_the_connection() {
        for name in [
            "subscribe",
            "SSUBSCRIBE",
            "UNSUBSCRIBE",
            "MULTI",
            "EXEC",
            "WATCH",
            "SELECT",
            "HELLO",
            "AUTH",
            "RESET",
            "QUIT",
            "MONITOR",
            "SYNC",
            "PSYNC",
            "ASKING",
            "READONLY",
        ] {
            assert!(check(&cmd(name)).is_some(), "{name}");
        }
        for (name, subcommand) in [
            ("CLIENT", "REPLY"),
            ("client", "no-touch"),
            ("CLIENT", "CAPA"),
            ("SCRIPT", "DEBUG"),
        ] {
            let command = cmd(name).arg(subcommand);
            assert!(check(&command).is_some(), "{name} {subcommand}");
        }
    }

    #[test]
    fn refuses_an_argument_that_no_server_takes() {
        // Zeroed and never looked at, such memory is not really there.
        let set = |len| cmd("SET").arg("k").arg(vec![0u8; len]);
        assert!(check(&set(MAX_ARGUMENT + 1)).is_some());
        assert!(check(&set(MAX_ARGUMENT)).is_none());
    }

    #[test]
    fn lets_everything_else_pass() {
        for name in [
            "GET",
            "PUBLISH",
            "SPUBLISH",
            "PING",
            "CLUSTER",
            "INFO",
            "MODULE.COMMAND",
        ] {
            assert!(check(&cmd(name)).is_none(), "{name}");
        }
        assert!(check(&cmd("CLIENT").arg("ID")).is_none());
    }
}
