//! One round: a cluster, a client, some seconds of faults, and the reckoning.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, cmd};

use crate::checks;
use crate::faults::servers::Servers;
use crate::faults::{self, FaultLog, Kind, SHARDS, lines};
use crate::leaks::Held;
use crate::load::{Client, Load};
use crate::panics;
use crate::proxy::Proxies;
use crate::request::grace;
use crate::workload::{self, PRESETS, preset};

/// How long there is no fault: before the first, and when all are over and their aftermath is too.
const CALM: Duration = Duration::from_secs(1);

/// How long after the last fault the client has to be as before.
const RECOVERY: Duration = Duration::from_secs(4);

/// Which share of the time is for faults that no application should notice.
const GENTLE: f64 = 0.25;

/// Runs one round, and panics if a rule was broken.
pub(crate) async fn run(kind: Kind, seed: u64, time: Duration) {
    let Some(local) = start(kind).await else {
        println!("skipped: no redis-server or valkey-server on the PATH");
        return;
    };
    let workers = Handle::current().metrics().num_workers();
    println!("{kind:?}, {time:?}, {workers} workers: CHAOS_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let nodes: Vec<_> = local.addrs().collect();
    let proxies = Arc::new(Proxies::start(nodes.iter().cloned()).await.expect("ports"));
    let before = Held::at_rest().await;

    let faults = Arc::new(FaultLog::default());
    let client = connect(&local, &proxies).await;
    let load = Arc::new(Load::new(client, kind, Arc::clone(&faults), grace(workers)));
    let mut tasks = workload::start(&load, &mut rng.fork());
    sleep(CALM).await;

    let mut servers = Servers::new(local, Arc::clone(&faults), kind).await;
    let start = Instant::now();
    servers
        .be_gentle(rng.fork(), start + time.mul_f64(GENTLE))
        .await;
    let is_over = Arc::new(AtomicBool::new(false));
    let lines = tokio::spawn(lines::run(
        rng.fork(),
        Arc::clone(&proxies),
        nodes,
        Arc::clone(&faults),
        Arc::clone(&is_over),
    ));
    let mut servers = servers.rage(rng.fork(), start + time, is_over).await;
    lines.await.expect("the faults of lines go on to the end");
    faults::settled(&servers.local).await;

    let done = load.tally.done();
    sleep(RECOVERY + CALM).await;
    if load.tally.done() == done {
        let what = "the faults are over, and nothing succeeds";
        load.journal.violation("", what);
    }
    load.is_over.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        // A panic is counted below.
        drop(task);
    }
    servers.look_for_surprises().await;
    checks::everything(&load).await;
    let starved = load.judge_overdue();

    for line in faults.lines(load.journal.zero) {
        println!("  {line}");
    }
    println!(
        "{} faults; {}; timers late by {:?} at most, and {starved} requests through them; {:?}",
        faults.count(),
        load.tally,
        load.pulse.worst(),
        load.client.metrics()
    );
    let load = Arc::into_inner(load).expect("all tasks have ended");
    let Load {
        client,
        journal,
        pulse,
        ..
    } = load;
    drop((client, pulse));
    if let Err(now) = before.is_back().await {
        journal.violation(
            "",
            format!("the client left something: {before:?} before, {now:?} after"),
        );
    }
    for node in 0..2 * SHARDS {
        let list = cmd("CLIENT").arg("LIST").arg(["TYPE", "normal"]);
        let list: String = servers.local.query(node, list).await.expect("it runs");
        // Beside the connection that asks, those over which slots were moved: servers keep them for a while.
        let is_of_a_client = |line: &&str| !line.contains(" cmd=restore");
        if list.lines().filter(is_of_a_client).count() > 1 {
            journal.violation(
                "",
                format!("the client left connections to node {node}: {list}"),
            );
        }
    }
    if panics::count() > 0 {
        journal.violation("", format!("{} panics", panics::count()));
    }
    if let Some(verdict) = journal.verdict(seed, &faults) {
        panic!("{kind:?}: {verdict}");
    }
}

/// Three primaries with a replica each, which keep on disk what they acknowledge.
async fn start(kind: Kind) -> Option<LocalCluster> {
    let local = LocalCluster::builder(LocalCluster::find_server()?)
        .primaries(SHARDS)
        .replicas(1)
        .node_timeout(kind.node_timeout())
        .option("--appendonly", "yes")
        .option("--appendfsync", "always")
        .start()
        .await;
    Some(local.expect("a cluster of local servers"))
}

async fn connect(local: &LocalCluster, proxies: &Proxies) -> Client {
    let client = Cluster::builder(local.urls())
        .connect_layer(proxies.through())
        .connect()
        .await
        .expect("the cluster runs");
    for (key, value) in (0..PRESETS).map(preset) {
        client.set(key, value).await.expect("the cluster runs");
    }
    // Replicas have them, too.
    faults::settled(local).await;
    client
}
