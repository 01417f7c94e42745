//! [`ClusterBuilder`]: the settings of a client, and the layers to put into it.

mod stack;

use std::fmt;
use std::time::Duration;

use tower::layer::util::{Identity, Stack};

pub use self::stack::{
    AttemptStack, ConnectStack, DefaultStack, MakeStack, NodeStack, RequestStack,
};
use crate::addr::NodeAddr;
use crate::connect::ConnectConfig;
use crate::dial_limit::DialLimitLayer;
use crate::node::{FromFn, NodeLayer, Same};
use crate::retry::RetryPolicy;
use crate::topology::AddrMap;

/// Settings of a [`Cluster`](crate::Cluster), and layers to put into its stack.
///
/// Each default is given with its reason. Where a setting is missing, build the stack by hand, as the crate's
/// front page shows, or add the layer.
///
/// ```no_run
/// use std::time::Duration;
/// use tower::limit::ConcurrencyLimitLayer;
/// use tower_redis_cluster::Cluster;
///
/// # async fn example() -> Result<(), tower_redis_cluster::Error> {
/// let cluster = Cluster::builder(["redis://10.0.0.1:7000", "redis://10.0.0.2:7000"])
///     .timeout(Duration::from_millis(400))
///     .node_layer(ConcurrencyLimitLayer::new(1024))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it is told to connect or to build"]
#[derive(Clone)]
pub struct ClusterBuilder<A = Identity, N = Identity, C = Identity> {
    settings: Settings,
    attempt: A,
    node: N,
    connect: C,
}

#[derive(Clone, Debug)]
struct Settings {
    urls: Vec<String>,
    connect: Option<ConnectConfig>,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    max_redirects: usize,
    checks_arguments: bool,
    max_in_flight: usize,
    max_bytes_in_flight: usize,
    max_exclusive: usize,
    connections_per_node: usize,
    dial_limit: DialLimitLayer,
    addr_map: AddrMap,
    keeps_stack: bool,
    keeps_services: Option<bool>,
    has_node_layers: bool,
}

impl ClusterBuilder {
    pub(super) fn new(urls: impl IntoIterator<Item: AsRef<str>>) -> Self {
        Self {
            settings: Settings {
                urls: urls
                    .into_iter()
                    .map(|url| url.as_ref().to_owned())
                    .collect(),
                connect: None,
                timeout: Duration::from_secs(1),
                connect_timeout: Duration::from_secs(2),
                retry: RetryPolicy::new(3),
                max_redirects: 5,
                checks_arguments: true,
                max_in_flight: 16 * 1024,
                max_bytes_in_flight: 256 * 1024 * 1024,
                max_exclusive: 128,
                connections_per_node: 1,
                dial_limit: DialLimitLayer::new(),
                addr_map: AddrMap::default(),
                keeps_stack: true,
                keeps_services: None,
                has_node_layers: false,
            },
            attempt: Identity::new(),
            node: Identity::new(),
            connect: Identity::new(),
        }
    }
}

impl<A, N, C> ClusterBuilder<A, N, C> {
    /// How long a request may take: waiting its turn, connecting, redirects and retries included. 1 second
    /// unless set.
    ///
    /// A healthy node answers in a millisecond; a second leaves room for a retry or a graceful failover, and
    /// is about what a person waits without noticing. Connections go by it too: one on which replies are due becomes
    /// [suspect](crate::connection#suspicion) after this time, or a second if that is shorter, and is given up after ten times
    /// as long, and 5 seconds at least. To have requests outlast the election of a new primary
    /// (2 to 4 seconds at a node timeout of 2 seconds), set 5 seconds or more.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long connecting to a node may take, handshake included; 2 seconds unless set.
    ///
    /// Longer than a request may take, because a slow connection is still worth having for the next request: an
    /// attempt goes on when the request that caused it has given up. Enough for one lost SYN, which is sent
    /// again after a second.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How a failed attempt is retried: a number of retries, or a [`RetryPolicy`]. 3 retries unless set.
    ///
    /// One for the connection that turns out to be closed, one for the node that then refuses to be connected
    /// to, and one for its successor that is not ready yet. While the *cluster* is not ready, the timeout
    /// decides rather than this number; see [`retry`](crate::retry).
    ///
    /// The stack is linked with the policy: it counts in the client's [metrics](crate::Cluster::metrics), its pauses end when
    /// the topology changes, and unless it has a [`max_waiting`](RetryPolicy::max_waiting), half of the requests
    /// [in flight](ClusterBuilder::max_in_flight) may wait for a node that cannot be reached; more of them fail at once.
    pub fn retry(mut self, policy: impl Into<RetryPolicy>) -> Self {
        self.settings.retry = policy.into();
        self
    }

