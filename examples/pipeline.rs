//! Many commands in one request: in one batch per node, with a typed result or a result for each.
//!
//!     cargo run --example pipeline                            # makes a cluster of its own
//!     cargo run --example pipeline redis://10.0.0.1:7000      # or uses yours

use std::time::Instant;

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Pipeline, cmd};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake;
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => {
            fake = FakeCluster::start(3).await;
            fake.url()
        }
    };
    let cluster = Cluster::connect(url).await?;

    // A tuple for commands of different kinds. Each may be for another node.
    let pipeline = Pipeline::new()
        .set("user:1", "Ann")
        .incr("visits")
        .add(cmd("STRLEN").arg("user:1"));
    let ((), visits, length): ((), u64, usize) = cluster.pipeline(pipeline).await?;
    println!("Visit {visits}; the name has {length} letters.");

    // A `Vec` for many of one kind.
    let keys = || (0..1000).map(|n| format!("counter:{n}"));
    let start = Instant::now();
    for key in keys() {
        cluster.incr(key).await?;
    }
    let one_by_one = start.elapsed();
    let start = Instant::now();
    let all = keys().fold(Pipeline::new(), |all, key| all.incr(key));
    let counts: Vec<u64> = cluster.pipeline(all).await?;
    let together = start.elapsed();
    println!(
        "{} counters, one by one in {one_by_one:.1?}, in a pipeline in {together:.1?}.",
        counts.len()
    );

    // If one command fails, the error says which, and what became of the others.
    let pipeline = Pipeline::new().incr("visits").incr("user:1").get("visits");
    let error = cluster
        .pipeline::<(u64, u64, u64)>(pipeline.clone())
        .await
        .expect_err("Ann is no number");
    println!("As one:  {error}");

    // Or each command has a result of its own.
    for (index, result) in cluster.pipeline_each(pipeline).await?.iter().enumerate() {
        match result {
            Ok(value) => println!("Command {index}: {}", value.reveal()),
            Err(error) => println!("Command {index}: {error}"),
        }
    }
    Ok(())
}
