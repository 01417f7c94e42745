//! Requests through several layers, up to the whole stack.

use std::hint::black_box;

use bytes::Bytes;
use tower::ServiceBuilder;
use tower::timeout::Timeout;
use tower_redis_cluster::cluster::RequestStack;
use tower_redis_cluster::exclusive::ExclusiveLanes;
use tower_redis_cluster::route::Route;
use tower_redis_cluster::spread::{Spread, SpreadLayer};
use tower_redis_cluster::{
    Cluster, ConnectionCache, ConnectionCacheLayer, ExclusiveLaneLayer, InFlightLimitLayer,
    RetryLayer, RetryPolicy, RouteLayer, ScatterGatherLayer, TimeoutLayer, TraceLayer,
};

use crate::layers::{BARE, MAX_IN_FLIGHT, TIMEOUT, get, requests, runtime, within};
use crate::mock::{self, Connect};
use crate::row::Row;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        requests("route + cache", cached),
        requests("retry + route + cache", || {
            ServiceBuilder::new()
                .layer(RetryLayer::new(RetryPolicy::new(3)))
                .service(cached())
        }),
        requests("timeout + retry + route + cache", || {
            ServiceBuilder::new()
                .layer(TimeoutLayer::new(TIMEOUT))
                .layer(RetryLayer::new(RetryPolicy::new(3)))
                .service(cached())
        }),
        requests("default stack", stack),
        sends("default stack, `Cluster::send`"),
        gets("default stack, `Cluster::get`"),
    ]
}

/// The layers that the aim of 150 ns is about have no more below them than this.
fn cached() -> Route<ConnectionCache<Connect>> {
    let route = RouteLayer::from_addrs(mock::addrs()).keep_services(true);
    let cache = ConnectionCacheLayer::new().retain_only(route.nodes());
    ServiceBuilder::new()
        .layer(route)
        .layer(cache)
        .service(Connect)
}

type Routed = Route<Spread<ExclusiveLanes<Timeout<Connect>>>>;

/// What the builder makes, with nodes that answer at once.
fn stack() -> RequestStack<Routed> {
    let route = RouteLayer::from_addrs(mock::addrs()).keep_services(true);
    let cache = ConnectionCacheLayer::new().retain_only(route.nodes());
    let route = ServiceBuilder::new()
        .layer(route)
        .layer(SpreadLayer::default())
        .layer(cache)
        .layer(ExclusiveLaneLayer::new())
        .layer(tower::timeout::TimeoutLayer::new(2 * TIMEOUT))
        .service(Connect);
    ServiceBuilder::new()
        .layer(InFlightLimitLayer::new(MAX_IN_FLIGHT))
        .layer(TraceLayer::new())
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        .service(route)
}

/// As the builder has it.
fn cluster() -> Cluster<RequestStack<Routed>> {
    Cluster::new(stack()).with_kept_stack()
}

/// As applications do it, with a handle.
fn sends(name: &'static str) -> Row {
    let future = within(&runtime(), || size_of_val(&cluster().send(get())));
    let row = Row::new(name, || {
        let runtime = runtime();
        let cluster = within(&runtime, cluster);
        let command = get();
        move |operations| {
            runtime.block_on(async {
                for _ in 0..operations {
                    let reply = cluster.send(black_box(&command).clone()).await;
                    black_box(reply.expect("the mock answers"));
                }
            });
        }
    });
    row.over(BARE).future(future)
}

/// With the command built, and the reply converted.
fn gets(name: &'static str) -> Row {
    let future = within(&runtime(), || {
        size_of_val(&cluster().get::<Bytes>("user:1"))
    });
    let row = Row::new(name, || {
        let runtime = runtime();
        let cluster = within(&runtime, cluster);
        move |operations| {
            runtime.block_on(async {
                for _ in 0..operations {
                    let reply = cluster.get::<Bytes>(black_box("user:1")).await;
                    black_box(reply.expect("the mock answers"));
                }
            });
        }
    });
    row.over(BARE).future(future)
}
