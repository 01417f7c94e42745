//! A first look: connect, set, get, and what the cluster did for it.
//!
//!     cargo run --release --example quickstart                            # makes a cluster of its own
//!     cargo run --release --example quickstart redis://10.0.0.1:7000      # or uses yours
//!
//! Without a URL it starts three local servers if it finds `valkey-server` or `redis-server`, and otherwise a
//! cluster inside this process.

use std::time::{Duration, Instant};

use tower_redis_cluster::testing::{FakeCluster, LocalCluster};
use tower_redis_cluster::{Cluster, Slot, cmd};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // These two end with `main`, and the servers with them.
    let (_local, _fake);
    let url = if let Some(url) = std::env::args().nth(1) {
        println!("Using the cluster of {url}.");
        url
    } else if let Some(server) = LocalCluster::find_server() {
        println!("Starting three servers of {} ...", server.display());
        _local = LocalCluster::builder(server).primaries(3).start().await?;
        println!("Started: {}.", _local.urls().join(", "));
        _local.url()
    } else {
        println!("Found no valkey-server or redis-server: using a cluster inside this process.");
        _fake = FakeCluster::start(3).await;
        _fake.url()
    };

    let cluster = Cluster::connect(url).await?;

    cluster.set("user:1", "Ann").await?;
    let name: Option<String> = cluster.get("user:1").await?;
    println!("\nGET user:1 -> {name:?}");

    let visits = cluster.incr("visits").await?;
    println!("INCR visits -> {visits}");

    // Keys with the same hash tag, the part in braces, are in the same slot and can be used together.
    cluster
        .mset([("{user:1}:mail", "ann@example.org"), ("{user:1}:age", "41")])
        .await?;
    let (mail, age): (String, u32) = cluster.mget(["{user:1}:mail", "{user:1}:age"]).await?;
    println!("MGET {{user:1}}:mail {{user:1}}:age -> {mail:?}, {age}");

    // Every command there is, also those without a method.
    let range: String = cluster
        .query(cmd("GETRANGE").arg("user:1").arg(0).arg(1))
        .await?;
    println!("GETRANGE user:1 0 1 -> {range:?}");

    // A mistake is an error that says what and where.
    let error = cluster.incr("user:1").await.expect_err("Ann is no number");
    println!("INCR user:1 -> {error}");

    // The handle is cheap to clone, and all its clones share one connection to each node.
    let start = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                for n in 0..500 {
                    let key = format!("counter:{}", (task * 500 + n) % 1000);
                    cluster.incr(&key).await?;
                    cluster.expire(&key, Duration::from_secs(60)).await?;
                }
                Ok::<_, tower_redis_cluster::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let elapsed = start.elapsed();
    println!(
        "\n64 tasks made 64000 requests in {elapsed:.1?}, over all {} slots.",
        Slot::COUNT
    );
    let metrics = cluster.metrics();
    println!(
        "Connections made: {}. Redirects followed: {}. Retries: {}.",
        metrics.dials_succeeded, metrics.redirects_moved, metrics.retries
    );
    Ok(())
}
