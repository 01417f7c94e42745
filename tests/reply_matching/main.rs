//! Every reply reaches who asked, at scale: millions of requests of which many are dropped or run out of time, to servers
//! that are late, split what they write, push, redirect, and hang up halfway through a reply.
//!
//! ```text
//! REPLY_MATCHING_OPERATIONS=100000000 cargo test --release --test reply_matching -- --nocapture
//! ```
//!
//! Each request asks for a key of its own, and the value names it. So a reply that is off by one is seen at once, and so
//! are all that come after it. The servers are a few threads with nothing stored, because real ones are slower and too well
//! behaved; the `chaos` test has those.

mod load;
mod server;

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_redis_cluster::Cluster;

use self::load::Load;
use self::server::Servers;

/// Tasks that have a request in flight, or a pipeline.
const TASKS: usize = 2048;

/// How many commands are sent unless the environment says otherwise.
const OPERATIONS: u64 = 200_000;

fn operations() -> u64 {
    match env::var("REPLY_MATCHING_OPERATIONS") {
        Ok(text) if !text.is_empty() => text.parse().expect("a number of operations"),
        _ => OPERATIONS,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_is_crossed_however_callers_and_connections_end() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let servers = Servers::start(3, seed);
    let cluster = Cluster::builder(servers.urls()).connect().await;
    let cluster = cluster.expect("the servers run");
    let load = Arc::new(Load::new(operations()));
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS as u64)
        .map(|task| {
            let (load, cluster) = (Arc::clone(&load), cluster.clone());
            tokio::spawn(async move { load.run(cluster, seed.wrapping_add(task)).await })
        })
        .collect();
    let mut reported = Instant::now();
    for task in tasks {
        while !task.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if reported.elapsed() > Duration::from_secs(10) {
                reported = Instant::now();
                println!("{:.0?}: {load}", start.elapsed());
            }
        }
        task.await.expect("no task panics");
    }
    let took = start.elapsed();
    println!("{took:.1?}: {load}\n{:?}", cluster.metrics());
    let counts = load.counts();
    assert_eq!(counts.crossed, 0, "seed {seed}: {load}");
    assert_eq!(counts.unexpected, 0, "seed {seed}: {load}");
    // Otherwise it shows nothing.
    assert!(counts.answered > load.operations() / 2, "{load}");
    assert!(counts.left > load.operations() / 100, "{load}");
    assert!(counts.late > 0, "{load}");
    assert!(cluster.metrics().dials_succeeded > 3, "{load}");
}
