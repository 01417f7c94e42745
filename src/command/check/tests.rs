use proptest::prelude::*;

use super::*;
use crate::command::{Target, all, cmd, lookup};

/// A command of words split at spaces, of which none are keys by name.
fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    words.fold(cmd(name), |command, word| command.arg(word))
}

fn refusal(command: &Command) -> String {
    let error = command.check().expect_err("it is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    error.to_string()
}

const HINT: &str = "; where a server takes others, `Command::unchecked` lets it pass";

#[test]
fn a_name_that_holds_arguments_is_refused_with_the_way_to_give_them() {
    for name in ["GET user:1", "CLUSTER NODES", "MODULE.CALL it"] {
        let message = refusal(&cmd(name));
        assert!(
            message.starts_with("no command has spaces in its name"),
            "{message}"
        );
        assert!(message.contains(".arg("), "{message}");
    }
    assert!(cmd("MODULE.CALL").arg("a b").check().is_ok());
}

#[test]
fn a_wrong_number_of_arguments_is_told_with_the_right_one() {
    for (line, message) in [
        ("GET", "the command takes 1 argument, the key, not 0"),
        ("get a b", "the command takes 1 argument, the key, not 2"),
        (
            "SET k",
            "the command takes at least 2 arguments, the first of them its key, not 1",
        ),
        (
            "GETRANGE k 1",
            "the command takes 3 arguments, the first of them its key, not 2",
        ),
        ("MGET", "the command takes at least 1 argument, not 0"),
        ("RENAME a", "the command takes 2 arguments, not 1"),
        ("DBSIZE now", "the command takes 0 arguments, not 1"),
        (
            "OBJECT ENCODING",
            "the command takes 1 argument, the key, not 0",
        ),
        ("CLUSTER KEYSLOT a b", "the command takes 1 argument, not 2"),
        (
            "XGROUP CREATE k g",
            "the command takes at least 3 arguments, the first of them its key, not 2",
        ),
    ] {
        let command = command(line);
        let expected = format!("{message}{HINT} (command {}, not sent)", command.name());
        assert_eq!(refusal(&command), expected, "{line}");
        command.unchecked().check().expect(line);
    }
}

#[test]
fn what_is_missing_or_does_not_match_is_named() {
    for (line, message) in [
        (
            "CONFIG",
            "the command needs a subcommand, as in CONFIG GET (command CONFIG, not sent)",
        ),
        (
            "XREAD COUNT 1 k",
            "the command needs a key, and has none (command XREAD, not sent)",
        ),
        (
            "SINTERCARD 0 k",
            "SINTERCARD: numkeys (argument 1) is 0, where at least one key is needed (command SINTERCARD, not sent)",
        ),
        (
            "EVAL s 2 a",
            "EVAL: numkeys is 2, but only 1 argument follows (command EVAL, not sent)",
        ),
        (
            "ZMPOP two a MIN",
            "ZMPOP: numkeys (argument 1) is not a count (command ZMPOP, not sent)",
        ),
        (
            "MSETEX 2 a 1 b",
            "MSETEX: numkeys is 2, but only 3 arguments follow (command MSETEX, not sent)",
        ),
        (
            "MSET a 1 b",
            "3 arguments for keys that take 2 each: one lacks what belongs to it (command MSET, not sent)",
        ),
        (
            "XREAD STREAMS a b 0",
            "3 arguments for keys that take 2 each: one lacks what belongs to it (command XREAD, not sent)",
        ),
    ] {
        let command = command(line);
        assert_eq!(refusal(&command), message, "{line}");
        command.unchecked().check().expect(line);
    }
}

#[test]
fn a_command_without_a_name_is_refused_even_unchecked() {
    let message = "the command has no name; give it one, as in cmd(\"GET\")";
    assert_eq!(refusal(&cmd("")), message);
    assert_eq!(refusal(&cmd("").arg("k").unchecked()), message);
}

#[test]
fn nan_is_refused_where_a_number_is_meant() {
    for command in [
        cmd("ZADD").arg("k").arg((f64::NAN, "member")),
        cmd("ZADD").arg("k").arg((f32::NAN, "member")),
        cmd("INCRBYFLOAT").arg("k").arg(f64::NAN),
        cmd("GEOADD").arg("k").arg((f64::NAN, 1.0, "member")),
        cmd("BLPOP").arg("k").arg(f64::NAN),
    ] {
        let message = "argument 2 is NaN, where the command takes a number";
        assert!(refusal(&command).starts_with(message), "{command:?}");
    }
    let twice = cmd("HINCRBYFLOAT").arg(("k", "f", f64::NAN));
    assert!(refusal(&twice).starts_with("argument 3 is NaN"));
    twice.unchecked().check().expect("the server refuses it");
    for command in [
        cmd("SET").arg("k").arg(f64::NAN),
        cmd("ZADD").arg("k").arg((f64::INFINITY, "member")),
        cmd("ZADD").arg("k").arg((1, "NaN")),
    ] {
        command.check().expect("a value, or a number");
    }
}

#[test]
fn what_the_servers_take_passes() {
    for line in [
        "GET k",
        "PING",
        "PING text",
        "EVAL s 0",
        "MSET a 1 b 2",
        "XREAD COUNT 1 STREAMS a b 0 0",
        "XREADGROUP GROUP g c STREAMS a >",
        "MIGRATE h 1 k 0 9",
        "SORT k",
        "OBJECT HELP",
        "XGROUP NEWSUBCOMMAND",
        "COMMAND",
        "SUNSUBSCRIBE",
        "MODULE.COMMAND",
        "ZRANK k m",
        "ZRANK k m WITHSCORE",
        "CLUSTER REPLICATE id",
    ] {
        command(line).check().expect(line);
    }
}

#[test]
fn each_command_of_a_batch_is_checked() {
    let commands = || [cmd("GET").arg("k"), cmd("INCR"), cmd("GET").arg("k")];
    for batch in [
        Command::pipeline(commands()),
        Command::transaction(commands()).target(Target::key("k")),
    ] {
        let message = refusal(&batch);
        assert!(message.starts_with("command 2 of 3: the command takes 1 argument"));
        assert!(message.ends_with("(command INCR, not sent)"), "{message}");
    }
    let nested = Command::pipeline([cmd("PING"), Command::transaction(commands())]);
    assert!(refusal(&nested).starts_with("command 2 of 3"));
    Command::pipeline(commands().map(Command::unchecked))
        .check()
        .expect("the server's business");
}

#[test]
fn every_arity_of_the_table_is_kept() {
    for info in all().filter(|info| info.key_specs().is_empty() && !info.name().contains(' ')) {
        let least = usize::from(info.arity().unsigned_abs());
        let of = |count: usize| {
            let command = cmd(info.name());
            (1..count).fold(command, |command, _| command.arg("x"))
        };
        if lookup(info.name().as_bytes()).is_some_and(|it| it.subcommands().is_empty()) {
            assert!(of(least).check().is_ok(), "{info:?}");
        }
        if least > 1 {
            assert!(of(least - 1).check().is_err(), "{info:?}");
        }
        let more = of(least + 1).check();
        assert_eq!(more.is_ok(), info.arity() < 0, "{info:?}");
    }
}

proptest! {
    #[test]
    fn what_passes_has_a_slot_or_needs_none(
        info in proptest::sample::select(all().collect::<Vec<_>>()),
        args in proptest::collection::vec(
            proptest::sample::select(vec!["", "0", "1", "2", "-1", "x", "STORE", "STREAMS", "KEYS", "GET"]),
            0..9,
        ),
    ) {
        let mut words = info.name().split(' ').chain(args);
        let command = words.next().map(cmd).expect("a name");
        let command = words.fold(command, Command::arg);
        let slot = command.slot();
        if command.check().is_ok() {
            let is_crossed = |error: &Error| error.to_string().contains("different slots");
            prop_assert!(slot.as_ref().map_or_else(is_crossed, |_| true), "{slot:?}");
            if command.info().is_some_and(CommandInfo::needs_keys) {
                prop_assert!(!matches!(slot, Ok(None)), "{command:?}");
            }
        }
    }
}
