//! The stack that a builder builds.

use std::time::Duration;

use tower::layer::util::Identity;
use tower::timeout::Timeout as ConnectTimeout;
use tower::{BoxError, Layer, Service, ServiceBuilder};

use super::{ClusterBuilder, Settings};
use crate::addr::NodeAddr;
use crate::cache::ConnectionCacheLayer;
use crate::cluster::Cluster;
use crate::command::Command;
use crate::connect::{ConnectConfig, Connector};
use crate::connection;
use crate::dial_limit::DialLimit;
use crate::error::{Error, ErrorKind};
use crate::exclusive::{ExclusiveLaneLayer, ExclusiveLanes};
use crate::failfast::FailFastLayer;
use crate::lifecycle::Lifecycle;
use crate::limit::{InFlightLimit, InFlightLimitLayer};
use crate::metrics::Counters;
use crate::node::{NodeLayer, PerAddr, PerNode};
use crate::retry::{Failure, Retry, RetryLayer};
use crate::route::{Route, RouteLayer};
use crate::scatter::{ScatterGather, ScatterGatherLayer};
use crate::spread::{Spread, SpreadLayer};
use crate::timeout::{Timeout, TimeoutLayer};
use crate::trace::{Trace, TraceLayer};
use crate::value::Value;

/// What [`Cluster::connect`] and a builder without layers make.
pub type DefaultStack = RequestStack<AttemptStack>;

/// The request seam of a built stack: all that a request passes before its first attempt.
pub type RequestStack<T> = InFlightLimit<Trace<ScatterGather<Timeout<Retry<T>>>>>;

/// The attempt seam of a built stack, without the application's attempt layers: routing over cached connections, each
/// with a lane of exclusive ones beside it.
pub type AttemptStack<N = Identity, C = Identity> = Route<Spread<ExclusiveLanes<MakeStack<N, C>>>>;

/// What makes connections in a built stack: the connector, inside the application's connect and node layers.
pub type MakeStack<N, C> = <N as Layer<NodeStack<C>>>::Service;

/// The node seam of a built stack, without the application's node layers: connections that fail fast.
pub type NodeStack<C> = PerNode<ConnectStack<C>, PerAddr<FailFastLayer>>;

/// The connect seam of a built stack.
pub type ConnectStack<C> = <C as Layer<DialLimit<ConnectTimeout<Connector>>>>::Service;

/// A client, and its way to learn of the topology.
type Assembled<A, N, C> = (
    Cluster<RequestStack<<A as Layer<AttemptStack<N, C>>>::Service>>,
    AttemptStack<N, C>,
);

