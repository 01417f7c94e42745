//! All connections killed at the same time, on real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, Delivery, Error, cmd};

use super::support::{Load, assert_no_errors, local};

const NODES: usize = 3;
const TASKS: usize = 32;
const KILLS: usize = 5;

async fn client(local: &LocalCluster, retries: usize) -> Cluster {
    let builder = Cluster::builder(local.urls()).timeout(Duration::from_secs(5));
    let connected = builder.retry(retries).connect().await;
    connected.expect("the cluster runs")
}

/// Closes every client's connection but the one it is told by.
async fn kill_all(local: &LocalCluster) {
    for node in 0..NODES {
        let kill = cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal");
        let killed: Result<u64, Error> = local.query(node, kill).await;
        killed.expect("the node runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_idempotent_survives_it_with_one_retry() {
    let Some(local) = local(NODES, 0).await else {
        return;
    };
    let cluster = client(&local, 1).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (cluster, is_over, done) = (cluster.clone(), is_over.clone(), done.clone());
        tasks.spawn(async move {
            let key = format!("key:{task}");
            for round in 0u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let set = cmd("SET").arg(&key).arg(round).idempotent();
                cluster.query::<()>(set).await?;
                let read: u64 = cluster.get(&key).await?;
                assert_eq!(read, round, "the reply belongs to another request");
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Error>(())
        });
    }
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        kill_all(&local).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    is_over.store(true, Ordering::Relaxed);
    for task in tasks.join_all().await {
        task.expect("it survives");
    }
    let metrics = cluster.metrics();
    assert!(metrics.evicted_closed >= KILLS as u64, "{metrics:?}");
    assert!(done.load(Ordering::Relaxed) > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_fails_only_where_it_may_have_been_applied() {
    let Some(local) = local(NODES, 0).await else {
        return;
    };
    let cluster = client(&local, 3).await;
    let load = Load::start(&cluster, TASKS);
    for _ in 0..KILLS {
        load.progress(500).await;
        kill_all(&local).await;
    }
    load.progress(500).await;
    // Checks the counters, too.
    let mut outcome = load.stop().await;
    assert!(
        outcome.errors.len() <= KILLS * TASKS,
        "{} errors",
        outcome.errors.len()
    );
    outcome
        .errors
        .retain(|error| error.delivery() != Delivery::Unknown);
    assert_no_errors(&outcome);
}
