//! A queue of jobs: workers that wait for them, and a job that is not lost with its worker.
//!
//!     cargo run --example blocking_queue
//!
//! Each worker waits in `BLMOVE`, over a connection of its own which the client takes from the node's exclusive lane, so
//! that other requests to the node are not held up. The job goes to a list of those in work, and is taken from there
//! when it is done: a worker that is gone has left it there, to be put back.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tower_redis_cluster::cluster::commands::Side;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Error};

// The common hash tag keeps both lists in one slot, as a command with both keys needs.
const WAITING: &str = "{jobs}waiting";
const IN_WORK: &str = "{jobs}in-work";

const WORKERS: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::connect(fake.url()).await?;

    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(cluster.clone(), worker));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let metrics = cluster.metrics();
    println!(
        "{} workers wait, each on a connection of its own",
        metrics.exclusive_leased
    );

    let start = Instant::now();
    cluster.set("{jobs}config", "v1").await?;
    println!(
        "meanwhile, a SET on the same node took {:.1?}",
        start.elapsed()
    );

    for job in 0..20 {
        cluster.lpush(WAITING, format!("job {job}")).await?;
    }
    while cluster.llen(WAITING).await? + cluster.llen(IN_WORK).await? > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    // A worker that is dropped while it waits closes its connection: the server hands it no job.
    workers.shutdown().await;
    cluster.lpush(WAITING, "for tomorrow").await?;
    println!(
        "nobody works any more, and {} job waits",
        cluster.llen(WAITING).await?
    );
    Ok(())
}

async fn work(cluster: Cluster, worker: usize) -> Result<(), Error> {
    loop {
        // At most 5 seconds on the server, and the client's timeout on top. Asking again is safe: a job that was moved
        // and not heard of is in the list of those in work.
        let patience = Duration::from_secs(5);
        let next = cluster.blmove(WAITING, IN_WORK, Side::Right, Side::Left, patience);
        let Some(job): Option<String> = next.await? else {
            continue;
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        println!("worker {worker} did {job}");
        cluster.lrem(IN_WORK, 1, job).await?;
    }
}
