//! An outage of all nodes under full load.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tower_redis_cluster::connection::Config;
use tower_redis_cluster::{Cluster, ConnectConfig};

use super::values::resident;
use super::{KIB, MIB, one_at_a_time, runtime, support};

/// More than may be in flight.
const TASKS: usize = 4096;
const MAX_IN_FLIGHT: usize = 2048;
const VALUE: usize = 16 * KIB;

/// Seconds without an answer: enough for everything that queues to be full. More by this variable.
const SECONDS: u64 = 12;
const VARIABLE: &str = "OUTAGE_SECONDS";

/// By then, everything that queues is full.
const FILLED: Duration = Duration::from_secs(6);

async fn connect(urls: &[String]) -> Cluster {
    let connection = Config::default().max_bytes(16 * MIB);
    let config = ConnectConfig::from_urls(urls).expect("they are URLs");
    let builder = Cluster::builder(urls).connect_config(config.connection(connection));
    let builder = builder.max_in_flight(MAX_IN_FLIGHT);
    let cluster = builder.timeout(Duration::from_millis(200)).connect().await;
    cluster.expect("the servers run")
}

/// Sends one request after the other, whatever becomes of them.
async fn load(cluster: &Cluster, task: usize, is_over: &Cell<bool>, done: &Cell<usize>) {
    while !is_over.get() {
        let value = vec![b'v'; VALUE];
        if cluster.set(format!("value:{task}"), value).await.is_ok() {
            done.set(done.get() + 1);
        }
        tokio::task::yield_now().await;
    }
}

/// The most memory that the process has in this time.
async fn peak(time: Duration) -> usize {
    let start = Instant::now();
    let mut peak = 0;
    while start.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(100)).await;
        peak = peak.max(resident());
    }
    peak
}

#[test]
fn memory_stays_flat_while_no_node_answers_and_is_given_back() {
    let _alone = one_at_a_time();
    let runtime = runtime();
    let Some(local) = runtime.block_on(support::local(3, 0)) else {
        return;
    };
    let seconds = std::env::var(VARIABLE).map(|seconds| seconds.parse().expect("a number"));
    let outage = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let urls = local.urls();
    let heap = allocation_counter::measure(|| {
        let cluster = runtime.block_on(connect(&urls));
        let (is_over, done) = (Cell::new(false), Cell::new(0));
        let (before, filled, later) = {
            let tasks = (0..TASKS).map(|task| load(&cluster, task, &is_over, &done));
            let tasks = futures::future::join_all(tasks);
            let outage = async {
                peak(Duration::from_secs(1)).await;
                assert!(done.replace(0) > 0, "the servers run");
                let before = resident();
                (0..3).for_each(|node| local.pause(node).expect("the servers run"));
                let filled = peak(FILLED).await;
                done.set(0);
                let later = peak(outage.saturating_sub(FILLED)).await;
                assert_eq!(done.get(), 0, "no node answers");
                (0..3).for_each(|node| local.resume(node).expect("they are there"));
                let start = Instant::now();
                while done.get() < TASKS {
                    assert!(start.elapsed() < Duration::from_secs(30), "it recovers");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                is_over.set(true);
                (before, filled, later)
            };
            runtime.block_on(futures::future::join(tasks, outage)).1
        };
        let [before, filled, later] = [before, filled, later].map(|bytes| bytes / MIB);
        println!(
            "{before} MiB before the outage, at most {filled} MiB in its first {FILLED:?}, {later} MiB later"
        );
        assert!(
            later <= filled + filled / 10,
            "{later} MiB after {filled} MiB"
        );
        let ended = cluster.shutdown(Duration::from_secs(5));
        runtime.block_on(ended).expect("nothing is in flight");
    });
    let left = heap.bytes_current / KIB as i64;
    println!(
        "at most {} MiB of heap, {left} KiB left",
        heap.bytes_max / MIB as u64
    );
    assert!(left < 256, "{left} KiB are left");
}
