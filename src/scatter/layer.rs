use tower::Layer;

use super::ScatterGather;

/// A layer that sends commands to all the nodes they concern; see the [module docs](super).
#[derive(Clone, Copy, Debug)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ScatterGatherLayer {
    checks_arguments: bool,
}

impl ScatterGatherLayer {
    /// For a stack with a [`RouteLayer`](crate::RouteLayer) below.
    pub fn new() -> Self {
        Self {
            checks_arguments: true,
        }
    }

    /// Whether a command for several nodes is [checked](crate::Command::check) before it is sent to any; true unless
    /// set. It is [`RouteLayer::check_arguments`](crate::RouteLayer::check_arguments) for the commands of this layer.
    pub fn check_arguments(mut self, checks: bool) -> Self {
        self.checks_arguments = checks;
        self
    }
}

impl Default for ScatterGatherLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ScatterGatherLayer {
    type Service = ScatterGather<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ScatterGather {
            inner,
            checks_arguments: self.checks_arguments,
        }
    }
}
