//! What becomes of requests to a node that stops answering: a breaker and fail-fast at the node seam.
//!
//!     cargo run --example breaker
//!
//! It teaches two things: how layers at the node seam are built from the node's address, and what each of these two
//! does. *Fail-fast* answers at once for a connection that has not been ready for too long, here because it is full of
//! commands that nobody answers. The *breaker* refuses what a node would only let time out, lets a request through
//! now and then, and closes when that one is answered. It runs against a cluster inside this process, and ends by itself
//! in a second or two.

use std::time::{Duration, Instant};

use tower::{BoxError, Service, ServiceBuilder};
use tower_redis_cluster::breaker::BreakerState;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    BreakerLayer, Cluster, Command, ConnectConfig, ConnectionCacheLayer, Connector, Counters,
    Error, FailFastLayer, NodeLayer, RouteLayer, Slot, TimeoutLayer, Value, connection,
};

/// Few, so that the connection is soon full.
const IN_FLIGHT: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let fake = FakeCluster::start(2).await;
    let counters = Counters::new();

    let breakers = BreakerLayer::new()
        .failures(5, Duration::from_millis(200))
        .counters(counters.clone());
    let fail_fast = FailFastLayer::new()
        .after(Duration::from_millis(50))
        .counters(counters.clone());

    let connection = connection::Config::default().max_in_flight(IN_FLIGHT);
    let config = ConnectConfig::from_urls([fake.urls()[0].as_str()])?.connection(connection);
    // Without a retry layer, so that each failure is seen. With one, requests wait the trouble out as long as they may.
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(80)))
        .layer(RouteLayer::new(fake.urls()))
        .layer(ConnectionCacheLayer::new())
        // A clone for the stack: it shares the breakers with the one whose states are printed.
        .layer(NodeLayer::per_node(breakers.clone()))
        // Below the breaker: what fails fast was not sent, and tells the breaker nothing.
        .layer(NodeLayer::per_node(fail_fast))
        .service(Connector::new(config));
    let cluster = Cluster::new(stack);
    let show = || {
        for (addr, state) in breakers.states() {
            match state {
                BreakerState::Open { since, .. } => {
                    println!("  {addr}: open for {} ms", since.elapsed().as_millis());
                }
                other => println!("  {addr}: {other:?}"),
            }
        }
    };

    let broken = fake.owner(Slot::of("user:1")).expect("it is served");
    cluster.set("user:1", "Ann").await?;
    println!("All is well:");
    show();

    println!("\nA node stops answering, and requests to it time out:");
    fake.node(broken).stall();
    for _ in 0..7 {
        request(&cluster).await;
    }
    println!("That was enough for its breaker, which refuses now, but for a probe now and then:");
    show();

    println!("\nThe node is back, and the first answer closes the breaker:");
    fake.node(broken).resume();
    while !request(&cluster).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    show();

    println!(
        "\nThe node stops again, and {IN_FLIGHT} requests that come together fill its connection."
    );
    println!("The next waits a little, and those after it do not:");
    fake.node(broken).stall();
    let fill = (0..IN_FLIGHT).map(|_| cluster.get::<String>("user:1"));
    let late = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..3 {
            request(&cluster).await;
        }
    };
    tokio::join!(futures::future::join_all(fill), late);

    println!("\nThe node is back, and so is its connection:");
    fake.node(broken).resume();
    while !request(&cluster).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let counts = counters.snapshot();
    println!(
        "\n{} failed fast, {} refused by the breaker, which opened {} time(s)",
        counts.failed_fast, counts.breaker_refusals, counts.breakers_opened
    );
    Ok(())
}

/// Reads from the node in question, and prints what came of it and how long that took. True if it was served.
async fn request<S>(cluster: &Cluster<S>) -> bool
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Clone,
{
    let start = Instant::now();
    let result = cluster.get::<String>("user:1").await;
    let millis = start.elapsed().as_millis();
    match &result {
        Ok(name) => println!("  after {millis:>3} ms: {name}"),
        Err(error) => println!("  after {millis:>3} ms: {error}"),
    }
    result.is_ok()
}
