//! Failing at once while a node is not ready: [`FailFastLayer`].
//!
//! A service that is not ready makes its callers wait: each of them for as long as its deadline lets it, and only
//! then can it try something else. With this layer in front, the first callers wait a little, and from then on, until
//! the service is ready again, every request is answered at once with an error of kind [`Unavailable`](crate::ErrorKind::Unavailable)
//! and delivery [`NotSent`](crate::Delivery::NotSent), which the retry layer takes for a node that cannot be reached.
//!
//! How long a service has not been ready is common to all of its clones: a caller that comes later does not wait all over again. A caller that
//! finds it not ready begins the time, and any that finds it ready ends it. So a service that is full most of the time
//! but makes progress, as a [`Connection`](crate::Connection) does at its bound on commands in flight, never fails
//! fast as long as somebody finds it ready once in that time. The time is that between what callers saw: a service
//! that nobody asked in between is taken to have been what it was.
//!
//! Every caller asks the service itself first, also while it fails, so that nothing more is needed to find out that it
//! is ready again.
//!
//! It belongs at the node seam, next to the connection, where [`FailFastLayer::for_node`] gives it the node's name;
//! and it does for any other service. Do not use it around a service that is slow to become ready by its nature,
//! such as one with a rate limit; nor instead of a deadline: what was sent to a node that then does not answer is none
//! of its business.
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::limit::ConcurrencyLimit;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_redis_cluster::{Command, Error, ErrorKind, FailFastLayer, Value, cmd};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // A node that never answers, and takes one request.
//! let node = service_fn(|_: Command| std::future::pending::<Result<Value, Error>>());
//! let layer = FailFastLayer::new().after(Duration::from_millis(50));
//! let mut node = layer.layer(ConcurrencyLimit::new(node, 1));
//!
//! let _in_flight = node.ready().await.unwrap().call(cmd("GET").arg("k"));
//! let error = node.ready().await.unwrap().call(cmd("GET").arg("k")).await.unwrap_err();
//! assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
//! # }
//! ```

pub mod future;
mod layer;
mod readiness;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};
use tower::{BoxError, Service};

use self::future::ResponseFuture;
pub use self::layer::FailFastLayer;
use self::readiness::Readiness;

/// Answers at once while the inner service is not ready; see the [module docs](self).
///
/// # Panics
///
/// `poll_ready`, outside of a tokio runtime, if the inner service is not ready.
pub struct FailFast<S> {
    inner: S,
    readiness: Arc<Readiness>,
    /// Set while this one waits.
    alarm: Option<Pin<Box<Sleep>>>,
    /// It was found ready to fail: the inner service is not to be called.
    is_failing: bool,
}

impl<S> FailFast<S> {
    fn new(inner: S, readiness: Readiness) -> Self {
        Self {
            inner,
            readiness: Arc::new(readiness),
            alarm: None,
            is_failing: false,
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn poll_alarm(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if alarm.deadline() != at {
            alarm.as_mut().reset(at);
        }
        alarm.as_mut().poll(cx)
    }
}

// ===== impl FailFast =====

impl<S, Req> Service<Req> for FailFast<S>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            if let Poll::Ready(result) = self.inner.poll_ready(cx) {
                // A service that is finished is not waited for either.
                self.readiness.note_ready();
                self.alarm = None;
                self.is_failing = false;
                return Poll::Ready(result.map_err(Into::into));
            }
            match self.readiness.note_not_ready() {
                None => {
                    self.alarm = None;
                    self.is_failing = true;
                    return Poll::Ready(Ok(()));
                }
                // Then the service is asked once more: it may have become ready just now.
                Some(end) => ready!(self.poll_alarm(end, cx)),
            }
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if std::mem::take(&mut self.is_failing) {
            return ResponseFuture::failed(self.readiness.refuse());
        }
        ResponseFuture::passed(self.inner.call(request))
    }
}

/// The clone has not been found ready, neither to call nor to fail.
impl<S: Clone> Clone for FailFast<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            readiness: Arc::clone(&self.readiness),
            alarm: None,
            is_failing: false,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for FailFast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailFast")
            .field("inner", &self.inner)
            .field("readiness", &self.readiness)
            .finish_non_exhaustive()
    }
}
