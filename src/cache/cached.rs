//! A service from the cache.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tower::{BoxError, Service};

use super::future::CachedFuture;
use super::stored::Stored;
use crate::addr::NodeAddr;
use crate::error::{Delivery, Error};

/// A service given out by a [`ConnectionCache`](super::ConnectionCache): a clone of the one connected to a node.
///
/// When its `poll_ready` fails the service is finished. `Cached` then removes it from the cache, if it is still
/// there and not replaced already, and answers the same error from then on; ask the cache for the next one.
/// That error's delivery is [`Delivery::NotSent`].
///
/// It does not keep the cache alive, nor does a cache that is gone make it unusable.
pub struct Cached<S> {
    service: S,
    stored: Weak<Stored<S>>,
    finished: Option<Error>,
}

impl<S: Clone> Cached<S> {
    #[inline]
    pub(super) fn new(stored: &Arc<Stored<S>>) -> Self {
        Self {
            service: stored.service.clone(),
            stored: Arc::downgrade(stored),
            finished: None,
        }
    }
}

impl<S> Cached<S> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    /// Looks up something by the address it is connected to; `None` if the cache has let go of it.
    pub(crate) fn by_addr<T>(&self, with: impl FnOnce(&NodeAddr) -> Option<T>) -> Option<T> {
        with(&self.stored.upgrade()?.addr)
    }

    fn finish(&mut self, error: BoxError) -> Error {
        let mut error = Error::from(error).with_delivery(Delivery::NotSent);
        if let Some(stored) = self.stored.upgrade() {
            error = error.with_node(stored.addr.clone());
            if let Some(pool) = stored.pool.upgrade() {
                pool.evict(&stored, &error);
            }
        }
        self.finished = Some(error.clone());
        error
    }
}

impl<S, Req> Service<Req> for Cached<S>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = CachedFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = &self.finished {
            return Poll::Ready(Err(error.clone()));
        }
        self.service
            .poll_ready(cx)
            .map_err(|error| self.finish(error.into()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        CachedFuture::new(self.service.call(request))
    }
}

/// The clone is as ready as a clone of the inner service is: usually not.
impl<S: Clone> Clone for Cached<S> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            stored: self.stored.clone(),
            finished: self.finished.clone(),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("service", &self.service)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}