    /// How many redirects one attempt follows; 5 unless set.
    ///
    /// One `MOVED` is common and two are possible while slots move; more in a row mean that nodes disagree.
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.settings.max_redirects = redirects;
        self
    }

    /// Whether a command is refused before it is sent when its arguments are not such as the
    /// [command table](crate::command::lookup) says; true unless set. See [`Command::check`](crate::Command::check) for what is checked.
    ///
    /// Set false for servers whose commands take other arguments than those of Redis and Valkey. For a single
    /// command there is [`Command::unchecked`](crate::Command::unchecked).
    pub fn check_arguments(mut self, checks: bool) -> Self {
        self.settings.checks_arguments = checks;
        self
    }

    /// How many requests may be in flight, at least 1; 16384 unless set.
    ///
    /// While they are, the client is not ready, which is what `load_shed` and `buffer` layers around it go by.
    /// The default bounds memory (some 16 MiB) rather than throughput: at a millisecond per request it allows
    /// 16 million requests per second.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.settings.max_in_flight = requests;
        self
    }

    /// How many bytes the requests in flight may have, at least 1; 256 MiB unless set. At the bound the client is not
    /// ready, as at that on their number: large values are not to fill the memory while no node takes them.
    pub fn max_bytes_in_flight(mut self, bytes: usize) -> Self {
        self.settings.max_bytes_in_flight = bytes;
        self
    }

    /// How many connection attempts may be under way and begin per second, to a node and in all; the defaults of
    /// [`DialLimitLayer`] unless set. For fleets of thousands of clients, its docs have the arithmetic.
    pub fn dial_limit(mut self, limit: DialLimitLayer) -> Self {
        self.settings.dial_limit = limit;
        self
    }

    /// Translates the addresses that nodes announce to ones that can be reached from here: for networks that translate
    /// addresses. See [`RouteLayer::map_addr`](crate::RouteLayer::map_addr).
    pub fn map_addr(mut self, map: impl Fn(NodeAddr) -> NodeAddr + Send + Sync + 'static) -> Self {
        self.settings.addr_map = self.settings.addr_map.mapping(map);
        self
    }

    /// Which of the addresses that nodes announce may be dialled; all unless set. The URLs always may. See
    /// [`RouteLayer::allow_addrs`](crate::RouteLayer::allow_addrs).
    pub fn allow_addrs(
        mut self,
        allows: impl Fn(&NodeAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.addr_map = self.settings.addr_map.allowing(allows);
        self
    }

    /// How many connections to each node all requests share, at least 1; 1 unless set. More than 64 are taken for 64.
    ///
    /// One is best for most: commands that come together share writes and reads, and on two cores more were slower. On
    /// many cores or over a long way, measure one against 2; [`spread`](crate::spread) has figures, and says what
    /// changes. Commands of one key always take the same.
    pub fn connections_per_node(mut self, connections: usize) -> Self {
        self.settings.connections_per_node = connections;
        self
    }

    /// How many connections to one node there may be beside those that all requests share: for blocking commands,
    /// [leases](crate::Cluster::lease) and [`watch`](crate::Cluster::watch). At least 1; 128 unless set.
    ///
    /// That many can wait on one node at the same time, such as workers for a queue. More wait for their turn, within
    /// their deadline. They are made when they are needed, and closed when nobody has used them for a minute; see
    /// [`exclusive`](crate::exclusive).
    pub fn max_exclusive(mut self, connections: usize) -> Self {
        self.settings.max_exclusive = connections;
        self
    }

    /// Whether the service of a node, once made, is used for the requests that follow, for half a second at most; unless
    /// set, true without [node layers](ClusterBuilder::node_layer) and false with them.
    ///
    /// Set true if no node layer's service reserves anything in `poll_ready`, as layers that count, trace or measure do
    /// not: it saves an allocation and some 400 instructions per request. See [`RouteLayer::keep_services`](crate::RouteLayer::keep_services).
    pub fn keep_services(mut self, keeps: bool) -> Self {
        self.settings.keeps_services = Some(keeps);
        self
    }

    /// How to connect: credentials, TLS, socket options. Taken from the URLs unless set.
    ///
    /// Begin it with [`ConnectConfig::from_urls`] to keep what the URLs say. A configuration that lacks the TLS, the
    /// password or the database of a URL is refused.
    ///
    /// ```no_run
    /// use tower_redis_cluster::connect::CredentialsProvider;
    /// use tower_redis_cluster::{Cluster, ConnectConfig, Error};
    ///
    /// # async fn example(tokens: impl CredentialsProvider) -> Result<(), Error> {
    /// let urls = ["redis://10.0.0.1:7000/?client_name=checkout", "redis://10.0.0.2:7000/?client_name=checkout"];
    /// let config = ConnectConfig::from_urls(urls)?.credentials(tokens);
    /// let cluster = Cluster::builder(urls).connect_config(config).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_config(mut self, config: ConnectConfig) -> Self {
        self.settings.connect = Some(config);
        self
    }

    /// Adds a layer at the attempt seam: it sees each attempt, redirects inside it. Layers added first are
    /// outermost, here and at the other seams.
    ///
    /// The error of the layer's service must be [`Error`](crate::Error) or [`BoxError`](tower::BoxError), for the retry layer to judge.
    ///
    /// With such a layer each request has a clone of the stack to itself; see [`Cluster::with_kept_stack`](crate::Cluster::with_kept_stack) for when to change
    /// that.
    ///
    /// The client's type then names the layer's service, here tower's:
    ///
    /// ```no_run
    /// use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
    /// use tower_redis_cluster::Cluster;
    /// use tower_redis_cluster::cluster::{AttemptStack, RequestStack};
    ///
    /// struct App {
    ///     cluster: Cluster<RequestStack<ConcurrencyLimit<AttemptStack>>>,
    /// }
    ///
    /// # async fn example() -> Result<App, tower_redis_cluster::Error> {
    /// let limit = GlobalConcurrencyLimitLayer::new(1024);
    /// let cluster = Cluster::builder(["redis://10.0.0.1:7000"])
    ///     .attempt_layer(limit)
    ///     .connect()
    ///     .await?;
    /// # Ok(App { cluster })
    /// # }
    /// ```
    pub fn attempt_layer<L>(mut self, layer: L) -> ClusterBuilder<Stack<L, A>, N, C> {
        self.settings.keeps_stack = false;
        ClusterBuilder {
            settings: self.settings,
            attempt: Stack::new(layer, self.attempt),
            node: self.node,
            connect: self.connect,
        }
    }

    /// Adds a layer at the node seam: it is put around each connection once, and sees what goes over it. Inside it,
    /// requests for a connection that has not been ready for a while [fail fast](crate::failfast).
    ///
    /// With such a layer each request has the node's service made anew, unless told to
    /// [keep services](ClusterBuilder::keep_services).
    pub fn node_layer<L>(self, layer: L) -> ClusterBuilder<A, Stack<NodeLayer<Same<L>>, N>, C> {
        self.add_node_layer(NodeLayer::new(layer))
    }

    /// Adds a layer at the node seam that is made for each node's address. As for the other,
    /// services are not [kept](ClusterBuilder::keep_services) unless told to.
    pub fn node_layer_fn<F, L>(
        self,
        build: F,
    ) -> ClusterBuilder<A, Stack<NodeLayer<FromFn<F>>, N>, C>
    where
        F: Fn(&NodeAddr) -> L,
    {
        self.add_node_layer(NodeLayer::from_fn(build))
    }

    /// Adds a layer at the connect seam: it sees each attempt to connect. The limit of dials and the connect timeout are
    /// inside it.
    ///
    /// If it puts something around the connections that are made, that must not reserve anything in `poll_ready`, since
    /// services are [kept](ClusterBuilder::keep_services): that is for the node seam.
    pub fn connect_layer<L>(self, layer: L) -> ClusterBuilder<A, N, Stack<L, C>> {
        ClusterBuilder {
            settings: self.settings,
            attempt: self.attempt,
            node: self.node,
            connect: Stack::new(layer, self.connect),
        }
    }

    fn add_node_layer<L>(mut self, layer: L) -> ClusterBuilder<A, Stack<L, N>, C> {
        self.settings.has_node_layers = true;
        ClusterBuilder {
            settings: self.settings,
            attempt: self.attempt,
            node: Stack::new(layer, self.node),
            connect: self.connect,
        }
    }
}

impl<A, N, C> fmt::Debug for ClusterBuilder<A, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterBuilder").finish_non_exhaustive()
    }
}
