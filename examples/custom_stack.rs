//! The whole stack by hand, with layers of your own at each of its four seams.
//!
//!     cargo run --example custom_stack                            # against a cluster inside this process
//!     cargo run --example custom_stack redis://10.0.0.1:7000      # or yours
//!
//! It is what `Cluster::builder` builds, layer by layer and linked in the same way, with a `Show` at each seam and a
//! `load_shed` outermost. It prints what each seam sees: one request, the attempts it takes, the nodes they go to, and the
//! connections made for that. The in-process cluster then moves a slot and refuses one attempt, so there is more to see.

use std::fmt::Debug;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Connector, Counters, DialLimitLayer,
    Error, ExclusiveLaneLayer, FailFastLayer, InFlightLimitLayer, Lifecycle, NodeAddr, NodeLayer,
    RetryLayer, RetryPolicy, RouteLayer, ScatterGatherLayer, ServerError, Slot, SpreadLayer,
    TimeoutLayer, TraceLayer, Value, connection,
};

const TIMEOUT: Duration = Duration::from_millis(400);

const MAX_IN_FLIGHT: usize = 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = FakeCluster::start(3).await;
    let yours = std::env::args().nth(1);
    let url = yours.clone().unwrap_or_else(|| fake.url());

    // What ends and counts the parts of the stack: `Cluster::shutdown` and `Cluster::metrics` reach those that know it.
    let life = Lifecycle::new();
    let counters = Counters::new();

    // Who tells whom: the route tells the cache which nodes have left, and the retries when slots have new owners; silent
    // connections tell the route to look for them.
    let route = RouteLayer::new([&url])
        .counters(counters.clone())
        .lifecycle(&life);
    let cache = ConnectionCacheLayer::new()
        .retain_only(route.nodes())
        .counters(counters.clone())
        .lifecycle(&life);
    let lanes = ExclusiveLaneLayer::new()
        .counters(counters.clone())
        .lifecycle(&life);
    let retry = RetryPolicy::new(3)
        .hurry_on(route.changes())
        .max_waiting(MAX_IN_FLIGHT / 2)
        .counters(counters.clone());
    // A connection is looked into when a request would have given up.
    let bounds = connection::Config::default()
        .suspect_after(TIMEOUT)
        .stall_timeout(Duration::from_secs(5));
    let config = ConnectConfig::from_urls([&url])?
        .connection(bounds)
        .counters(counters.clone());
    let connector = Connector::new(config)
        .report_to(route.suspicions())
        .lifecycle(&life);

    let stack = ServiceBuilder::new()
        // The request seam: one call per request of the application. At the limit the stack is not ready, and load shed
        // refuses at once what would have to wait.
        .layer(LoadShedLayer::new())
        .layer(Show("request"))
        .layer(InFlightLimitLayer::new(MAX_IN_FLIGHT).lifecycle(&life))
        .layer(TraceLayer::new())
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(TIMEOUT).counters(counters.clone()))
        .layer(RetryLayer::new(retry))
        // The attempt seam: one call per try.
        .layer(Show("  attempt"))
        .layer(route)
        .layer(SpreadLayer::new(1))
        .layer(cache)
        .layer(lanes)
        // The node seam: a layer around each connection, here one made for the node's address.
        .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1024)))
        .layer(NodeLayer::from_fn(|addr: &NodeAddr| {
            Show(format!("    node {addr}"))
        }))
        .layer(NodeLayer::per_node(
            FailFastLayer::new().counters(counters.clone()),
        ))
        // The connect seam: around the act of connecting.
        .layer(Show("    connect"))
        .layer(DialLimitLayer::new().counters(counters.clone()))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .service(connector);
    let cluster = Cluster::new(stack)
        // None of its layers holds a place for a request that is refused.
        .with_kept_stack()
        .with_ready_timeout(TIMEOUT)
        .with_counters(counters)
        .with_lifecycle(&life);

    println!("The first request finds out what the cluster looks like:");
    cluster.set("user:1", "Ann").await?;

    println!("\nThe second finds all that ready:");
    let name: Option<String> = cluster.get("user:1").await?;
    println!("-> {name:?}");

    // What follows is done to the in-process cluster.
    if yours.is_none() {
        disturb(&fake, &cluster).await?;
    }

    println!("\nIt ends when nothing is on its way, and has counted:");
    cluster.shutdown(TIMEOUT).await?;
    for metric in cluster.metrics().iter().filter(|metric| metric.value > 0) {
        println!("{} {}", metric.name, metric.value);
    }
    Ok(())
}

async fn disturb<S>(fake: &FakeCluster, cluster: &Cluster<S>) -> Result<(), Error>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Clone,
{
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
