//! [`ExclusiveLaneLayer`].

use std::sync::Arc;
use std::time::Duration;

use tower::{BoxError, Layer, Service};

use super::ExclusiveLanes;
use super::lane::{Lanes, Settings};
use crate::addr::NodeAddr;
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;

/// Gives each node a lane of exclusive connections beside its shared one; see the [module docs](super).
///
/// Each call of [`layer`](Layer::layer) makes lanes of its own; they count in the same counters.
#[derive(Clone, Debug)]
pub struct ExclusiveLaneLayer {
    settings: Settings,
}

impl ExclusiveLaneLayer {
    /// At most 128 connections per node, for which at most 1024 requests wait, and which are closed when nobody has used
    /// them for a minute.
    ///
    /// Servers allow 10,000 clients unless told otherwise; with 128, dozens of processes can block on one node.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                max: 128,
                max_waiting: 1024,
                idle_timeout: Duration::from_secs(60),
                counters: Counters::new(),
                lifecycle: Lifecycle::new(),
            },
        }
    }

    /// How many exclusive connections there may be to one node, those being made and idle ones included; at least 1.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max = connections.max(1);
        self
    }

    /// How many requests may wait for a connection to one node: until it is made, or one of those in use is free. Any
    /// more are refused as [`Overloaded`](crate::ErrorKind::Overloaded). At least 1.
    #[must_use]
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.settings.max_waiting = requests.max(1);
        self
    }

    /// How long a connection is kept that nobody uses. More than a day is taken for a day, less than a millisecond for
    /// a millisecond.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        self.settings.idle_timeout = timeout.clamp(Duration::from_millis(1), day);
        self
    }

    /// Counts in `counters` instead of counters of its own.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.settings.counters = counters;
        self
    }

    /// Tells this life of leases, and ends with it: idle connections are closed, and those who wait for one are refused.
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.settings.lifecycle = lifecycle.clone();
        self
    }
}

impl Default for ExclusiveLaneLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Layer<M> for ExclusiveLaneLayer
where
    M: Service<NodeAddr, Response: Send + 'static, Error: Into<BoxError>>,
{
    type Service = ExclusiveLanes<M>;

    fn layer(&self, make: M) -> Self::Service {
        ExclusiveLanes {
            make,
            lanes: Arc::new(Lanes::new(self.settings.clone())),
        }
    }
}
