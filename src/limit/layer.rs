use tower::Layer;

use super::InFlightLimit;

/// A layer that bounds the requests in flight; see the [module docs](super).
///
/// Each service it makes has a bound of its own, shared by that service's clones.
#[derive(Clone, Copy, Debug)]
pub struct InFlightLimitLayer {
    max: usize,
}

impl InFlightLimitLayer {
    /// At most `max` requests in flight.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a limit of 0 requests in flight lets none through");
        Self { max }
    }
}

impl<S> Layer<S> for InFlightLimitLayer {
    type Service = InFlightLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InFlightLimit::new(inner, self.max)
    }
}
