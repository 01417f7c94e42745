//! The whole stack by hand, with layers of your own at each of its four seams.
//!
//!     cargo run --example custom_stack                            # against a cluster inside this process
//!     cargo run --example custom_stack redis://10.0.0.1:7000      # or yours
//!
//! It prints what each seam sees: one request, the attempts it takes, the nodes they go to, and the connections
//! made for that. The in-process cluster then moves a slot and refuses one attempt, so there is more to see.

use std::fmt::Debug;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{Layer, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, ConnectConfig, ConnectionCacheLayer, Connector, NodeAddr, NodeLayer, RetryLayer,
    RetryPolicy, RouteLayer, ScatterGatherLayer, ServerError, Slot, TimeoutLayer, Value,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = FakeCluster::start(3).await;
    let yours = std::env::args().nth(1);
    let url = yours.clone().unwrap_or_else(|| fake.url());

    // Linked, so that the cache closes connections to nodes that left as soon as the route knows. Without the link
    // it does so when they have been idle for 5 to 10 minutes.
    let route = RouteLayer::new([&url]);
    let cache = ConnectionCacheLayer::new().retain_only(route.nodes());

    let stack = ServiceBuilder::new()
        // The request seam: one call per application request. A buffer lets many tasks share what is not
        // `Clone`, and load shed refuses requests at once when the buffer is full.
        .layer(LoadShedLayer::new())
        .layer(BufferLayer::new(1024))
        .layer(Show("request"))
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(Duration::from_millis(400)))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        // The attempt seam: one call per try.
        .layer(Show("  attempt"))
        .layer(route)
        .layer(cache)
        // The node seam: a layer around each connection, here one made for the node's address.
        .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1024)))
        .layer(NodeLayer::from_fn(|addr: &NodeAddr| {
            Show(format!("    node {addr}"))
        }))
        // The connect seam: around the act of connecting.
        .layer(Show("    connect"))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .service(Connector::new(ConnectConfig::from_urls([&url])?));
    let cluster = Cluster::new(stack);

    println!("The first request finds out what the cluster looks like:");
    cluster.set("user:1", "Ann").await?;

    println!("\nThe second finds all that ready:");
    let name: Option<String> = cluster.get("user:1").await?;
    println!("-> {name:?}");

    if yours.is_some() {
        return Ok(()); // What follows is done to the in-process cluster.
    }

    println!("\nA slot moves to another node, and the client is told by a redirect:");
    let slot = Slot::of("user:1");
    let owner = fake.owner(slot).expect("every slot is served");
    fake.migrate_slot(slot, (owner + 1) % 3);
    let name: Option<String> = cluster.get("user:1").await?;
    println!("-> {name:?}");

    println!("\nA node refuses once, and the retry layer tries again:");
    let refusal = Value::Error(ServerError::new("CLUSTERDOWN The cluster is down"));
    fake.node((owner + 1) % 3).answer("GET", refusal, 1);
    let name: Option<String> = cluster.get("user:1").await?;
    println!("-> {name:?}");
    Ok(())
}

/// A layer that prints what passes. The same type serves at every seam: what differs is the request.
#[derive(Clone)]
struct Show<N>(N);

#[derive(Clone)]
struct ShowService<N, S> {
    name: N,
    inner: S,
}

impl<N: Clone, S> Layer<S> for Show<N> {
    type Service = ShowService<N, S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShowService {
            name: self.0.clone(),
            inner,
        }
    }
}

impl<N: std::fmt::Display, S, R> Service<R> for ShowService<N, S>
where
    S: Service<R>,
    R: Debug,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        println!("{}: {request:?}", self.name);
        self.inner.call(request)
    }
}
