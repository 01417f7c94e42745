//! What [`Route`](super::Route) needs of the service beneath it.

use std::task::{Context, Poll};

use tower::{BoxError, Service};

use crate::addr::NodeAddr;
use crate::command::Command;
use crate::value::Value;

/// A make-service of nodes: a trait alias for `Service<NodeAddr>` whose response is a `Service<Command, Response =
/// Value>`, with errors that convert into [`BoxError`].
///
/// It is implemented for all of them and cannot be implemented otherwise.
pub trait MakeNode: Clone + Send + 'static + sealed::Sealed {
    /// The service for one node.
    type Node: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static;

    /// The error when a node's service cannot be made.
    type Error: Into<BoxError>;

    /// The future of a node's service.
    type Making: Future<Output = Result<Self::Node, Self::Error>> + Send + 'static;

    /// [`Service::poll_ready`].
    #[doc(hidden)]
    fn poll_make_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// [`Service::call`].
    #[doc(hidden)]
    fn make_node(&mut self, addr: NodeAddr) -> Self::Making;
}

impl<C> MakeNode for C
where
    C: Service<NodeAddr, Error: Into<BoxError>, Future: Send + 'static> + Clone + Send + 'static,
    C::Response: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    type Node = C::Response;
    type Error = C::Error;
    type Making = C::Future;

    fn poll_make_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.poll_ready(cx)
    }

    fn make_node(&mut self, addr: NodeAddr) -> C::Future {
        self.call(addr)
    }
}

mod sealed {
    use super::{NodeAddr, Service};

    pub trait Sealed {}

    impl<C: Service<NodeAddr>> Sealed for C {}
}
