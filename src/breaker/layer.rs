use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::Breaker;
use super::circuit::Circuit;
use super::circuits::Circuits;
use super::outcome::Outcome;
use super::state::{BreakerState, Rules};
use crate::addr::NodeAddr;
use crate::error::Error;
use crate::metrics::Counters;
use crate::node::ForNode;
use crate::value::Value;

/// Gives each node a breaker; see the [module docs](super).
///
/// Clones share the breakers. Settings are those of the clone that is asked for a node's layer first.
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    settings: Settings,
    circuits: Arc<Circuits>,
}

/// What the layer sets.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) rules: Rules,
    /// In place of [`Outcome::of`].
    pub(super) judge: Option<Arc<Judge>>,
    pub(super) counters: Counters,
}

pub(super) type Judge = dyn Fn(Result<&Value, &Error>) -> Outcome + Send + Sync;

impl BreakerLayer {
    const FAILURES: u32 = 20;
    const FAILING_FOR: Duration = Duration::from_millis(200);
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(5);
    /// What can be added to the present.
    const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Breakers that open after 20 failures in a row over at least 200 ms, and let a probe through after 100 ms, and
    /// then after twice as long each time, up to 5 s.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                rules: Rules {
                    failures: Self::FAILURES,
                    failing_for: Self::FAILING_FOR,
                    first_pause: Self::FIRST_PAUSE,
                    longest_pause: Self::LONGEST_PAUSE,
                },
                judge: None,
                counters: Counters::new(),
            },
            circuits: Arc::default(),
        }
    }

    /// Opens after so many failures in a row, of which the last comes at least this long after the first. Zero failures
    /// are taken for one.
    ///
    /// The number should be more than what one connection that is lost fails at the same time, or the time longer than
    /// zero: the one guards against taking few requests for an outage, the other against taking one event for many.
    #[must_use]
    pub fn failures(mut self, failures: u32, over: Duration) -> Self {
        self.settings.rules.failures = failures.max(1);
        self.settings.rules.failing_for = over;
        self
    }

    /// How long to refuse before a request is let through as the probe: at first up to `first`, and after each probe
    /// that fails up to twice as long as before, at most `longest`; each time at least half of that. More than an hour is
    /// taken for an hour.
    ///
    /// A node that is back is noticed that much later, unless the reply to an earlier request tells. A probe without an
    /// outcome keeps others out for as long as `longest`.
    #[must_use]
    pub fn pause(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.rules.first_pause = first.min(Self::LONGEST);
        self.settings.rules.longest_pause = longest.min(Self::LONGEST);
        self
    }

    /// Judges responses by `judge` in place of [`Outcome::of`]. It is called for each response, so it should be quick.
    ///
    /// ```
    /// use tower_redis_cluster::breaker::{BreakerLayer, Outcome};
    /// use tower_redis_cluster::Value;
    ///
    /// // A node that loads its data is as good as gone for a cache that has another source.
    /// let breakers = BreakerLayer::new().judge(|response| match response {
    ///     Ok(Value::Error(error)) if error.code() == "LOADING" => Outcome::Failure,
    ///     other => Outcome::of(other),
    /// });
    /// # let _ = breakers;
    /// ```
    #[must_use]
    pub fn judge<F>(mut self, judge: F) -> Self
    where
        F: Fn(Result<&Value, &Error>) -> Outcome + Send + Sync + 'static,
    {
        self.settings.judge = Some(Arc::new(judge));
        self
    }

    /// Counts in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.settings.counters = counters;
        self
    }

    /// The layer for connections to this node, all of which share its breaker; what
    /// [`NodeLayer::per_node`](crate::NodeLayer::per_node) asks for.
    pub fn for_node(&self, addr: &NodeAddr) -> NodeBreakerLayer {
        NodeBreakerLayer {
            circuit: self.circuits.of(addr, &self.settings),
        }
    }

    /// The state of each node's breaker, in the order of addresses. Each is read by itself.
    ///
    /// Nodes are those that something is connected to, and for a minute after the last connection has gone those that were
    /// in trouble then: failing, or with an open breaker.
    pub fn states(&self) -> Vec<(NodeAddr, BreakerState)> {
        self.circuits.states()
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.circuits.len()
    }
}

impl ForNode for BreakerLayer {
    type Layer = NodeBreakerLayer;

    fn for_node(&self, addr: &NodeAddr) -> NodeBreakerLayer {
        self.for_node(addr)
    }
}

impl Default for BreakerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rules", &self.rules)
            .field("has_judge", &self.judge.is_some())
            .finish_non_exhaustive()
    }
}

/// Puts a node's breaker in front of a connection to it; see [`BreakerLayer::for_node`].
#[derive(Clone, Debug)]
pub struct NodeBreakerLayer {
    circuit: Arc<Circuit>,
}

impl<S> Layer<S> for NodeBreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, Arc::clone(&self.circuit))
    }
}
