//! The loss of a primary, on real servers: the other shards notice nothing, and its own slots are served again as soon as
//! the servers have promoted its replica.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::local_with;
use tokio::task::JoinSet;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, Delivery, Error, NodeAddr, Slot, Topology, Value, cmd};

/// Tasks per shard: half of them read and half of them write.
const TASKS: usize = 16;

/// How long after the promotion the slots must be served.
const BACK: Duration = Duration::from_millis(300);

/// How often the servers are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The shard whose primary is lost.
const LOST: usize = 0;

/// One request that ended.
struct Record {
    shard: usize,
    is_read: bool,
    ended: Instant,
    error: Option<Error>,
}

/// A load in which each task keeps to one shard, so that none waits for another's.
struct Load {
    tasks: JoinSet<()>,
    is_over: Arc<AtomicBool>,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Load {
    fn start(cluster: &Cluster, primaries: &[NodeAddr], topology: &Topology) -> Self {
        let mut load = Self {
            tasks: JoinSet::new(),
            is_over: Arc::default(),
            records: Arc::default(),
        };
        for (shard, primary) in primaries.iter().enumerate() {
            let mut keys = (0..)
                .map(|number| format!("key:{number}"))
                .filter(|key| topology.primary(Slot::of(key)) == Some(primary));
            for task in 0..TASKS {
                let key = keys.next().expect("keys without end");
                load.spawn(cluster.clone(), shard, key, task % 2 == 0);
            }
        }
        load
    }

    fn spawn(&mut self, cluster: Cluster, shard: usize, key: String, is_read: bool) {
        let (is_over, records) = (Arc::clone(&self.is_over), Arc::clone(&self.records));
        self.tasks.spawn(async move {
            for round in 0u64.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let result = match is_read {
                    true => cluster.get::<Option<u64>>(&key).await.map(|_| ()),
                    false => cluster.set(&key, round).await,
                };
                let record = Record {
                    shard,
                    is_read,
                    ended: Instant::now(),
                    error: result.err(),
                };
                records.lock().expect("no panic").push(record);
                // Enough to notice in time, and little enough to leave the servers time to elect.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }

    async fn stop(mut self) -> Vec<Record> {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(task) = self.tasks.join_next().await {
            task.expect("no task panics");
        }
        std::mem::take(&mut *self.records.lock().expect("no panic"))
    }
}

/// What the servers did, as one of them saw it.
struct Promotion {
    at: Instant,
    /// The longest time between two looks: so much may be the fault of a busy machine.
    blur: Duration,
}

/// Waits until a primary that is still there names another one for the slot.
async fn promotion(local: &LocalCluster, witness: usize, slot: Slot, lost: &NodeAddr) -> Promotion {
    let addr = local.addr(witness);
    let connection = Cluster::connect(format!("redis://{addr}")).await;
    let connection = connection.expect("the witness runs");
    let (start, mut last, mut blur) = (Instant::now(), Instant::now(), Duration::ZERO);
    loop {
        let slots = cmd("CLUSTER").arg("SLOTS");
        let slots = slots.target(tower_redis_cluster::Target::Node(addr.clone()));
        let view: Value = connection.query(slots).await.expect("the witness answers");
        let topology = Topology::from_slots(&view, &addr).expect("a view");
        let now = Instant::now();
        blur = blur.max(now - last);
        last = now;
        if topology
            .primary(slot)
            .is_some_and(|primary| primary != lost)
        {
            return Promotion { at: now, blur };
        }
        assert!(start.elapsed() < Duration::from_secs(30), "no promotion");
        tokio::time::sleep(LOOK).await;
    }
}

struct Outage {
    records: Vec<Record>,
    fault: Instant,
    promotion: Promotion,
}

/// Runs the load over the loss of a primary.
async fn outage(timeout: Duration, lose: impl Fn(&mut LocalCluster)) -> Option<Outage> {
    // Else the servers themselves refuse commands for healthy shards, for as long as the election lasts.
    let options = [("--cluster-require-full-coverage", "no")];
    let mut local = local_with(3, 1, &options).await?;
    let cluster = Cluster::builder(local.urls())
        .timeout(timeout)
        .connect()
        .await
        .expect("the cluster runs");
    let topology = cluster.topology().await.expect("it is known");
    let primaries: Vec<_> = local.addrs().take(3).collect();
    let slot = Slot::of(
        (0..)
            .map(|number| format!("key:{number}"))
            .find(|key| topology.primary(Slot::of(key)) == Some(&primaries[LOST]))
            .expect("keys without end"),
    );
    let load = Load::start(&cluster, &primaries, &topology);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let fault = Instant::now();
    lose(&mut local);
    let promotion = promotion(&local, 1, slot, &primaries[LOST]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let records = load.stop().await;
    let _ = local.resume(LOST);
    Some(Outage {
        records,
        fault,
        promotion,
    })
}

impl Outage {
    fn errors(&self, is_asked_for: impl Fn(&Record) -> bool) -> Vec<&Error> {
        let records = self.records.iter().filter(|record| is_asked_for(record));
        records.filter_map(|record| record.error.as_ref()).collect()
    }

    fn check(&self) {
        let healthy = self.errors(|record| record.shard != LOST);
        assert!(
            healthy.is_empty(),
            "{} errors on healthy shards, such as {}",
            healthy.len(),
            healthy[0]
        );
        let Promotion { at, blur } = self.promotion;
        let first = self
            .records
            .iter()
            .filter(|record| record.shard == LOST && record.error.is_none())
            .filter(|record| record.ended > at - blur)
            .map(|record| record.ended.saturating_duration_since(at))
            .min()
            .expect("its slots are served again");
        println!(
            "promoted {:?} after the fault, served {first:?} after that (looked at every {blur:?} at least), \
             {} errors on the lost shard",
            at - self.fault,
            self.errors(|record| record.shard == LOST).len()
        );
        assert!(
            first <= BACK + blur,
            "served {first:?} after the promotion (+- {blur:?})"
        );
    }
}

fn stop(local: &mut LocalCluster) {
    local.pause(LOST).expect("the server runs");
}

fn kill(local: &mut LocalCluster) {
    local.kill(LOST).expect("the server runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_a_stopped_primary_are_served_when_its_replica_is_promoted() {
    if let Some(outage) = outage(Duration::from_secs(1), stop).await {
        outage.check();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_a_killed_primary_are_served_when_its_replica_is_promoted() {
    if let Some(outage) = outage(Duration::from_secs(1), kill).await {
        outage.check();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_time_for_an_election_only_writes_that_were_under_way_fail() {
    for lose in [stop, kill] {
        let Some(outage) = outage(Duration::from_secs(15), lose).await else {
            return;
        };
        outage.check();
        let reads = outage.errors(|record| record.is_read);
        assert!(reads.is_empty(), "{}", reads[0]);
        let writes = outage.errors(|record| !record.is_read);
        assert!(writes.len() <= TASKS / 2, "{} writes failed", writes.len());
        for error in writes {
            assert_eq!(error.delivery(), Delivery::Unknown, "{error}");
        }
    }
}
