//! Pipelines and transactions through the whole stack, over the in-process cluster.

use std::time::Duration;

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Command, Delivery, ServerError, Slot, Value, cmd};

async fn connect(fake: &FakeCluster) -> Cluster {
    Cluster::builder(fake.urls())
        .timeout(Duration::from_secs(2))
        .connect()
        .await
        .expect("the servers run")
}

async fn send(cluster: &Cluster, commands: impl IntoIterator<Item = Command>) -> Vec<Value> {
    match cluster.send(Command::pipeline(commands)).await {
        Ok(Value::Array(replies)) => replies,
        other => panic!("{other:?}"),
    }
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key:{number}")).collect()
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.to_owned().into())
}

/// The first key whose slot this node serves.
fn key_on(fake: &FakeCluster, node: usize) -> String {
    let mut candidates = keys(1000).into_iter();
    let key = candidates.find(|key| fake.owner(Slot::of(key)) == Some(node));
    key.expect("a thousand keys are on all nodes")
}

#[tokio::test]
async fn thousand_commands_over_all_nodes_are_answered_in_order() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    let keys = keys(1000);
    let sets = keys.iter().map(|key| cmd("SET").arg(key).arg(key));
    let replies = send(&cluster, sets).await;
    assert!(
        replies
            .iter()
            .all(|reply| *reply == Value::SimpleString("OK".into()))
    );
    let replies = send(&cluster, keys.iter().map(|key| cmd("GET").arg(key))).await;
    let expected: Vec<_> = keys.iter().map(|key| bulk(key)).collect();
    assert!(replies == expected);
    assert_eq!(cluster.metrics().redirects_moved, 0);
}

#[tokio::test]
async fn commands_find_their_keys_while_slots_migrate_and_after() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    let names: Vec<_> = keys(20)
        .iter()
        .map(|tag| format!("{{moving}}{tag}"))
        .collect();
    send(
        &cluster,
        names.iter().map(|key| cmd("SET").arg(key).arg(key)),
    )
    .await;
    let expected: Vec<_> = names.iter().map(|key| bulk(key)).collect();
    let get = || names.iter().map(|key| cmd("GET").arg(key));

    let slot = Slot::of("moving");
    let owner = fake.owner(slot).expect("all slots are served");
    fake.begin_migration(slot, (owner + 1) % 3);
    for key in names.iter().step_by(2) {
        assert!(fake.move_key(key));
    }
    assert!(send(&cluster, get()).await == expected);
    assert_eq!(cluster.metrics().redirects_ask, 10);
    assert_eq!(cluster.metrics().redirects_moved, 0);

    for key in names.iter().skip(1).step_by(2) {
        assert!(fake.move_key(key));
    }
    fake.finish_migration(slot);
    assert!(send(&cluster, get()).await == expected);
    assert_eq!(cluster.metrics().redirects_moved, 20);
    assert!(send(&cluster, get()).await == expected);
    assert_eq!(cluster.metrics().redirects_moved, 20, "the map is patched");
}

#[tokio::test]
async fn refused_command_is_sent_again_alone() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    let refusal = ServerError::new("TRYAGAIN Multiple keys request during rehashing of slot");
    fake.node(1).answer("INCR", Value::Error(refusal), 1);
    let counters = [0, 1, 1, 2].map(|node| key_on(&fake, node));
    let replies = send(&cluster, counters.iter().map(|key| cmd("INCR").arg(key))).await;
    // The first of the two on node 1 was refused, and came after the second.
    assert_eq!(replies, [1, 2, 1, 1].map(Value::Integer));
    assert_eq!(cluster.metrics().retries, 1);
}

#[tokio::test]
async fn node_that_is_silent_fails_the_pipeline_at_its_deadline() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    let counters = [0, 1, 2].map(|node| key_on(&fake, node));
    let increments = || Command::pipeline(counters.iter().map(|key| cmd("INCR").arg(key)));
    cluster.send(increments()).await.expect("replies");
    fake.node(1).stall();
    let request = increments().timeout(Duration::from_millis(200));
    let failure = cluster.send(request.clone()).await.expect_err("silent");
    assert!(failure.is_timeout(), "{failure}");
    assert_eq!(failure.delivery(), Delivery::Unknown);
    assert_eq!(failure.node(), Some(&fake.node(1).addr()));
    fake.node(1).resume();

    // The same command again is another request, which knows nothing of the first.
    let reply = cluster.send(request).await.expect("replies");
    let Value::Array(replies) = reply else {
        panic!("an array");
    };
    assert_eq!(
        (&replies[0], &replies[2]),
        (&Value::Integer(3), &Value::Integer(3))
    );
}

#[tokio::test]
async fn transaction_follows_its_slot() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    let transfer =
        || Command::transaction([cmd("DECR").arg("{account}a"), cmd("INCR").arg("{account}b")]);
    let balances = |a, b| Value::Array(vec![Value::Integer(a), Value::Integer(b)]);
    assert_eq!(
        cluster.send(transfer()).await.expect("applied"),
        balances(-1, 1)
    );
    let slot = Slot::of("account");
    let owner = fake.owner(slot).expect("all slots are served");
    fake.migrate_slot(slot, (owner + 1) % 3);
    assert_eq!(
        cluster.send(transfer()).await.expect("applied"),
        balances(-2, 2)
    );
    assert_eq!(cluster.metrics().redirects_moved, 1);

    fake.begin_migration(slot, owner);
    for key in ["{account}a", "{account}b"] {
        assert!(fake.move_key(key));
    }
    assert_eq!(
        cluster.send(transfer()).await.expect("applied"),
        balances(-3, 3)
    );
    assert_eq!(cluster.metrics().redirects_ask, 1);
}

#[tokio::test]
async fn topology_is_told_through_the_whole_stack() {
    let fake = FakeCluster::builder().primaries(3).replicas(1).start();
    let fake = fake.await.expect("free ports");
    let cluster = connect(&fake).await;
    let topology = cluster.topology().await.expect("a topology");
    assert!(topology.is_complete());
    assert_eq!(
        (topology.primaries().len(), topology.nodes().count()),
        (3, 6)
    );
}
