//! Commands that must not go over a connection that others use too.

use crate::command::{Batch, BlockTime, Command, CommandInfo};
use crate::error::Error;

/// The servers' default for `proto-max-bulk-len`, in bytes. A longer argument makes them close the connection, and with
/// it goes what its other users have in flight.
const MAX_ARGUMENT: usize = 512 * 1024 * 1024;

/// An error if the command must not be sent over this connection.
pub(super) fn check(command: &Command) -> Option<Error> {
    match command.batch() {
        None if command.is_plain() => check_size(command),
        None => check_size(command).or_else(|| check_state(command, command.is_exclusive())),
        Some(batch) => batch
            .commands()
            .iter()
            .find_map(|part| check_part(part, batch, command.is_exclusive())),
    }
}

/// An error if the command must not be one of this batch, over a connection that is exclusive or not.
pub(crate) fn check_part(command: &Command, batch: &Batch, is_exclusive: bool) -> Option<Error> {
    if command.batch().is_some() {
        return Some(command.invalid("a batch cannot be part of another"));
    }
    if command.block_time() != BlockTime::NotBlocking {
        return Some(
            command.invalid("the command would hold up the rest of its batch; send it by itself"),
        );
    }
    // Whatever the connection: an `EXEC` of its own would end the transaction before its time.
    let is_exclusive = (is_exclusive || command.is_exclusive())
        && !(batch.is_transaction() && is_about_transactions(command));
    check_size(command).or_else(|| check_state(command, is_exclusive))
}

fn check_size(command: &Command) -> Option<Error> {
    let is_too_large = command.encoded_len() > MAX_ARGUMENT
        && command.args().any(|argument| argument.len() > MAX_ARGUMENT);
    is_too_large
        .then(|| command.invalid("an argument is longer than 512 MiB, the most that servers take"))
}

/// An error if the command changes the state of its connection, or has no reply, or more than one: either
/// would give later replies to the wrong callers, or other callers a connection they did not ask for.
fn check_state(command: &Command, is_exclusive: bool) -> Option<Error> {
    let info = command.info()?;
    match effect(info) {
        Effect::None => None,
        Effect::State if is_exclusive => None,
        Effect::State => Some(command.invalid(format!(
            "the command changes the state of its connection, which other callers share; {}",
            instead(info)
        ))),
        Effect::Breaks if info.group() == "pubsub" => Some(command.invalid(
            "the command subscribes, which is not supported: replies could not be told apart from messages",
        )),
        Effect::Breaks => Some(command.invalid(
            "the command would leave its connection in a state in which replies cannot be told apart, or as another \
             than the connector made it",
        )),
    }
}

/// What to do in place of sending a command of [`Effect::State`].
fn instead(info: &CommandInfo) -> &'static str {
    match info.name() {
        "SELECT" => "name the database in the URL, as in valkey://host/3",
        "WATCH" | "UNWATCH" => "use `Cluster::watch`, or send it over a `Cluster::lease`",
        "MULTI" | "EXEC" | "DISCARD" => "use `Cluster::transaction`",
        _ => "send it over a `Cluster::lease`",
    }
}

/// True if the command would not leave its connection as it found it.
pub(crate) fn changes_state(command: &Command) -> bool {
    let effect = command.info().map(effect);
    effect.is_some_and(|effect| effect != Effect::None)
}

fn is_about_transactions(command: &Command) -> bool {
    command
        .info()
        .is_some_and(|info| info.group() == "transactions")
}

/// What a command does to its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effect {
    None,
    /// Later commands are treated differently. Each command still has one reply, so that who has the connection to
    /// himself may do that.
    State,
    /// Replies come that no command asked for, or fail to come (subscriptions in RESP2, `MONITOR`, replication, the
    /// script debugger, `CLIENT REPLY`), or the connection is no longer what was connected: of this user, in this
    /// version of the protocol, or open.
    Breaks,
}

