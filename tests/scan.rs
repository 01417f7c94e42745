//! Scans of clusters that change meanwhile: none of the keys is missed.
//!
//! The tests on real servers scan 100,000 keys, or as many as the environment variable `SCAN_KEYS` says.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use support::{local, reshard};
use tower_redis_cluster::cluster::commands::KeyType;
use tower_redis_cluster::scan::ScanCursor;
use tower_redis_cluster::testing::{FakeCluster, LocalCluster};
use tower_redis_cluster::{Cluster, ErrorKind, Slot, Topology, Value, cmd};

// ===== in this process =====

async fn fake(keys: usize) -> (FakeCluster, Cluster) {
    let fake = FakeCluster::builder().replicas(1).start().await;
    let fake = fake.expect("a cluster in this process");
    let cluster = Cluster::connect(fake.url()).await.expect("it runs");
    for key in 0..keys {
        cluster.set(format!("key:{key}"), key).await.expect("a key");
    }
    (fake, cluster)
}

/// Which of `key:0`, `key:1`, ... were seen.
struct Seen(Vec<bool>);

impl Seen {
    fn new(keys: usize) -> Self {
        Self(vec![false; keys])
    }

    fn add(&mut self, key: &[u8]) {
        let number = std::str::from_utf8(key).ok();
        let number = number.and_then(|key| key.strip_prefix("key:")?.parse::<usize>().ok());
        if let Some(is_seen) = number.and_then(|number| self.0.get_mut(number)) {
            *is_seen = true;
        }
    }

    fn missed(&self) -> usize {
        self.0.iter().filter(|is_seen| !**is_seen).count()
    }
}

#[tokio::test]
async fn a_slot_that_moves_between_pages_is_read_where_it_went() {
    let (fake, cluster) = fake(300).await;
    let mut stream = cluster.scan().count(10).stream().expect("no cursor");
    let mut seen = Seen::new(300);
    let mut slots = (0..300).map(|key| Slot::of(format!("key:{key}"))).cycle();
    while let Some(batch) = stream.next().await {
        for key in batch.expect("no error").keys {
            seen.add(&key);
        }
        if stream.cursor().slots_done() < 8000 {
            for slot in slots.by_ref().take(3) {
                let owner = fake.owner(slot).expect("all slots are served");
                fake.migrate_slot(slot, (owner + 1) % 3);
            }
        }
    }
    assert_eq!(seen.missed(), 0);
}

#[tokio::test]
async fn a_slot_under_migration_is_read_at_both_ends() {
    let (fake, cluster) = fake(100).await;
    for key in 0..100 {
        let slot = Slot::of(format!("key:{key}"));
        let owner = fake.owner(slot).expect("all slots are served");
        if key % 5 == 0 {
            fake.begin_migration(slot, (owner + 1) % 3);
            assert!(key % 2 == 1 || fake.move_key(format!("key:{key}")));
        }
    }
    let mut seen = Seen::new(100);
    let mut keys = cluster.scan().stream().expect("no cursor").keys();
    while let Some(key) = keys.next().await {
        seen.add(&key.expect("no error"));
    }
    assert_eq!(seen.missed(), 0);
}

#[tokio::test]
async fn a_failover_between_pages_begins_again_at_the_successor() {
    let (fake, cluster) = fake(300).await;
    let mut stream = cluster.scan().count(10).stream().expect("no cursor");
    let mut seen = Seen::new(300);
    for batches in 0.. {
        let Some(batch) = stream.next().await else {
            break;
        };
        for key in batch.expect("no error").keys {
            seen.add(&key);
        }
        if batches == 5 {
            fake.node(1).shutdown();
            fake.failover(1);
        }
    }
    assert_eq!(seen.missed(), 0);
    assert!(fake.node(4).commands("SCAN") > 0, "the replica of node 1");
}

