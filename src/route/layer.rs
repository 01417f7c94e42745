//! [`RouteLayer`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tower::Layer;

use super::Route;
use super::config::{Config, Discovery};
use super::make::MakeNode;
use super::suspicions::Suspicions;
use crate::addr::NodeAddr;
use crate::connect::ConnectUrl;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;
use crate::topology::AddrMap;

/// Makes a [`Route`] of a make-service of nodes.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::NodeAddr;
/// use tower_redis_cluster::route::RouteLayer;
///
/// let layer = RouteLayer::new(["redis://10.0.0.1:7000", "redis://10.0.0.2:7000"])
///     .max_redirects(3)
///     .refresh_interval(Duration::from_secs(30))
///     .map_addr(|addr| NodeAddr::new("cluster.example", addr.port()));
/// ```
#[derive(Clone, Debug)]
pub struct RouteLayer {
    config: Config,
}

impl RouteLayer {
    /// A layer that finds the cluster by these addresses, written as [`ConnectUrl`] says: some of its nodes, not
    /// necessarily all. What else the URLs say, such as a password, is for the
    /// [`ConnectConfig`](crate::ConnectConfig) and has no effect here.
    ///
    /// Host names are resolved whenever they are dialled, so one name that stands for changing addresses will do.
    ///
    /// Never fails: if there is no address, or one is malformed, every call answers with an error of kind
    /// [`ErrorKind::Config`]; see [`try_new`](RouteLayer::try_new).
    pub fn new<I>(seeds: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self {
            config: Config::new(parse(seeds)),
        }
    }

    /// As [`new`](RouteLayer::new), but malformed addresses are an error at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is no address, or one is malformed.
    pub fn try_new<I>(seeds: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        parse(seeds).map(Self::from_addrs)
    }

    /// As [`new`](RouteLayer::new), for addresses that need no parsing.
    pub fn from_addrs(seeds: impl IntoIterator<Item = NodeAddr>) -> Self {
        Self {
            config: Config::new(some(seeds.into_iter().collect())),
        }
    }

