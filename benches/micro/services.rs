//! Requests through each layer alone, and through the stack.

use std::fmt::Debug;
use std::future::poll_fn;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tower::timeout::Timeout;
use tower::{Layer, Service, ServiceBuilder};
use tower_redis_cluster::cluster::RequestStack;
use tower_redis_cluster::route::Route;
use tower_redis_cluster::{
    Cluster, Command, ConnectionCache, ConnectionCacheLayer, InFlightLimitLayer, NodeAddr,
    RetryLayer, RetryPolicy, RouteLayer, ScatterGatherLayer, TimeoutLayer, TraceLayer, Value, cmd,
};

use crate::harness::Row;
use crate::mock::{self, Connect, Node};

const TIMEOUT: Duration = Duration::from_secs(1);
const MAX_IN_FLIGHT: usize = 16 * 1024;

pub(crate) fn rows(runtime: &Rc<Runtime>) -> Vec<Row> {
    let limit = InFlightLimitLayer::new(MAX_IN_FLIGHT).layer(Node);
    let scatter = ScatterGatherLayer::new().layer(Node);
    let timeout = TimeoutLayer::new(TIMEOUT).layer(Node);
    let retry = RetryLayer::new(RetryPolicy::new(3)).layer(Node);
    let route = RouteLayer::from_addrs(mock::addrs()).layer(Connect);
    let retried = RetryLayer::new(RetryPolicy::new(3)).layer(routed());
    vec![
        // First, since the others are compared with it.
        requests(runtime, "bare mock", Node),
        requests(runtime, "`InFlightLimit`", limit),
        requests(runtime, "`Trace`, disabled", TraceLayer::new().layer(Node)),
        requests(runtime, "`ScatterGather`, passing on", scatter),
        requests(runtime, "`Timeout`", timeout),
        requests(runtime, "`Retry`", retry),
        requests(runtime, "`Route`", route),
        hits(runtime, "`ConnectionCache`, a hit"),
        requests(runtime, "`Route` > `ConnectionCache`", routed()),
        requests(runtime, "`Retry` > `Route` > `ConnectionCache`", retried),
        requests(runtime, "default stack", stack()),
        sends(runtime, "default stack, by `Cluster::send`"),
    ]
}

type Routed = Route<ConnectionCache<Timeout<Connect>>>;

/// The attempt seam of the default stack, with nodes that answer at once.
fn routed() -> Routed {
    let route = RouteLayer::from_addrs(mock::addrs());
    let cache = ConnectionCacheLayer::new().retain_only(route.nodes());
    ServiceBuilder::new()
        .layer(route)
        .layer(cache)
        .layer(tower::timeout::TimeoutLayer::new(2 * TIMEOUT))
        .service(Connect)
}

/// What the builder makes, over [`routed`].
fn stack() -> RequestStack<Routed> {
    ServiceBuilder::new()
        .layer(InFlightLimitLayer::new(MAX_IN_FLIGHT))
        .layer(TraceLayer::new())
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        .service(routed())
}

/// One after the other on one service. A clone of the command is part of each.
fn requests<S>(runtime: &Rc<Runtime>, name: &'static str, mut service: S) -> Row
where
    S: Service<Command, Response = Value, Error: Debug> + 'static,
{
    let runtime = Rc::clone(runtime);
    let command = get();
    Row::service(name, move |operations| {
        runtime.block_on(async {
            for _ in 0..operations {
                black_box(request(&mut service, black_box(&command).clone()).await);
            }
        });
    })
}

/// As [`requests`], each on the node that the cache has for an address.
fn hits(runtime: &Rc<Runtime>, name: &'static str) -> Row {
    let runtime = Rc::clone(runtime);
    let command = get();
    let mut cache = ConnectionCacheLayer::new().layer(Connect);
    let addr = NodeAddr::new("10.0.0.1", 7000);
    Row::service(name, move |operations| {
        runtime.block_on(async {
            for _ in 0..operations {
                let mut node = request(&mut cache, black_box(&addr).clone()).await;
                black_box(request(&mut node, black_box(&command).clone()).await);
            }
        });
    })
}

/// As applications do it: on a clone of the stack for each request, since many tasks share the handle.
fn sends(runtime: &Rc<Runtime>, name: &'static str) -> Row {
    let runtime = Rc::clone(runtime);
    let command = get();
    let cluster = Cluster::new(stack());
    Row::service(name, move |operations| {
        runtime.block_on(async {
            for _ in 0..operations {
                let reply = cluster.send(black_box(&command).clone()).await;
                black_box(reply.expect("the mock answers"));
            }
        });
    })
}

pub(crate) fn get() -> Command {
    cmd("GET").arg("user:1")
}

pub(crate) async fn request<S, R>(service: &mut S, request: R) -> S::Response
where
    S: Service<R, Error: Debug>,
{
    let ready = poll_fn(|cx| service.poll_ready(cx)).await;
    ready.expect("the mock is ready");
    service.call(request).await.expect("the mock answers")
}
