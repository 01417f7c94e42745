//! Facts of the table that are worse wrong than missing, against `COMMAND`.

use tower::ServiceExt;
use tower_redis_cluster::command::{CommandInfo, Flags, all};
use tower_redis_cluster::{Value, cmd};

use crate::{connection, support};

/// What a server says of one of its commands.
struct Reported {
    /// In upper case, with the subcommand's.
    name: String,
    arity: i64,
    flags: Vec<String>,
}

#[tokio::test]
async fn our_table_allows_what_the_server_allows_and_is_no_bolder() {
    let Some(local) = support::local(1, 0).await else {
        return;
    };
    let reply = connection(&local).await.oneshot(cmd("COMMAND")).await;
    let reported = reported(&reply.expect("the server runs"));
    println!("{} commands", reported.len());
    assert!(reported.len() > 200);
    let mut wrong = Vec::new();
    for command in &reported {
        // A later server may have commands that the table does not know.
        if let Some(info) = all().find(|info| info.name() == command.name) {
            let found = objections(info, command);
            wrong.extend(found.into_iter().map(|it| format!("{info:?}: {it}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn objections(info: &CommandInfo, command: &Reported) -> Vec<String> {
    let has = |flag: &str| command.flags.iter().any(|each| each == flag);
    let mut found = Vec::new();
    let ours = i64::from(info.arity());
    let takes_all = match (ours, command.arity) {
        (1.., theirs) => theirs == ours,
        (_, theirs) => ours.abs() <= theirs.abs(),
    };
    if !takes_all {
        found.push(format!("takes {ours}, and the server {}", command.arity));
    }
    if info.is_read_only() && !has("readonly") {
        found.push("reads only, which the server does not say".to_owned());
    }
    if info.is_idempotent() && has("write") {
        found.push("may be repeated, and the server calls it a write".to_owned());
    }
    if !info.is_blocking() && has("blocking") {
        found.push("does not block, and the server says it does".to_owned());
    }
    if !info.flags().contains(Flags::NO_MULTI) && has("no_multi") {
        found.push("may stand in a transaction, which the server does not allow".to_owned());
    }
    found
}

/// The reply to `COMMAND`, containers and what they contain alike.
fn reported(reply: &Value) -> Vec<Reported> {
    let mut all = Vec::new();
    for entry in elements(reply) {
        let fields = elements(entry);
        let [name, arity, flags, ..] = fields else {
            panic!("an entry of COMMAND is {entry:?}");
        };
        let Value::Integer(arity) = arity else {
            panic!("an arity is {arity:?}");
        };
        all.push(Reported {
            name: text(name).to_uppercase().replace('|', " "),
            arity: *arity,
            flags: elements(flags).iter().map(text).collect(),
        });
        // From 7.0 on.
        if let Some(subcommands) = fields.get(9) {
            all.extend(reported(subcommands));
        }
    }
    all
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        other => panic!("{other:?} is no list"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(text) | Value::SimpleString(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => panic!("{other:?} is no text"),
    }
}