#[tokio::test]
async fn pattern_and_type_hold_for_slots_that_moved_too() {
    let (fake, cluster) = fake(200).await;
    for n in 0..50 {
        let key = format!("list:{n}");
        cluster.rpush(key, "x").await.expect("a list");
        cluster
            .rpush(format!("other:{n}"), "x")
            .await
            .expect("a list");
    }
    let scan = cluster.scan().count(5).pattern("list:*");
    let mut stream = scan.type_filter(KeyType::List).stream().expect("no cursor");
    let mut found = Vec::new();
    let mut n = 0;
    while let Some(batch) = stream.next().await {
        found.extend(batch.expect("no error").keys);
        if n < 50 {
            let slot = Slot::of(format!("list:{n}"));
            fake.migrate_slot(slot, n % 3);
            n += 1;
        }
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 50);
    assert!(found.iter().all(|key| key.starts_with(b"list:")));
    let none = cluster.scan().pattern("list:*").type_filter(KeyType::Hash);
    assert_eq!(none.stream().expect("no cursor").keys().count().await, 0);
}

#[tokio::test]
async fn a_stalled_node_holds_up_nobody_else() {
    let (fake, cluster) = fake(300).await;
    fake.node(0).stall();
    let scan = cluster.scan().count(10).patience(Duration::from_secs(3));
    let mut stream = scan.stream().expect("no cursor");
    let mut last = None;
    while let Some(batch) = stream.next().await {
        last = Some(batch);
    }
    let error = last.expect("an item").expect_err("a node is stalled");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let cursor = stream.cursor();
    assert!(cursor.slots_done() > 10_000, "{}", cursor.slots_done());
    fake.heal();
    let rest = cluster.scan().resume(cursor).stream().expect("no filter");
    let rest = rest.keys().count().await;
    let expected = (0..300).filter(|key| Slot::of(format!("key:{key}")).number() < 5461);
    assert_eq!(rest, expected.count());
}

// ===== real servers =====

fn key_count() -> usize {
    let keys = std::env::var("SCAN_KEYS").ok();
    keys.map_or(100_000, |keys| keys.parse().expect("SCAN_KEYS is a number"))
}