fn effect(info: &CommandInfo) -> Effect {
    match (info.group(), info.name()) {
        (
            "connection",
            "CLIENT CACHING"
            | "CLIENT CAPA"
            | "CLIENT IMPORT-SOURCE"
            | "CLIENT NO-EVICT"
            | "CLIENT NO-TOUCH"
            | "CLIENT TRACKING"
            | "SELECT",
        )
        | ("transactions", _)
        | ("cluster", "ASKING" | "READONLY" | "READWRITE") => Effect::State,
        ("connection", "AUTH" | "CLIENT REPLY" | "HELLO" | "QUIT" | "RESET")
        | ("scripting", "SCRIPT DEBUG")
        | ("server", "MONITOR" | "PSYNC" | "REPLCONF" | "SYNC") => Effect::Breaks,
        ("pubsub", name) if name.ends_with("SUBSCRIBE") => Effect::Breaks,
        _ => Effect::None,
    }
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
    fn a_refusal_says_what_to_do_instead() {
        for (name, instead) in [
            ("SELECT", "valkey://host/3"),
            ("MULTI", "`Cluster::transaction`"),
            ("WATCH", "`Cluster::watch`"),
            ("READONLY", "`Cluster::lease`"),
            ("SUBSCRIBE", "not supported"),
        ] {
            let error = check(&cmd(name)).expect(name).to_string();
            assert!(error.contains(instead), "{error}");
        }
    }

    #[test]
    fn who_is_alone_may_change_the_state_but_not_break_it() {
        let exclusive = |name| {
            let mut command = cmd(name);
            command.set_exclusive();
            command
        };
        for name in [
            "WATCH", "UNWATCH", "MULTI", "EXEC", "DISCARD", "SELECT", "READONLY",
        ] {
            assert!(check(&exclusive(name)).is_none(), "{name}");
        }
        assert!(check(&exclusive("CLIENT").arg("TRACKING")).is_none());
        for name in [
            "SUBSCRIBE",
            "MONITOR",
            "SYNC",
            "QUIT",
            "RESET",
            "HELLO",
            "AUTH",
        ] {
            assert!(check(&exclusive(name)).is_some(), "{name}");
        }
        assert!(check(&exclusive("CLIENT").arg("REPLY")).is_some());
    }

    #[test]
    fn a_batch_holds_what_may_be_sent_by_itself() {
        let large = cmd("SET").arg("k").arg(vec![0u8; MAX_ARGUMENT + 1]);
        for refused in [
            cmd("SELECT").arg(1),
            cmd("SUBSCRIBE").arg("news"),
            cmd("MULTI"),
            cmd("BLPOP").arg("q").arg(0),
            Command::pipeline([cmd("PING")]),
            Command::transaction([]),
            large,
        ] {
            let commands = [cmd("GET").arg("k"), refused.clone()];
            assert!(
                check(&Command::pipeline(commands.clone())).is_some(),
                "{refused:?}"
            );
            assert!(
                check(&Command::transaction(commands)).is_some(),
                "{refused:?}"
            );
        }
        let fine = [
            cmd("GET").arg("k"),
            cmd("XREAD").arg("STREAMS").arg("s").arg(0),
        ];
        assert!(check(&Command::pipeline(fine.clone())).is_none());
        assert!(check(&Command::transaction(fine)).is_none());
    }

    #[test]
    fn who_is_alone_may_watch_in_a_pipeline_but_not_in_a_transaction() {
        let mut pipeline = Command::pipeline([cmd("WATCH").arg("k"), cmd("GET").arg("k")]);
        pipeline.set_exclusive();
        assert!(check(&pipeline).is_none());
        for name in ["WATCH", "EXEC", "DISCARD", "MULTI"] {
            let mut transaction = Command::transaction([cmd(name)]);
            transaction.set_exclusive();
            assert!(check(&transaction).is_some(), "{name}");
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
