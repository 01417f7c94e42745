use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::Timeout;
use super::alarm::Alarms;
use crate::metrics::Counters;

/// A layer that gives each request a deadline; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    timeout: Duration,
    alarms: Arc<Alarms>,
}

impl TimeoutLayer {
    /// Allows each request this much time. Zero refuses every request.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            alarms: Arc::new(Alarms::new(timeout, Counters::new())),
        }
    }

    /// Counts `timeouts` in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.alarms = Arc::new(Alarms::new(self.timeout, counters));
        self
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Timeout::with_alarms(inner, self.timeout, self.alarms.clone())
    }
}
