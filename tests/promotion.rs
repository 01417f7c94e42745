//! How soon the client knows of a primary that the servers have promoted, on real servers and under load.

mod support;

use std::time::{Duration, Instant};

use support::{Load, Observer};
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::topology::Topology;
use tower_redis_cluster::{Cluster, Error, NodeAddr, Slot, cmd};

/// The first node serves it.
const SLOT: u16 = 0;

/// How late the client may be: ten times what it takes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(2);

fn primary(topology: &Topology) -> Option<NodeAddr> {
    topology.primary(Slot::new(SLOT)?).cloned()
}

/// When another node first names a new primary of the slot.
async fn promoted(local: &LocalCluster, old: &NodeAddr) -> Instant {
    let mut observer = Observer::new(local.addr(1)).await;
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(30), "no promotion");
        let reply = observer.query(cmd("CLUSTER").arg("SLOTS")).await;
        let view = Topology::from_slots(&reply.expect("an answer"), &local.addr(1));
        if primary(&view.expect("a view")).is_some_and(|primary| primary != *old) {
            return Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// When the client first knows of a new primary of the slot.
async fn known(cluster: &Cluster, old: &NodeAddr) -> Instant {
    loop {
        let topology = cluster.topology().await.expect("known");
        if primary(&topology).is_some_and(|primary| primary != *old) {
            return Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn check(name: &str, fault: fn(&mut LocalCluster, usize) -> Result<(), Error>) {
    let Some(mut local) = support::local(3, 1).await else {
        return;
    };
    let cluster = Cluster::connect(local.url()).await.expect("a cluster");
    let load = Load::start(&cluster, 16);
    load.progress(1000).await;

    let old = local.addr(0);
    let before = cluster.metrics();
    fault(&mut local, 0).expect("the process is there");
    let start = Instant::now();
    let (promoted, known) = tokio::join!(promoted(&local, &old), known(&cluster, &old));
    let late = known.saturating_duration_since(promoted);
    let after = cluster.metrics();
    println!(
        "{name}: promoted after {:?}, known {late:?} later, with {} refreshes",
        promoted - start,
        after.refreshes_succeeded - before.refreshes_succeeded,
    );
    assert!(
        late < PATIENCE,
        "{name}: known {late:?} after the promotion"
    );
    load.progress(1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn successor_of_a_killed_primary_is_known_soon_after_its_promotion() {
    check("killed", LocalCluster::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn successor_of_a_stopped_primary_is_known_soon_after_its_promotion() {
    check("stopped", |local, node| local.pause(node)).await;
}
