use tower::Layer;

use super::InFlightLimit;
use super::gate::Gate;
use crate::lifecycle::Lifecycle;

/// A layer that bounds the requests in flight; see the [module docs](super).
///
/// Each service it makes has a bound of its own, shared by that service's clones.
#[derive(Clone, Debug)]
pub struct InFlightLimitLayer {
    max: usize,
    max_bytes: usize,
    lifecycle: Lifecycle,
}

impl InFlightLimitLayer {
    pub(super) const MAX_BYTES: usize = 256 * 1024 * 1024;

    /// At most `max` requests in flight, with 256 MiB. More than 16,777,215 are taken for that.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a limit of 0 requests in flight lets none through");
        Self {
            max,
            max_bytes: Self::MAX_BYTES,
            lifecycle: Lifecycle::new(),
        }
    }

    /// How many bytes the requests in flight may have, at least 1; 256 MiB unless set.
    ///
    /// A request counts with what it is on the wire, in steps of 64 bytes, until it is answered. The one that reaches the
    /// bound is still let through, so that none is too large: there may be as many bytes as the bound and one request
    /// more. Replies do not count.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Refuses requests when this life ends, and tells it when the last of those in flight is done.
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.lifecycle = lifecycle.clone();
        self
    }
}

impl<S> Layer<S> for InFlightLimitLayer {
    type Service = InFlightLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let gate = Gate::new(self.max, self.max_bytes, &self.lifecycle);
        InFlightLimit::with_gate(inner, gate)
    }
}
