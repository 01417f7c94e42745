//! What an error tells of each key or node is true.

use std::collections::HashMap;
use std::time::Duration;

use tower_redis_cluster::testing::{FakeCluster, LocalCluster};
use tower_redis_cluster::{
    Cluster, Delivery, Error, ErrorKind, PartialFailure, Portion, ServerError, Slot, Target, Value,
    cmd,
};

use crate::support::local;

const KEYS: usize = 1000;

fn keys() -> Vec<String> {
    (0..KEYS).map(|number| format!("key:{number}")).collect()
}

/// What the report says of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    NotDone,
    Unknown,
}

fn fates(partial: &PartialFailure) -> HashMap<String, Fate> {
    let name = |portion: &Portion| match portion {
        Portion::Key(key) => String::from_utf8(key.to_vec()).expect("text"),
        Portion::Node(addr) => addr.to_string(),
        other => panic!("{other} is neither"),
    };
    let done = partial.done().map(|key| (name(key), Fate::Done));
    let not_done = partial
        .not_done()
        .map(|(key, _)| (name(key), Fate::NotDone));
    let unknown = partial.unknown().map(|(key, _)| (name(key), Fate::Unknown));
    done.chain(not_done).chain(unknown).collect()
}

fn count(fates: &HashMap<String, Fate>, fate: Fate) -> usize {
    fates.values().filter(|each| **each == fate).count()
}

fn partial(error: &Error) -> &PartialFailure {
    error
        .partial()
        .unwrap_or_else(|| panic!("no part of it is known: {error}"))
}

async fn start() -> (FakeCluster, Cluster) {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::builder(fake.urls()).timeout(Duration::from_secs(2));
    let cluster = cluster.connect().await.expect("the cluster runs");
    // So that every connection is there.
    cluster
        .mset(
            keys()
                .into_iter()
                .map(|key| (key, "old"))
                .collect::<Vec<_>>(),
        )
        .await
        .expect("MSET");
    (fake, cluster)
}

/// Shuts a node down, and has the client notice.
async fn shut_down(fake: &FakeCluster, cluster: &Cluster, node: usize) {
    fake.node(node).shutdown();
    let is_there = |key: &String| fake.owner(Slot::of(key)) == Some(node);
    let key = keys()
        .into_iter()
        .find(is_there)
        .expect("each node has keys");
    let lost = cluster.get::<String>(key).await;
    let error = lost.expect_err("its node is down");
    assert!(is_unreachable(&error), "{error}");
}

/// There was no connection to it, be it until the deadline.
fn is_unreachable(error: &Error) -> bool {
    error.is_connection() || error.is_timeout()
}

async fn values(cluster: &Cluster) -> HashMap<String, String> {
    let values: Vec<String> = cluster.mget(keys()).await.expect("all is well again");
    keys().into_iter().zip(values).collect()
}

#[tokio::test]
async fn a_connection_lost_between_the_replies_tells_which_keys_are_done() {
    let (fake, cluster) = start().await;
    // Twenty times `+OK`, and a part of the next.
    fake.node(1).drop_after(103);
    let pairs: Vec<_> = keys().into_iter().map(|key| (key, "new")).collect();
    let error = cluster.mset(pairs).await.expect_err("a node failed");
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(error.delivery(), Delivery::Unknown);
    let fates = fates(partial(&error));
    assert_eq!(fates.len(), KEYS);

    fake.heal();
    for (key, value) in values(&cluster).await {
        let of_node = fake.owner(Slot::of(&key)) == Some(1);
        match fates[&key] {
            Fate::Done => assert_eq!(value, "new", "{key}"),
            Fate::NotDone => assert_eq!(value, "old", "{key}"),
            Fate::Unknown => assert!(of_node, "{key}"),
        }
        assert!(of_node || fates[&key] == Fate::Done, "{key}");
    }
    assert!(count(&fates, Fate::Unknown) > 100, "{error}");
}

#[tokio::test]
async fn a_node_that_is_down_before_leaves_its_keys_undone() {
    let (fake, cluster) = start().await;
    shut_down(&fake, &cluster, 1).await;
    let pairs: Vec<_> = keys().into_iter().map(|key| (key, "new")).collect();
    let error = cluster.mset(pairs).await.expect_err("a node is down");
    let fates = fates(partial(&error));
    for (key, fate) in &fates {
        let expected = match fake.owner(Slot::of(key)) {
            Some(1) => Fate::NotDone,
            _ => Fate::Done,
        };
        assert_eq!(*fate, expected, "{key}");
    }
    let text = error.to_string();
    assert!(text.contains("of 1000 keys"), "{text}");

    // A read that is a part is no success either.
    let error = cluster
        .mget::<Vec<String>>(keys())
        .await
        .expect_err("a node is down");
    assert_eq!(partial(&error).done().count(), count(&fates, Fate::Done));
    fake.heal();
    for (key, value) in values(&cluster).await {
        assert_eq!(value == "new", fates[&key] == Fate::Done, "{key}");
    }
}

