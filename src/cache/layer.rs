//! [`ConnectionCacheLayer`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tower::{Layer, Service};

use super::ConnectionCache;
use super::backoff::Backoff;
use super::departures::Nodes;
use super::pool::Settings;
use crate::addr::NodeAddr;
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;

/// Puts a [`ConnectionCache`] in front of a service that makes connections; see the [module docs](super).
///
/// Each call of [`layer`](Layer::layer) makes a cache of its own; they count in the same counters.
#[derive(Clone, Debug)]
pub struct ConnectionCacheLayer {
    base: Duration,
    max: Duration,
    patience: Duration,
    idle_timeout: Option<Duration>,
    counters: Counters,
    lifecycle: Lifecycle,
    nodes: Option<Nodes>,
}

impl ConnectionCacheLayer {
    /// A restarting process refuses connections for a second or so: the first attempts follow closely.
    const BASE: Duration = Duration::from_millis(50);
    /// The longest time for which a node that came back goes unnoticed while it is asked for. Short, because a
    /// refused attempt costs next to nothing: on average there are 4 per second and client.
    const MAX: Duration = Duration::from_millis(500);

    const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

    /// A cache that backs off from 50 to 500 ms with full jitter, and whose requests wait for the next attempt
    /// if it begins within 500 ms: that is, by default always. Connections that nobody asks for are closed after 5
    /// minutes.
    pub fn new() -> Self {
        Self {
            base: Self::BASE,
            max: Self::MAX,
            patience: Self::MAX,
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            counters: Counters::new(),
            lifecycle: Lifecycle::new(),
            nodes: None,
        }
    }

    /// How long an address is left alone after a failed attempt: a random time between zero and `base`, twice as
    /// much after each further failure in a row, at most `max`. A success starts over.
    ///
    /// The default, 50 and 500 ms, suits up to some hundred clients per node. Where thousands dial the same
    /// node, or connecting is expensive (TLS), raise `max` to several seconds and pay with a later recovery: all
    /// attempts together come to about 2 / `max` per second and client. More than an hour is taken for an hour.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.base = base;
        self.max = max;
        self
    }

    /// How much backoff a request waits out. If the next attempt may begin within this time, a request for the
    /// address schedules it and waits for its outcome, otherwise it fails at once with the error of the last
    /// one. With zero, every request during a backoff fails at once.
    ///
    /// The default is 500 ms: as long as the default backoff lasts, so that a request has an attempt of its own rather
    /// than the failure of an earlier one. Only the caller knows its deadline, and
    /// it should not wait past it.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a connection is kept that nobody asks for: the cache forgets it, as [`ConnectionCache::retain`] does,
    /// when one whole interval of this length has passed without a request, so between once and twice this time after
    /// the last. The next request connects again. What counts is asking the cache: a service that was given out
    /// earlier and is still used goes on, and does not keep its entry. With `None`, idle connections are kept.
    ///
    /// The default is 5 minutes. What it costs is a connection attempt now and then, on paths that hardly anyone
    /// uses; what it saves are the connections to nodes that left, where nobody [tells](Self::retain_only) of
    /// them. Less than a second is taken for a second.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Whenever `nodes` change, forgets every address that is not among them, as
    /// [`ConnectionCache::retain`] does. [`RouteLayer::nodes`](crate::RouteLayer::nodes) tells of a cluster's nodes.
    ///
    /// No nodes at all are taken for "not known yet" and ignored. An address that is asked for though it is not among
    /// them, such as a seed's, is connected as any other and forgotten with the next change.
    #[must_use]
    pub fn retain_only(mut self, nodes: watch::Receiver<Arc<HashSet<NodeAddr>>>) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Counts in `counters` instead of counters of its own.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.counters = counters;
        self
    }

    /// Lets go of all connections when this life ends, ends the dials under way and refuses any more, with errors of
    /// kind [`Shutdown`](crate::ErrorKind::Shutdown).
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.lifecycle = lifecycle.clone();
        self
    }
}

impl Default for ConnectionCacheLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Layer<M> for ConnectionCacheLayer
where
    M: Service<NodeAddr>,
{
    type Service = ConnectionCache<M>;

    fn layer(&self, make: M) -> Self::Service {
        ConnectionCache::with_settings(
            make,
            Settings {
                backoff: Backoff::new(self.base, self.max),
                patience: self.patience,
                idle_timeout: self.idle_timeout,
                counters: self.counters.clone(),
                lifecycle: self.lifecycle.clone(),
            },
            self.nodes.clone(),
        )
    }
}
