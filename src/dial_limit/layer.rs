//! [`DialLimitLayer`].

use std::sync::Arc;

use tower::Layer;

use super::DialLimit;
use super::bucket::Rate;
use super::queue::{Limit, Queue, Settings};
use crate::metrics::Counters;

/// A layer that bounds connection attempts; see the [module docs](super).
///
/// Each call of [`layer`](Layer::layer) makes a bound of its own, shared by that service's clones.
#[derive(Clone, Debug)]
pub struct DialLimitLayer {
    settings: Settings,
}

impl DialLimitLayer {
    /// The defaults, each given with its setting.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                all: Limit {
                    max: 256,
                    rate: Rate::new(500, 1000),
                },
                per_node: Limit {
                    max: 4,
                    rate: Rate::new(10, 160),
                },
                max_waiting: 1024,
                counters: Counters::new(),
            },
        }
    }

    /// How many dials may be under way, at least 1; 256 unless set.
    ///
    /// A dial to a machine that is gone holds its place until the connect timeout. So many machines can be gone at the
    /// same time before dials to others have to wait for them.
    #[must_use]
    pub fn max_concurrent(mut self, dials: usize) -> Self {
        self.settings.all.max = dials.max(1);
        self
    }

    /// How many dials to one node may be under way, at least 1; 4 unless set.
    ///
    /// The cache makes one at a time for each connection that all requests share, exclusive lanes make more. A
    /// handshake of a millisecond still lets some thousand connections per second be made.
    #[must_use]
    pub fn max_concurrent_per_node(mut self, dials: usize) -> Self {
        self.settings.per_node.max = dials.max(1);
        self
    }

    /// How many dials may begin per second in the long run, and how many at once after a while without any; both at
    /// least 1. 500 and 1000 unless set: all nodes of the largest clusters can be connected to at once.
    #[must_use]
    pub fn rate(mut self, per_second: u32, burst: u32) -> Self {
        self.settings.all.rate = Rate::new(per_second, burst);
        self
    }

    /// How many dials to one node may begin per second in the long run, and how many at once after a while without any;
    /// both at least 1. 10 and 160 unless set.
    ///
    /// The burst is for an application that starts, or comes back to a node that was gone: it lets all exclusive
    /// connections that a lane may have, and the shared ones, be made without a wait. For large fleets set it lower, to
    /// what an instance really needs.
    #[must_use]
    pub fn rate_per_node(mut self, per_second: u32, burst: u32) -> Self {
        self.settings.per_node.rate = Rate::new(per_second, burst);
        self
    }

    /// How many dials may wait; 1024 unless set. Any more fail at once as [`Overloaded`](crate::ErrorKind::Overloaded),
    /// and were not sent.
    #[must_use]
    pub fn max_waiting(mut self, dials: usize) -> Self {
        self.settings.max_waiting = dials;
        self
    }

    /// Counts [`dials_delayed`](crate::Metrics::dials_delayed) in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.settings.counters = counters;
        self
    }
}

impl Default for DialLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Layer<M> for DialLimitLayer {
    type Service = DialLimit<M>;

    fn layer(&self, make: M) -> DialLimit<M> {
        DialLimit {
            make,
            queue: Arc::new(Queue::new(self.settings.clone())),
        }
    }
}
