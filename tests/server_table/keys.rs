//! The keys our table finds are those a real server finds: `COMMAND GETKEYS` is asked about every command.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tower::ServiceExt;
use tower_redis_cluster::command::{CommandInfo, all, lookup};
use tower_redis_cluster::{Command, Connection, Error, Value, cmd};

use crate::{connection, differences, samples, support};

/// What a server says of a command line.
enum Answer {
    /// It does not have the command.
    Unknown,
    /// So many arguments it does not take. Where servers have different arities, the table has the less strict.
    WrongArity,
    /// It finds no keys, or not where they are.
    NoKeys(String),
    Keys(Vec<Bytes>),
}

#[tokio::test]
async fn our_table_finds_the_keys_that_the_server_finds() {
    let Some(local) = support::local(1, 0).await else {
        return;
    };
    let connection = connection(&local).await;

    let mut wrong = Vec::new();
    let mut with_keys = BTreeSet::new();
    let mut known = BTreeSet::new();
    let lines = samples::all_lines();
    for chunk in lines.chunks(1000) {
        let answers = chunk.iter().map(|line| ask(connection.clone(), line));
        for (line, answer) in chunk.iter().zip(join_all(answers).await) {
            let info = info(line);
            if !matches!(answer, Answer::Unknown) {
                known.insert(info.name());
            }
            if let Answer::Keys(_) = answer {
                with_keys.insert(info.name());
            }
            let difference = match check(line) {
                Ok(()) => difference(info, line, &answer),
                Err(error) => wrongly_refused(&connection, line, &answer)
                    .await
                    .then(|| format!("{line:?}: {error}")),
            };
            if differences::reason(info, line).is_none() {
                wrong.extend(difference);
            }
        }
    }
    println!("{} lines, {} commands known", lines.len(), known.len());
    assert!(
        wrong.is_empty(),
        "{} of {} lines differ:\n{}",
        wrong.len(),
        lines.len(),
        wrong.join("\n")
    );
    let unasked: Vec<_> = all()
        .filter(|info| has_keys(info) && known.contains(info.name()))
        .filter(|info| !with_keys.contains(info.name()))
        .collect();
    assert!(unasked.is_empty(), "no sample has keys: {unasked:?}");
}

fn has_keys(info: &CommandInfo) -> bool {
    info.key_specs().iter().any(|spec| !spec.not_key)
}

/// The table's entry for a line.
fn info(line: &[String]) -> &'static CommandInfo {
    let info = lookup(line[0].as_bytes()).expect("samples are of the table");
    let subcommand = line
        .get(1)
        .and_then(|name| info.subcommand(name.as_bytes()));
    subcommand.unwrap_or(info)
}

async fn ask(connection: Connection, line: &[String]) -> Answer {
    let question = cmd("COMMAND").arg("GETKEYS").arg(line);
    let reply = connection.oneshot(question).await.expect("the server runs");
    match reply {
        Value::Array(keys) => Answer::Keys(
            keys.into_iter()
                .map(|key| match key {
                    Value::BulkString(key) => key,
                    other => panic!("{line:?}: a key is {other:?}"),
                })
                .collect(),
        ),
        Value::Error(error) => match error.to_string() {
            text if text.contains("Invalid command") => Answer::Unknown,
            text if text.contains("number of arguments") => Answer::WrongArity,
            text => Answer::NoKeys(text),
        },
        other => panic!("{line:?}: the server says {other:?}"),
    }
}

/// What we find wrong with a line.
fn check(line: &[String]) -> Result<(), Error> {
    command(line).check()
}

fn command(line: &[String]) -> Command {
    line.iter().skip(1).fold(cmd(&line[0]), Command::arg)
}

/// True if we refuse a line that the server executes. Only lines with keys are tried: those are what we know to judge.
async fn wrongly_refused(connection: &Connection, line: &[String], answer: &Answer) -> bool {
    if !matches!(answer, Answer::Keys(_)) {
        return false;
    }
    let reply = connection.clone().oneshot(command(line));
    let reply = tokio::time::timeout(Duration::from_secs(5), reply).await;
    !matches!(reply, Ok(Ok(Value::Error(_)) | Err(_)))
}

/// How the keys we find differ from the server's.
fn difference(info: &CommandInfo, line: &[String], answer: &Answer) -> Option<String> {
    let found = info.find_keys(line.len(), line.iter().map(String::as_bytes));
    let mut ours: Vec<&str> = match found {
        Ok(positions) => positions.map(|at| line[at].as_str()).collect(),
        Err(error) => return Some(format!("{line:?}: {error}, but the check passes")),
    };
    // Servers may give the keys of several rules in another order.
    ours.sort_unstable();
    let theirs = match answer {
        Answer::Unknown | Answer::WrongArity => return None,
        Answer::NoKeys(_) if ours.is_empty() => return None,
        Answer::NoKeys(error) => error.clone(),
        Answer::Keys(keys) => {
            let text = |key| String::from_utf8_lossy(key).into_owned();
            let mut theirs: Vec<_> = keys.iter().map(|key| text(key)).collect();
            theirs.sort_unstable();
            if ours == theirs {
                return None;
            }
            format!("{theirs:?}")
        }
    };
    Some(format!(
        "{line:?}: we find {ours:?}, and the server {theirs}"
    ))
}