/// Sets `key:0`, `key:1`, ...
async fn load(cluster: &Cluster, keys: usize) {
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                for key in (task..keys).step_by(64) {
                    cluster.set(format!("key:{key}"), 1).await.expect("a key");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

/// Scans all keys while something happens to the cluster, and gives how many were missed. The consumer takes its time
/// until it is over, so that it happens in the middle.
async fn scan_during(cluster: &Cluster, keys: usize, happening: impl Future<Output = ()>) -> usize {
    let is_over = AtomicBool::new(false);
    let happening = async {
        happening.await;
        is_over.store(true, Ordering::Relaxed);
    };
    let is_over = || is_over.load(Ordering::Relaxed);
    let drain = async {
        let start = Instant::now();
        let scan = || cluster.scan().count(200);
        let mut stream = scan().stream().expect("no cursor");
        let mut seen = Seen::new(keys);
        let (mut given, mut batches, mut resumed) = (0, 0, 0);
        while let Some(batch) = stream.next().await {
            let batch = batch.expect("the cluster recovers");
            given += batch.keys.len();
            batches += 1;
            for key in &batch.keys {
                seen.add(key);
            }
            if batches % 100 == 0 {
                let cursor: ScanCursor = stream.cursor().to_string().parse().expect("our own");
                stream = scan().resume(cursor).stream().expect("no filter");
                resumed += 1;
            }
            while !is_over() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if batch.progress.fraction() < 0.8 {
                    break;
                }
            }
        }
        println!(
            "{keys} keys: {given} given in {batches} batches and {:.1?}, resumed {resumed} times, missed {}",
            start.elapsed(),
            seen.missed()
        );
        seen.missed()
    };
    tokio::join!(drain, happening).0
}

/// Waits until the replica of a primary has all that it has: what was not copied when the primary dies is lost, and
/// nobody could scan it.
async fn copied(local: &LocalCluster, primary: usize) {
    let offset = async |node: usize, name: &str| -> Option<u64> {
        let info: String = local
            .query(node, cmd("INFO").arg("replication"))
            .await
            .ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    let is_copied = async || {
        let ours = offset(primary, "master_repl_offset:").await;
        ours.is_some() && offset(primary + 3, "slave_repl_offset:").await >= ours
    };
    let copied = async {
        while !is_copied().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let copied = tokio::time::timeout(Duration::from_secs(60), copied).await;
    copied.expect("the replica keeps up");
}

async fn cluster_of(local: &LocalCluster) -> Cluster {
    let cluster = Cluster::builder(local.urls()).connect().await;
    cluster.expect("the cluster runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_missed_during_a_live_reshard() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let (keys, cluster) = (key_count(), cluster_of(&local).await);
    load(&cluster, keys).await;
    // There and back again.
    let moves = async {
        for (from, to) in [(0, 1), (1, 2), (1, 0), (2, 1), (2, 0)] {
            local.settled().await.expect("the nodes agree");
            reshard(&local, from, to, 1000).await;
        }
    };
    assert_eq!(scan_during(&cluster, keys, moves).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_missed_during_a_reshard_and_a_failover() {
    let Some(mut local) = local(3, 1).await else {
        return;
    };
    let (keys, cluster) = (key_count(), cluster_of(&local).await);
    load(&cluster, keys).await;
    let happening = async {
        for (from, to) in [(0, 1), (1, 0)] {
            // Who reshards asks for agreement first.
            local.settled().await.expect("the nodes agree");
            reshard(&local, from, to, 500).await;
        }
        copied(&local, 0).await;
        local.kill(0).expect("it runs");
    };
    assert_eq!(scan_during(&cluster, keys, happening).await, 0);
}

/// Moves slots 0 to 499 as the newest servers can, all of them in one instant. False if the servers cannot.
async fn move_at_once(local: &LocalCluster, from: usize, to: usize) -> bool {
    let id: String = local
        .query(to, cmd("CLUSTER").arg("MYID"))
        .await
        .expect("it runs");
    let slots = cmd("CLUSTER")
        .arg("MIGRATESLOTS")
        .arg("SLOTSRANGE")
        .arg([0, 499]);
    let valkey = slots.arg("NODE").arg(id);
    let redis = cmd("CLUSTER").arg("MIGRATION").arg("IMPORT").arg([0, 499]);
    if local.query::<Value>(from, valkey).await.is_err()
        && local.query::<Value>(to, redis).await.is_err()
    {
        return false;
    }
    let is_moved = async || {
        let slots: Value = local
            .query(to, cmd("CLUSTER").arg("SLOTS"))
            .await
            .expect("it runs");
        let topology = Topology::from_slots(&slots, &local.addr(to)).expect("well formed");
        topology.primary(Slot::of("key:20")) == Some(&local.addr(to))
    };
    let moved = async {
        while !is_moved().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let moved = tokio::time::timeout(Duration::from_secs(30), moved).await;
    moved.expect("the slots move");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_missed_while_slots_move_in_one_instant() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let (keys, cluster) = (key_count(), cluster_of(&local).await);
    load(&cluster, keys).await;
    let moves = async {
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 1), (1, 0)] {
            if !move_at_once(&local, from, to).await {
                println!("not shown: these servers cannot move slots in one instant");
                return;
            }
        }
    };
    assert_eq!(scan_during(&cluster, keys, moves).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pattern_and_type_are_the_servers_own() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = cluster_of(&local).await;
    for n in 0..200 {
        cluster.set(format!("key:{n}"), n).await.expect("a string");
        cluster.rpush(format!("list:{n}"), n).await.expect("a list");
    }
    let scan = cluster.scan().pattern("*:1?").type_filter(KeyType::List);
    let keys = scan.stream().expect("no cursor").keys();
    let keys: Vec<_> = keys.map(|key| key.expect("no error")).collect().await;
    assert_eq!(keys.len(), 10, "{keys:?}");
}
