//! Overload: what a client with a bound does, with and without `load_shed`, and behind a `buffer`.
//!
//!     cargo run --example load_shed_and_buffer
//!
//! The in-process cluster takes 50 ms for each answer, and the client may have 8 requests in flight. 64 tasks
//! come at once. Waiting their turn, all are served, late; shedding, 8 are served in time and 56 are told at
//! once that there is no room; behind a buffer of 24, some more wait and the rest is shed.

use std::time::{Duration, Instant};

use tower::load_shed::LoadShedLayer;
use tower::{BoxError, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Command, Value};

const TASKS: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::builder([fake.url()])
        .max_in_flight(8)
        .connect()
        .await?;
    cluster.set("k", "v").await?;
    for addr in fake.addrs() {
        fake.node_at(&addr).delay(Duration::from_millis(50));
    }

    storm("waiting their turn", cluster.clone()).await;

    storm("load_shed", cluster.clone().layer(LoadShedLayer::new())).await;

    let shed_and_buffer = ServiceBuilder::new().load_shed().buffer(24).into_inner();
    storm("load_shed and buffer(24)", cluster.layer(shed_and_buffer)).await;
    Ok(())
}

/// Sends a request from each of 64 tasks at once, and counts what becomes of them.
async fn storm<S>(name: &str, cluster: Cluster<S>)
where
    S: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.get::<String>("k").await })
        })
        .collect();
    let (mut served, mut shed) = (0, 0);
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(_) => served += 1,
            Err(error) if error.is_overloaded() => shed += 1,
            Err(error) => println!("unexpected: {error}"),
        }
    }
    println!(
        "{name:>25}: {served} served, {shed} shed, in {:.0?}",
        start.elapsed()
    );
}