    /// How many redirects one command follows. Default: 5, as Redis' own clients do; two are usual at most, so more
    /// mean that nodes disagree.
    #[must_use]
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.config.max_redirects = redirects;
        self
    }

    /// Whether commands that [`Command::check`](crate::Command::check) finds wrong are refused. Default: true. Without
    /// it, servers refuse them, which takes a round trip and leaves part of a [pipeline](crate::Command::pipeline)
    /// applied.
    #[must_use]
    pub fn check_arguments(mut self, checks: bool) -> Self {
        self.config.checks_arguments = checks;
        self
    }

    /// How often the topology is checked without a reason, plus up to a tenth. Default: 60 s. It is for what gives no
    /// other sign, such as new replicas: changes of slots show themselves by redirects.
    #[must_use]
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.config.refresh_interval = interval;
        self
    }

    /// The least time between two refreshes while no primary is [in doubt](crate::route#doubt), whatever the reasons. Default:
    /// 500 ms. A random part comes on top: up to as much again, and more in clusters of more than 100 nodes, where an
    /// answer is larger and clients are many. Whatever is set, refreshes beyond [60 in a row](crate::route#how-often-nodes-are-asked)
    /// are a second apart.
    #[must_use]
    pub fn min_refresh_interval(mut self, interval: Duration) -> Self {
        self.config.min_refresh_interval = interval;
        self
    }

    /// How long one node has to tell its view, connecting included. Default: 2 s. Others are asked meanwhile.
    #[must_use]
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.config.query_timeout = timeout;
        self
    }

    /// By which command the topology is asked for. Default: [`Discovery::Slots`].
    #[must_use]
    pub fn discovery(mut self, discovery: Discovery) -> Self {
        self.config.discovery = discovery;
        self
    }

    /// Translates the addresses that nodes announce, in topologies and redirects, to ones that can be reached from
    /// here: for networks that translate addresses. A missing host is filled in before. The seeds are not
    /// translated.
    #[must_use]
    pub fn map_addr(mut self, map: impl Fn(NodeAddr) -> NodeAddr + Send + Sync + 'static) -> Self {
        self.config.addr_map = self.config.addr_map.mapping(map);
        self
    }

    /// Restricts which of the addresses that nodes announce, in topologies and redirects, may be dialled. Default: all.
    ///
    /// It is asked of [translated](RouteLayer::map_addr) addresses; the seeds are always allowed. A node that is not is
    /// left out of the topology, so that the slots of such a primary are not covered, and a redirect to one fails the
    /// command with an error of kind [`ErrorKind::Topology`] that names the address. It is for clients that must not be
    /// led out of their network by whoever controls a node.
    #[must_use]
    pub fn allow_addrs(self, allows: impl Fn(&NodeAddr) -> bool + Send + Sync + 'static) -> Self {
        let map = self.config.addr_map.clone().allowing(allows);
        self.with_addr_map(map)
    }

    /// What [`map_addr`](Self::map_addr) and [`allow_addrs`](Self::allow_addrs) set.
    pub(crate) fn with_addr_map(mut self, map: AddrMap) -> Self {
        let seeds = self.config.seeds.as_deref().unwrap_or_default();
        self.config.addr_map = map.with_seeds(seeds);
        self
    }

    /// Whether the service that was made for a primary is kept, for the requests that follow: for half a second, until the topology
    /// changes, or until it is not ready. Default: false, with which each request has one made, which takes an allocation and, with a
    /// cache below, about as many instructions as to send the command.
    ///
    /// Wrong where a service reserves in `poll_ready`, as tower's `ConcurrencyLimit` does, below a layer that may answer a
    /// command without passing it on, as a [`Breaker`](crate::BreakerLayer), [lanes](crate::ExclusiveLaneLayer) for blocking
    /// commands or `LoadShed` do: the service would hold on to its place for as long. A
    /// [builder](crate::Cluster::builder) keeps services unless it has [node layers](crate::ClusterBuilder::node_layer), and
    /// can be [told to](crate::ClusterBuilder::keep_services).
    #[must_use]
    pub fn keep_services(mut self, keeps: bool) -> Self {
        self.config.keeps_services = keeps;
        self
    }

    /// Counts in these counters. Requests that use a [kept](Self::keep_services) service count as cache hits.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.config.counters = counters;
        self
    }

    /// Ends the tasks that keep the topology and the [services](Self::keep_services) when this life ends.
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.config.lifecycle = lifecycle.clone();
        self
    }

    /// Where others tell of nodes that do not answer, though no command has failed yet: a
    /// [`Connector`](crate::Connector::report_to) of connections on which nothing arrives, or an application of what it
    /// knows from elsewhere.
    pub fn suspicions(&self) -> Suspicions {
        self.config.suspicions.clone()
    }

    /// The addresses of the cluster's nodes, told whenever they change; empty before the first discovery.
    ///
    /// Whoever keeps connections can close those to nodes that left; see
    /// [`ConnectionCacheLayer::retain_only`](crate::ConnectionCacheLayer::retain_only). A layer that makes several
    /// services tells the nodes of whichever changed last.
    pub fn nodes(&self) -> watch::Receiver<Arc<HashSet<NodeAddr>>> {
        self.config.nodes.subscribe()
    }

    /// Grows whenever slots have got other owners in the topology in use, by a refresh or by a `MOVED`; 0 before the
    /// first discovery. The new topology is in use before it is told.
    ///
    /// Whoever waits for a node can look again then. A layer that makes several services tells of the changes of all.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.config.changes.subscribe()
    }
}

fn parse<I>(seeds: I) -> Result<Vec<NodeAddr>, Error>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let seeds = seeds.into_iter().map(|seed| {
        let url: ConnectUrl = seed.as_ref().parse()?;
        Ok(url.addr().clone())
    });
    seeds.collect::<Result<_, _>>().and_then(some)
}

/// Seeds, of which there must be one.
fn some(seeds: Vec<NodeAddr>) -> Result<Vec<NodeAddr>, Error> {
    if seeds.is_empty() {
        return Err(Error::not_sent(
            ErrorKind::Config,
            "no address to find the cluster by; give that of one node at least",
        ));
    }
    Ok(seeds)
}

impl<C: MakeNode> Layer<C> for RouteLayer {
    type Service = Route<C>;

    fn layer(&self, nodes: C) -> Route<C> {
        Route::new(nodes, self.config.clone())
    }
}
