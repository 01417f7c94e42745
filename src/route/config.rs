//! What can be set.

use std::time::Duration;

use tokio::sync::watch;

use super::current::NodeSet;
use super::suspicions::Suspicions;
use crate::addr::NodeAddr;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;
use crate::topology::AddrMap;

/// By which command the topology is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discovery {
    /// `CLUSTER SLOTS`: every server knows it, and it names the ports for the kind of client that asks.
    #[default]
    Slots,
    /// `CLUSTER SHARDS`, of servers from version 7.0: it tells the health of each node, so that a primary known to
    /// have failed is not tried, and lists both ports of each node.
    Shards {
        /// Whether the connections use TLS, so that a node's TLS port is the one to dial.
        tls: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) seeds: Result<Vec<NodeAddr>, Error>,
    pub(super) max_redirects: usize,
    pub(super) checks_arguments: bool,
    pub(super) keeps_services: bool,
    pub(super) refresh_interval: Duration,
    pub(super) min_refresh_interval: Duration,
    pub(super) query_timeout: Duration,
    pub(super) discovery: Discovery,
    pub(super) addr_map: AddrMap,
    pub(super) counters: Counters,
    pub(super) lifecycle: Lifecycle,
    pub(super) suspicions: Suspicions,
    pub(super) nodes: watch::Sender<NodeSet>,
    pub(super) changes: watch::Sender<u64>,
}

impl Config {
    pub(super) fn new(seeds: Result<Vec<NodeAddr>, Error>) -> Self {
        Self {
            seeds,
            max_redirects: 5,
            checks_arguments: true,
            keeps_services: false,
            refresh_interval: Duration::from_secs(60),
            min_refresh_interval: Duration::from_millis(500),
            query_timeout: Duration::from_secs(2),
            discovery: Discovery::default(),
            addr_map: AddrMap::default(),
            counters: Counters::new(),
            lifecycle: Lifecycle::new(),
            suspicions: Suspicions::default(),
            nodes: watch::Sender::new(NodeSet::default()),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn seeds(&self) -> Result<&[NodeAddr], Error> {
        self.seeds.as_deref().map_err(Error::clone)
    }
}
