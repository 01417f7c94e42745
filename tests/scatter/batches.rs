//! How many batches a command for many keys takes.

use std::time::Duration;

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Command, Slot, Value, cmd};

const KEYS: usize = 1000;

fn keys() -> Vec<String> {
    (0..KEYS).map(|number| format!("key:{number}")).collect()
}

async fn start() -> (FakeCluster, Cluster) {
    let fake = FakeCluster::start(3).await;
    for node in fake.nodes() {
        // As long as a reply is due, what arrives belongs to the same batch, into however many pieces the kernel cuts it.
        node.delay(Duration::from_millis(50));
    }
    let cluster = Cluster::builder(fake.urls()).timeout(Duration::from_secs(20));
    let cluster = cluster.connect().await.expect("the cluster runs");
    (fake, cluster)
}

/// The most batches with such a command that a node received while `request` was under way.
async fn batches(fake: &FakeCluster, name: &str, request: impl Future<Output = ()>) -> u64 {
    let count = || fake.nodes().iter().map(|node| node.batches(name)).collect();
    let before: Vec<_> = count();
    request.await;
    let after: Vec<_> = count();
    let each = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before);
    each.max().expect("there are nodes")
}

/// Sends all the commands of the keys' lifetime, and gives the most batches of any.
async fn lifetime(fake: &FakeCluster, cluster: &Cluster) -> u64 {
    let pairs: Vec<_> = keys().into_iter().zip(0_u64..).collect();
    let set = batches(fake, "MSET", async {
        cluster.mset(&pairs).await.expect("MSET");
    });
    let set = set.await;
    let get = batches(fake, "MGET", async {
        let values: Vec<u64> = cluster.mget(keys()).await.expect("MGET");
        assert!(
            values.into_iter().eq(0..KEYS as u64),
            "in the order asked for"
        );
    });
    let get = get.await;
    let exists = batches(fake, "EXISTS", async {
        let count = cluster.exists_count(keys()).await.expect("EXISTS");
        assert_eq!(count, KEYS as u64);
    });
    let exists = exists.await;
    let del = batches(fake, "DEL", async {
        assert_eq!(cluster.del(keys()).await.expect("DEL"), KEYS as u64);
    });
    set.max(get).max(exists).max(del.await)
}

#[tokio::test]
async fn a_thousand_keys_are_at_most_one_batch_per_node() {
    let (fake, cluster) = start().await;
    assert_eq!(lifetime(&fake, &cluster).await, 1);
    assert_eq!(cluster.metrics().retries, 0);
}

#[tokio::test]
async fn while_slots_migrate_at_most_one_batch_more_is_sent_to_a_node() {
    let (fake, cluster) = start().await;
    let pairs: Vec<_> = keys().into_iter().zip(0_u64..).collect();
    cluster.mset(&pairs).await.expect("MSET");
    let moving: Vec<_> = keys()
        .into_iter()
        .filter(|key| Slot::of(key).number() < 800)
        .collect();
    let mut slots: Vec<_> = moving.iter().map(Slot::of).collect();
    slots.sort();
    slots.dedup();
    assert!(slots.len() > 20, "many slots move");
    let (from, to) = (fake.owner(slots[0]).expect("served"), 1);
    assert_ne!(from, to);
    for slot in slots.iter().copied() {
        fake.begin_migration(slot, to);
    }
    for key in moving.iter().step_by(2) {
        // A slot with some of its keys here and some there answers TRYAGAIN; this is about redirects.
        for other in moving
            .iter()
            .filter(|other| Slot::of(other) == Slot::of(key))
        {
            fake.move_key(other);
        }
    }
    assert!(lifetime(&fake, &cluster).await <= 2);
    assert!(cluster.metrics().redirects_ask > 0);

    for slot in slots {
        fake.finish_migration(slot);
    }
    assert!(lifetime(&fake, &cluster).await <= 2);
    assert!(cluster.metrics().redirects_moved > 0);
}

#[tokio::test]
async fn slots_that_answer_tryagain_are_all_that_is_sent_again() {
    let (fake, cluster) = start().await;
    let keys = ["{t}1", "{t}2", "a", "b", "c"];
    cluster
        .mset(keys.map(|key| (key, key)))
        .await
        .expect("MSET");
    let slot = Slot::of("t");
    let from = fake.owner(slot).expect("served");
    fake.begin_migration(slot, (from + 1) % 3);
    assert!(fake.move_key("{t}1"));
    let before = fake.commands("MGET");
    let get = async {
        let values: Vec<String> = cluster.mget(keys).await.expect("MGET");
        assert_eq!(values, keys);
    };
    let finish = async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert!(fake.move_key("{t}2"));
    };
    tokio::join!(get, finish);
    let others = 3;
    let again = fake.commands("MGET") - before - others;
    let tries = 1 + cluster.metrics().retries;
    // Each try goes to the old primary; the last is sent on to the new one.
    assert!(again > 2 && again <= 2 * tries, "{again} for {tries} tries");
}

#[tokio::test]
async fn in_a_pipeline_of_the_application_all_travels_together() {
    let (fake, cluster) = start().await;
    let request = || {
        Command::pipeline([
            cmd("SET").arg(("a", 1)),
            cmd("MSET").arg(("b", 2, "c", 3)),
            cmd("DBSIZE"),
            cmd("MGET").arg(("c", "b", "a")),
            cmd("INCR").arg("a"),
        ])
    };
    cluster.send(request()).await.expect("all succeed");
    let sent = batches(&fake, "MGET", async {
        let reply = cluster.send(request()).await.expect("all succeed");
        let text = |text: &'static str| Value::BulkString(text.into());
        let values = Value::Array(vec![text("3"), text("2"), text("1")]);
        let ok = || Value::SimpleString("OK".into());
        let expected = [ok(), ok(), Value::Integer(3), values, Value::Integer(2)];
        assert_eq!(reply, Value::Array(expected.into()));
    });
    assert_eq!(sent.await, 1);
}

#[tokio::test]
async fn a_node_that_has_just_joined_is_not_missed() {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::connect(fake.url()).await;
    let cluster = cluster.expect("the cluster runs");
    cluster.set("a", 1).await.expect("SET");
    // The client learns of this by no redirect.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let joined = fake.add_node();
    fake.migrate_slot(Slot::of("a"), joined);
    let size: u64 = cluster.query(cmd("DBSIZE")).await.expect("all answer");
    assert_eq!(size, 1);
    assert_eq!(cluster.metrics().redirects_moved, 0);
    assert_eq!(fake.node(joined).commands("DBSIZE"), 1);
}
