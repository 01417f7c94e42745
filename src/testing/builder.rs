//! How a fake cluster is to be.

use std::collections::BTreeMap;
use std::io;

use super::cluster::FakeCluster;

/// Starts a [`FakeCluster`] that is not just primaries; from [`FakeCluster::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs until `start`"]
pub struct FakeClusterBuilder {
    primaries: usize,
    replicas: usize,
    config: Config,
}

/// What holds for every node.
#[derive(Clone, Default)]
pub(super) struct Config {
    /// User names and their passwords; none: no authentication.
    pub(super) users: BTreeMap<String, String>,
    pub(super) is_resp2_only: bool,
    pub(super) endpoint: Endpoint,
    pub(super) is_in_memory: bool,
    /// How many databases; 0 is as 1.
    pub(super) databases: usize,
}

/// How nodes name each other in `CLUSTER SLOTS` and redirects: `cluster-preferred-endpoint-type`.
#[derive(Clone, Debug, Default)]
pub(super) enum Endpoint {
    #[default]
    Ip,
    Hostname(String),
    Unknown,
}

impl FakeClusterBuilder {
    pub(super) fn new() -> Self {
        Self {
            primaries: 3,
            replicas: 0,
            config: Config::default(),
        }
    }

    /// How many primaries; 3 unless set.
    pub fn primaries(mut self, count: usize) -> Self {
        self.primaries = count;
        self
    }

    /// How many replicas each primary has; none unless set.
    pub fn replicas(mut self, each: usize) -> Self {
        self.replicas = each;
        self
    }

    /// Asks clients for this password of the user `default`.
    pub fn password(self, password: impl Into<String>) -> Self {
        self.user("default", password)
    }

    /// Lets clients in that give this user and password; may be called several times. Unless it has a password of
    /// its own, the user `default` is off then.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.config.users.insert(name.into(), password.into());
        self
    }

    /// Makes the nodes as old as servers that do not know `HELLO`.
    pub fn resp2_only(mut self) -> Self {
        self.config.is_resp2_only = true;
        self
    }

    /// Makes the nodes name each other by this host name. It has to lead to 127.0.0.1, as `localhost` does.
    pub fn hostnames(mut self, host: impl Into<String>) -> Self {
        self.config.endpoint = Endpoint::Hostname(host.into());
        self
    }

    /// Makes the nodes tell only ports: hosts are null in `CLUSTER SLOTS` and empty in redirects, and clients are to
    /// use the host they are connected to.
    pub fn unknown_endpoints(mut self) -> Self {
        self.config.endpoint = Endpoint::Unknown;
        self
    }

    /// Gives the nodes this many databases, as the setting `cluster-databases` of Valkey 9 does. Unless set there is
    /// one, and `SELECT` of any other is refused.
    pub fn databases(mut self, count: usize) -> Self {
        self.config.databases = count;
        self
    }

    /// Opens no sockets. The nodes have the addresses `10.0.0.1:6379`, `10.0.0.2:6379` and so on, in the order of their
    /// indices and the same in every run, and are reached by [`FakeCluster::connector`], [`FakeCluster::duplex`] and
    /// [`FakeCluster::serve`] only.
    pub fn in_memory(mut self) -> Self {
        self.config.is_in_memory = true;
        self
    }

    /// Starts the nodes.
    ///
    /// # Errors
    ///
    /// If no socket can be opened on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If there are no primaries or more than 1000 nodes, or outside a tokio runtime with time, and with I/O unless
    /// it is [in memory](Self::in_memory).
    pub async fn start(self) -> io::Result<FakeCluster> {
        let nodes = self.primaries.saturating_mul(1 + self.replicas);
        assert!((1..=1000).contains(&nodes), "a cluster has 1 to 1000 nodes");
        FakeCluster::launch(self.primaries, self.replicas, self.config)
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("users", &self.users.keys())
            .field("is_resp2_only", &self.is_resp2_only)
            .field("endpoint", &self.endpoint)
            .field("is_in_memory", &self.is_in_memory)
            .field("databases", &self.databases)
            .finish()
    }
}
