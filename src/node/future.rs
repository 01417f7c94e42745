//! Future of [`PerNode`](super::PerNode).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::WrapNode;
use crate::addr::NodeAddr;

pin_project! {
    /// The future of [`PerNode`](super::PerNode): a connection, wrapped.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, W> {
        #[pin]
        making: F,
        addr: NodeAddr,
        wrap: Arc<W>,
    }
}

impl<F, W> ResponseFuture<F, W> {
    pub(super) fn new(making: F, addr: NodeAddr, wrap: Arc<W>) -> Self {
        Self { making, addr, wrap }
    }
}

impl<F, W, S, E> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<S, E>>,
    W: WrapNode<S>,
{
    type Output = Result<W::Service, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let made = ready!(this.making.poll(cx));
        Poll::Ready(made.map(|connection| this.wrap.wrap(this.addr, connection)))
    }
}
