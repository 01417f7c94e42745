//! What only a real server can show of batches.

use std::time::Duration;

use tower::ServiceExt;

use super::*;
use crate::command::Slot;
use crate::connect::Connector;
use crate::testing::LocalCluster;

/// `None` where there is no server program.
async fn start() -> Option<LocalCluster> {
    let Some(server) = LocalCluster::find_server() else {
        println!("skipped: no redis-server or valkey-server on the PATH");
        return None;
    };
    let builder = LocalCluster::builder(&server).node_timeout(Duration::from_secs(2));
    Some(builder.start().await.expect("a cluster of local servers"))
}

/// The node that serves this key.
async fn owner(local: &LocalCluster, key: &str) -> usize {
    for node in 0..local.addrs().count() {
        let get: Result<Value, _> = local.query(node, cmd("GET").arg(key)).await;
        if get.is_ok() {
            return node;
        }
    }
    panic!("every key has a node");
}

/// Begins to move a slot.
async fn migrate(local: &LocalCluster, slot: Slot, source: usize, target: usize) {
    for (node, state, other) in [(target, "IMPORTING", source), (source, "MIGRATING", target)] {
        let id = local.query(other, cmd("CLUSTER").arg("MYID")).await;
        let id: String = id.expect("a node's id");
        let command = cmd("CLUSTER").arg("SETSLOT").arg(slot.number());
        let done = local.query(node, command.arg(state).arg(id)).await;
        let _: String = done.expect("SETSLOT");
    }
}

async fn connect_to(local: &LocalCluster, node: usize) -> Connection {
    let connecting = Connector::default().oneshot(local.addr(node));
    connecting.await.expect("the server runs")
}

async fn reply(connection: &mut Connection, command: &Command) -> Value {
    let reply = connection.call(command.clone()).await;
    reply.expect("the server runs")
}

fn code(reply: &Value) -> &str {
    reply.as_error().map_or("", |error| error.code())
}

#[tokio::test]
async fn batches_are_let_through_to_a_slot_that_moves() {
    let Some(local) = start().await else {
        return;
    };
    let source = owner(&local, "{t}").await;
    let target = usize::from(source == 0);
    migrate(&local, Slot::of("{t}"), source, target).await;
    let mut source = connect_to(&local, source).await;
    let mut target = connect_to(&local, target).await;
    let incr = |key| cmd("INCR").arg(key);
    let integers = |numbers: [i64; 2]| Value::Array(numbers.map(Value::Integer).to_vec());

    let mut transaction = Command::transaction([incr("{t}a"), incr("{t}a")]);
    assert_eq!(code(&reply(&mut source, &transaction).await), "ASK");
    assert_eq!(code(&reply(&mut target, &transaction).await), "MOVED");
    transaction.set_asking(true);
    assert_eq!(reply(&mut target, &transaction).await, integers([1, 2]));

    let mut pipeline = Command::pipeline([incr("{t}a"), incr("{t}b")]);
    let refused = reply(&mut source, &pipeline).await;
    let refused = refused.into_array().expect("one reply for each");
    assert_eq!(refused.iter().map(code).collect::<Vec<_>>(), ["ASK"; 2]);
    pipeline.set_asking(true);
    assert_eq!(reply(&mut target, &pipeline).await, integers([3, 1]));

    // Servers look at the keys of a transaction together: none may still be at the source.
    let mut torn = Command::transaction([incr("{t}a"), incr("{t}c")]);
    torn.set_asking(true);
    assert_eq!(code(&reply(&mut target, &torn).await), "TRYAGAIN");

    // Nobody else is let through for that.
    assert_eq!(code(&reply(&mut target, &incr("{t}a")).await), "MOVED");
}

#[tokio::test]
async fn a_transaction_behind_a_watch_tells_of_conflicts() {
    let Some(local) = start().await else {
        return;
    };
    let node = owner(&local, "k").await;
    let mut connection = connect_to(&local, node).await;
    let mut other = connect_to(&local, node).await;
    let mut watch = Command::pipeline([cmd("WATCH").arg("k"), cmd("GET").arg("k")]);
    watch.set_exclusive();
    let set = cmd("SET").arg("k").arg("v");
    for transaction in [
        Command::transaction([set.clone()]),
        Command::transaction([]),
    ] {
        reply(&mut connection, &watch).await;
        reply(&mut other, &set).await;
        assert_eq!(reply(&mut connection, &transaction).await, Value::Nil);
        reply(&mut connection, &watch).await;
        let replies = reply(&mut connection, &transaction).await.into_array();
        assert!(replies.is_ok(), "nobody interfered");
    }
}

#[tokio::test]
async fn commands_behind_a_refused_multi_are_not_called_refused() {
    let Some(local) = start().await else {
        return;
    };
    let node = owner(&local, "k").await;
    let mut connection = connect_to(&local, node).await;
    let forbid = cmd("ACL").arg(["SETUSER", "default", "-multi"].as_slice());
    assert_eq!(code(&reply(&mut connection, &forbid).await), "");
    let transaction = Command::transaction([cmd("INCR").arg("k")]);
    let error = connection.call(transaction).await.expect_err("refused");
    assert_eq!(error.delivery(), Delivery::Unknown);
    let value = reply(&mut connection, &cmd("GET").arg("k")).await;
    assert_eq!(value, bulk("1"), "it was applied all the same");
}