#[tokio::test]
async fn a_node_that_stalls_leaves_its_keys_unknown_when_the_deadline_passes() {
    let (fake, cluster) = start().await;
    fake.node(2).stall();
    let del = cmd("DEL").arg(keys()).timeout(Duration::from_millis(300));
    let error = cluster.send(del).await.expect_err("a node stalls");
    assert!(error.is_timeout(), "{error}");
    for (key, fate) in fates(partial(&error)) {
        let expected = match fake.owner(Slot::of(&key)) {
            Some(2) => Fate::Unknown,
            _ => Fate::Done,
        };
        assert_eq!(fate, expected, "{key}");
    }
}

#[tokio::test]
async fn an_error_reply_of_one_node_is_an_error_of_the_whole() {
    let (fake, cluster) = start().await;
    let refusal = ServerError::new("OOM command not allowed when used memory > 'maxmemory'.");
    fake.node(0).answer("MSET", Value::Error(refusal), KEYS);
    let pairs: Vec<_> = keys().into_iter().map(|key| (key, "new")).collect();
    let error = cluster.mset(pairs).await.expect_err("a node refuses");
    assert_eq!(error.server_error().map(ServerError::code), Some("OOM"));
    let fates = fates(partial(&error));
    fake.heal();
    for (key, value) in values(&cluster).await {
        let expected = if value == "new" {
            Fate::Done
        } else {
            Fate::NotDone
        };
        assert_eq!(fates[&key], expected, "{key}");
    }
}

#[tokio::test]
async fn a_node_that_is_down_is_named_by_what_is_for_all_nodes() {
    let (fake, cluster) = start().await;
    shut_down(&fake, &cluster, 1).await;
    let error = cluster
        .send(cmd("FLUSHALL"))
        .await
        .expect_err("a node is down");
    let partial = partial(&error);
    assert_eq!(partial.done().count(), 2, "{error}");
    let not_done: Vec<_> = partial.not_done().map(|(node, _)| node.clone()).collect();
    assert_eq!(not_done, [Portion::Node(fake.node(1).addr())]);

    let sizes = cluster
        .query_each_node::<u64>(cmd("DBSIZE"), Target::AllPrimaries)
        .await;
    for (addr, size) in sizes.expect("the topology is known") {
        match fake.node_at(&addr).addr() == fake.node(1).addr() {
            true => {
                let error = size.expect_err("it is down");
                assert!(is_unreachable(&error), "{error}");
            }
            false => assert_eq!(size.expect("it answers"), 0),
        }
    }
}

// ===== real servers =====

async fn value_on(local: &LocalCluster, node: usize, key: &str) -> Option<u64> {
    let get = cmd("GET").arg(key);
    local.query(node, get).await.expect("the node answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_gives_an_error_that_is_true_of_each_key() {
    let Some(mut local) = local(3, 1).await else {
        return;
    };
    let cluster = Cluster::builder(local.urls()).timeout(Duration::from_secs(1));
    let cluster = cluster.connect().await.expect("the cluster runs");
    let topology = cluster.topology().await.expect("known");
    let owner = |key: &String| {
        let addr = topology.primary(Slot::of(key)).expect("served");
        local.index_of(addr).expect("a node of the cluster")
    };
    let owners: HashMap<_, _> = keys()
        .into_iter()
        .map(|key| (owner(&key), key))
        .map(|(o, k)| (k, o))
        .collect();

    let writes = async {
        for round in 1_u64.. {
            let pairs: Vec<_> = keys().into_iter().map(|key| (key, round)).collect();
            if let Err(error) = cluster.mset(pairs).await {
                return (round, error);
            }
        }
        unreachable!("a server is killed long before")
    };
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        local.kill(0).expect("it runs");
    };
    let ((round, error), ()) = tokio::join!(writes, kill);
    assert!(round > 1, "it was in the middle");
    let fates = fates(partial(&error));
    assert_eq!(fates.len(), KEYS);
    assert!(count(&fates, Fate::Done) < KEYS);

    let mut survived = 0;
    for (key, owner) in &owners {
        // What the killed server had, it took with it.
        if *owner == 0 {
            continue;
        }
        survived += 1;
        let value = value_on(&local, *owner, key).await;
        match fates[key] {
            Fate::Done => assert_eq!(value, Some(round), "{key}"),
            Fate::NotDone => assert_eq!(value, Some(round - 1), "{key}"),
            Fate::Unknown => assert!(value >= Some(round - 1), "{key}"),
        }
    }
    let done = count(&fates, Fate::Done);
    assert!(
        done >= survived * 9 / 10,
        "the others went on: {done} of {survived}"
    );

    // Its replica takes over, and has nothing that was said not to be done.
    let recovered =
        Cluster::builder(local.urls().into_iter().skip(1)).timeout(Duration::from_secs(20));
    let recovered = recovered.connect().await.expect("the rest runs");
    for (key, _) in owners.iter().filter(|(_, owner)| **owner == 0) {
        let value: Option<u64> = recovered.get(key).await.expect("the replica took over");
        assert!(value <= Some(round), "{key}");
        if fates[key] == Fate::NotDone {
            assert_ne!(value, Some(round), "{key}");
        }
    }
}