// What an attempt layer has to give is asked by the methods: the compiler explains a bound of a method better than
// one of an impl, for which it says that there is no such method.
impl<A, N, C> ClusterBuilder<A, N, C>
where
    C: Layer<DialLimit<ConnectTimeout<Connector>>>,
    N: Layer<NodeStack<C>>,
    MakeStack<N, C>: Service<
            NodeAddr,
            Response: Clone + Send + Sync + 'static,
            Error: Into<BoxError>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
    <MakeStack<N, C> as Service<NodeAddr>>::Response:
        Service<Command, Response = Value, Error: Into<BoxError>, Future: Send>,
    A: Layer<AttemptStack<N, C>>,
{
    /// Builds the stack, and waits until the cluster's topology is known.
    ///
    /// One seed that answers is enough.
    ///
    /// # Errors
    ///
    /// If a URL or a setting is wrong, or no seed answers: the error names each with its reason.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Cluster<RequestStack<A::Service>>, Error>
    where
        A::Service: Service<Command, Response = Value, Error: Failure> + Clone,
    {
        let (cluster, route) = self.assemble()?;
        route.discovered().await?;
        Ok(cluster)
    }

    /// Builds the stack. It connects when it is first used.
    ///
    /// # Errors
    ///
    /// If a URL or a setting is wrong.
    pub fn build(self) -> Result<Cluster<RequestStack<A::Service>>, Error>
    where
        A::Service: Service<Command, Response = Value, Error: Failure> + Clone,
    {
        Ok(self.assemble()?.0)
    }

    fn assemble(self) -> Result<Assembled<A, N, C>, Error>
    where
        A::Service: Clone,
    {
        let Settings {
            urls,
            connect,
            timeout,
            connect_timeout,
            retry,
            max_redirects,
            checks_arguments,
            max_in_flight,
            max_bytes_in_flight,
            max_exclusive,
            connections_per_node,
            dial_limit,
            addr_map,
            keeps_stack,
            keeps_services,
            has_node_layers,
        } = self.settings;
        if max_in_flight == 0 {
            return Err(Error::not_sent(
                ErrorKind::Config,
                "max_in_flight is 0, which lets no request through; set at least 1",
            ));
        }
        if connections_per_node == 0 {
            return Err(Error::not_sent(
                ErrorKind::Config,
                "connections_per_node is 0, with which nothing can be sent; set at least 1",
            ));
        }
        let config = match connect {
            Some(config) => {
                config.check_against(&urls)?;
                config
            }
            None => ConnectConfig::from_urls(&urls)?,
        };
        // A connection is looked into when a request would have given up, or a second has passed without a sign of
        // life, and given up when nothing arrives for ten times as long as a request may take. A node that forks or
        // runs a slow script keeps its connection, however impatient the requests are.
        let config = config.connection_unless_set(
            connection::Config::default()
                .suspect_after(timeout.min(Duration::from_secs(1)))
                .stall_timeout(timeout.saturating_mul(10).max(Duration::from_secs(5))),
        );
        let counters = Counters::new();
        let lifecycle = Lifecycle::new();

        let route = RouteLayer::new(&urls)
            .max_redirects(max_redirects)
            .check_arguments(checks_arguments)
            .with_addr_map(addr_map)
            // Of our own layers none reserves.
            .keep_services(keeps_services.unwrap_or(!has_node_layers))
            .counters(counters.clone())
            .lifecycle(&lifecycle);
        // A primary that comes back should not be slept through, and one that does not should not take all places.
        let mut retry = retry.hurry_on(route.changes()).counters(counters.clone());
        if !retry.bounds_waiting() {
            retry = retry.max_waiting(max_in_flight.div_ceil(2));
        }
        let connector = Connector::new(config.counters(counters.clone()))
            .report_to(route.suspicions())
            .lifecycle(&lifecycle);
        let fail_fast = FailFastLayer::new().counters(counters.clone());
        let cache = ConnectionCacheLayer::new()
            .retain_only(route.nodes())
            .counters(counters.clone())
            .lifecycle(&lifecycle);
        let lanes = ExclusiveLaneLayer::new()
            .max_connections(max_exclusive)
            .counters(counters.clone())
            .lifecycle(&lifecycle);
        let route = ServiceBuilder::new()
            .layer(route)
            .layer(SpreadLayer::new(connections_per_node))
            .layer(cache)
            .layer(lanes)
            .layer(self.node)
            // Next to the connection: what an application's layer makes wait is its own business.
            .layer(NodeLayer::per_node(fail_fast))
            .layer(self.connect)
            // Outside of the timeout: to wait for one's turn is not to connect.
            .layer(dial_limit.counters(counters.clone()))
            .layer(tower::timeout::TimeoutLayer::new(connect_timeout))
            .service(connector);
        let stack = ServiceBuilder::new()
            .layer(
                InFlightLimitLayer::new(max_in_flight)
                    .max_bytes(max_bytes_in_flight)
                    .lifecycle(&lifecycle),
            )
            .layer(TraceLayer::new())
            .layer(ScatterGatherLayer::new().check_arguments(checks_arguments))
            .layer(TimeoutLayer::new(timeout).counters(counters.clone()))
            .layer(RetryLayer::new(retry))
            .layer(self.attempt)
            .service(route.clone());
        let cluster = Cluster::new(stack)
            .with_ready_timeout(timeout)
            .with_counters(counters)
            .with_lifecycle(&lifecycle);
        let cluster = match keeps_stack {
            // All layers that a clone of it has are ours.
            true => cluster.with_kept_stack(),
            false => cluster,
        };
        Ok((cluster, route))
    }
}
