//! The client: the stack that `Cluster::builder` builds, over the simulated network.

use std::sync::Arc;
use std::time::Duration;

use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_redis_cluster::limit::InFlightLimitLayer;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, DialLimitLayer,
    ExclusiveLaneLayer, FailFastLayer, NodeAddr, NodeLayer, RetryLayer, RetryPolicy, RouteLayer,
    ScatterGatherLayer, SpreadLayer, TimeoutLayer, TraceLayer, Value, connection,
};

use crate::net::Net;

pub type Client = Cluster<BoxCloneSyncService<Command, Value, BoxError>>;

/// What differs between runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub timeout: Duration,
    pub connections_per_node: usize,
    pub max_in_flight: usize,
}

/// How late a deadline may be kept, as `timeout`'s documentation says.
pub const LATENESS: Duration = Duration::from_millis(10);

pub fn client(net: &Arc<Net>, settings: Settings) -> Client {
    let Settings { timeout, .. } = settings;
    let stalled = timeout.saturating_mul(10).max(Duration::from_secs(5));
    let connection = connection::Config::default()
        .suspect_after(timeout.min(Duration::from_secs(1)))
        .stall_timeout(stalled);
    let config = ConnectConfig::new().connection(connection);
    let config = Arc::new(config);
    let net = Arc::clone(net);
    // Some of the nodes, as an application would give them.
    let seeds = net.fake.addrs().into_iter().take(2);

    let counters = Counters::new();
    let route = RouteLayer::from_addrs(seeds)
        .keep_services(true)
        .counters(counters.clone());
    let cache = ConnectionCacheLayer::new()
        .retain_only(route.nodes())
        .counters(counters.clone());
    let policy = RetryPolicy::new(3)
        .hurry_on(route.changes())
        .max_waiting(settings.max_in_flight.div_ceil(2))
        .counters(counters.clone());
    let stack = ServiceBuilder::new()
        .layer(BoxCloneSyncService::layer())
        .layer(InFlightLimitLayer::new(settings.max_in_flight))
        .layer(TraceLayer::new())
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(timeout).counters(counters.clone()))
        .layer(RetryLayer::new(policy))
        .layer(route)
        .layer(SpreadLayer::new(settings.connections_per_node))
        .layer(cache)
        .layer(ExclusiveLaneLayer::new().counters(counters.clone()))
        .layer(NodeLayer::per_node(
            FailFastLayer::new().counters(counters.clone()),
        ))
        .layer(DialLimitLayer::new().counters(counters.clone()))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .service(service_fn(move |addr: NodeAddr| {
            Arc::clone(&net).connect(addr, Arc::clone(&config))
        }));
    Cluster::new(stack)
        .with_ready_timeout(timeout)
        .with_counters(counters)
}
