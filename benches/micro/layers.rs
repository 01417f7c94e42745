//! Requests through each layer alone.

use std::fmt::Debug;
use std::future::poll_fn;
use std::hint::black_box;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};
use tower_redis_cluster::spread::{Spread, SpreadLayer};
use tower_redis_cluster::{
    BreakerLayer, Command, ConnectionCacheLayer, ExclusiveLaneLayer, FailFastLayer,
    InFlightLimitLayer, NodeAddr, RetryLayer, RetryPolicy, RouteLayer, ScatterGatherLayer,
    TimeoutLayer, TraceLayer, Value, cmd,
};

use crate::mock::{self, Connect, Node};
use crate::row::Row;

/// What requests are compared with.
pub(crate) const BARE: &str = "bare mock";
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
pub(crate) const MAX_IN_FLIGHT: usize = 16 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        requests(BARE, || Node),
        requests("`InFlightLimit`", || {
            InFlightLimitLayer::new(MAX_IN_FLIGHT).layer(Node)
        }),
        requests("`Trace`, disabled", || TraceLayer::new().layer(Node)),
        requests("`ScatterGather`, passing on", || {
            ScatterGatherLayer::new().layer(Node)
        }),
        requests("`Timeout`", || TimeoutLayer::new(TIMEOUT).layer(Node)),
        requests("`Retry`", || {
            RetryLayer::new(RetryPolicy::new(3)).layer(Node)
        }),
        requests("`Route`", || {
            RouteLayer::from_addrs(mock::addrs()).layer(Connect)
        }),
        hits("`ConnectionCache`, a hit", || {
            ConnectionCacheLayer::new().layer(Connect)
        }),
        laned("`ExclusiveLanes`, shared lane"),
        hits("`Spread` > `ConnectionCache`, 1 connection", || spread(1)),
        hits("`Spread` > `ConnectionCache`, 4 connections", || spread(4)),
        requests("`Breaker`, closed", || {
            BreakerLayer::new().for_node(&node()).layer(Node)
        }),
        requests("`FailFast`, ready", || FailFastLayer::new().layer(Node)),
    ]
}

/// One after the other on one service. A clone of the command is part of each.
pub(crate) fn requests<S>(name: &'static str, build: impl FnOnce() -> S + 'static) -> Row
where
    S: Service<Command, Response = Value, Error: Debug> + 'static,
{
    let row = Row::new(name, || {
        let runtime = runtime();
        let mut service = within(&runtime, build);
        let command = get();
        move |operations| {
            runtime.block_on(async {
                for _ in 0..operations {
                    black_box(request(&mut service, black_box(&command).clone()).await);
                }
            });
        }
    });
    row.over(BARE).future(size_of::<S::Future>())
}

/// As [`requests`], each on the node that there is for an address.
fn hits<M>(name: &'static str, build: impl FnOnce() -> M + 'static) -> Row
where
    M: Service<NodeAddr, Error: Debug> + 'static,
    M::Response: Service<Command, Response = Value, Error: Debug>,
{
    let row = Row::new(name, || {
        let runtime = runtime();
        let mut nodes = within(&runtime, build);
        let command = get();
        let addr = node();
        move |operations| {
            runtime.block_on(async {
                for _ in 0..operations {
                    let mut node = request(&mut nodes, black_box(&addr).clone()).await;
                    black_box(request(&mut node, black_box(&command).clone()).await);
                }
            });
        }
    });
    row.over(BARE).future(size_of::<M::Future>())
}

fn spread(connections: usize) -> Spread<Connect> {
    SpreadLayer::new(connections).layer(ConnectionCacheLayer::new().layer(Connect))
}

/// Through the service that is made once for each node.
fn laned(name: &'static str) -> Row {
    requests(name, || {
        let mut lanes = ExclusiveLaneLayer::new().layer(Connect);
        let made = request(&mut lanes, node()).now_or_never();
        made.expect("the mock connects at once")
    })
}

pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Builds where tasks can be spawned.
pub(crate) fn within<T>(runtime: &Runtime, build: impl FnOnce() -> T) -> T {
    let _entered = runtime.enter();
    build()
}

pub(crate) fn get() -> Command {
    cmd("GET").arg("user:1")
}

fn node() -> NodeAddr {
    NodeAddr::new("10.0.0.1", 7000)
}

pub(crate) async fn request<S, R>(service: &mut S, request: R) -> S::Response
where
    S: Service<R, Error: Debug>,
{
    let ready = poll_fn(|cx| service.poll_ready(cx)).await;
    ready.expect("the mock is ready");
    service.call(request).await.expect("the mock answers")
}
