use std::time::Duration;

use tower::Layer;

use super::FailFast;
use super::readiness::Readiness;
use crate::addr::NodeAddr;
use crate::metrics::Counters;
use crate::node::ForNode;

/// A layer that answers at once while the service is not ready; see the [module docs](super).
///
/// Each call of [`layer`](Layer::layer) makes a service with a time of its own, shared by that service's clones. They
/// all count in the same counters.
#[derive(Clone, Debug)]
pub struct FailFastLayer {
    after: Duration,
    node: Option<NodeAddr>,
    counters: Counters,
}

impl FailFastLayer {
    /// Far more than a connection needs to write what it holds, and little of what a request may take: there is time
    /// for retries.
    const AFTER: Duration = Duration::from_millis(100);
    /// What can be added to the present.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// Fails requests once the service has not been ready for 100 ms.
    pub fn new() -> Self {
        Self {
            after: Self::AFTER,
            node: None,
            counters: Counters::new(),
        }
    }

    /// How long the service may be not ready before requests fail. With zero, they never wait. More than a year is
    /// taken for a year.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after.min(Self::LONGEST);
        self
    }

    /// Counts in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.counters = counters;
        self
    }

    /// The same for a service of this node, which errors and events then name; what
    /// [`NodeLayer::per_node`](crate::NodeLayer::per_node) asks for.
    #[must_use]
    pub fn for_node(&self, addr: &NodeAddr) -> Self {
        Self {
            node: Some(addr.clone()),
            ..self.clone()
        }
    }
}

impl ForNode for FailFastLayer {
    type Layer = Self;

    fn for_node(&self, addr: &NodeAddr) -> Self {
        self.for_node(addr)
    }
}

impl Default for FailFastLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for FailFastLayer {
    type Service = FailFast<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let readiness = Readiness::new(self.after, self.node.clone(), self.counters.clone());
        FailFast::new(inner, readiness)
    }
}
