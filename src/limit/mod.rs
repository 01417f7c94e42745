//! The bound on requests in flight, and on their bytes: [`InFlightLimitLayer`].
//!
//! While no node answers, requests pile up until their deadlines pass. Their number alone does not bound what they take: a
//! few thousand of a mebibyte are gigabytes. So their bytes are [bounded](InFlightLimitLayer::max_bytes) too.
//!
//! At the bound the service is not ready, so that what stands above does what it is for: `load_shed` refuses,
//! `buffer` queues, and a caller that awaits readiness waits.
//!
//! It differs from [`tower::limit::ConcurrencyLimit`], which takes its permit in `poll_ready`: a clone that was
//! once found ready and then left alone keeps that permit, and enough such clones stop the client. Here being
//! ready reserves nothing. The place is taken by `call`, and if another caller was quicker, the response waits
//! for its turn; so more requests may be waiting than are in flight, but never more in flight than the bound.
//! Use tower's where `call` must start at once.
//!
//! Who waits for readiness is served in order of arrival, except that a caller who comes just when a place becomes
//! free may take it. One of them is woken for each place that becomes free. If that one is no longer interested,
//! yet keeps its clone without polling it, the others wait for the next place to become free.
//!
//! Those who wait, for readiness or a turn, are tasks of the application and not bounded here. Where requests come in without
//! a bound, put `load_shed` around the client. A request that waited for its turn has so much less time for the rest: a
//! [`Timeout`](crate::timeout::Timeout) below deducts it.
//!
//! When its [`Lifecycle`](crate::Lifecycle) ends, it answers readiness with an error of kind
//! [`Shutdown`](crate::ErrorKind::Shutdown), and lets those finish that were called before.
//!
//! ```
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_redis_cluster::{Command, Error, InFlightLimitLayer, Value, cmd};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut service = ServiceBuilder::new()
//!     .load_shed()
//!     .layer(InFlightLimitLayer::new(1))
//!     .service(service_fn(|_: Command| std::future::pending::<Result<Value, Error>>()));
//!
//! let _in_flight = service.ready().await.unwrap().call(cmd("GET").arg("k"));
//! let error = service.ready().await.unwrap().call(cmd("GET").arg("k")).await.unwrap_err();
//! assert!(Error::from(error).is_overloaded());
//! # }
//! ```

pub mod future;
mod gate;
mod layer;
mod sync;
#[cfg(test)]
mod tests;

use std::task::{Context, Poll, ready};

use tokio::time::Instant;
use tower::{BoxError, Service};

use self::future::ResponseFuture;
use self::gate::{Denied, Gate, Visitor};
pub use self::layer::InFlightLimitLayer;
use crate::command::{BlockTime, Command};

/// Bounds the requests in flight; see the [module docs](self).
///
/// Clones share the bound.
#[derive(Debug)]
pub struct InFlightLimit<S> {
    inner: S,
    visitor: Visitor,
}

/// The clone has no request under way, and waits for nothing.
impl<S: Clone> Clone for InFlightLimit<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            visitor: self.visitor.clone(),
        }
    }
}

impl<S> InFlightLimit<S> {
    /// Lets at most `max` requests of `inner` and of this service's clones be in flight, with 256 MiB.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    pub fn new(inner: S, max: usize) -> Self {
        tower::Layer::layer(&InFlightLimitLayer::new(max), inner)
    }

    fn with_gate(inner: S, gate: Gate) -> Self {
        Self {
            inner,
            visitor: Visitor::new(gate),
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside. Requests given to it directly are not bounded.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Service<Command> for InFlightLimit<S>
where
    S: Service<Command> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if !self.visitor.sees_vacancy() {
            ready!(self.visitor.poll_vacancy(cx))?;
        }
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        match self.visitor.gate().try_enter(command.encoded_len()) {
            // Should the call panic, the place is dropped here and now, whatever becomes of this service.
            Some(place) => ResponseFuture::running(self.inner.call(command), place),
            None => self.call_late(command),
        }
    }
}

impl<S> InFlightLimit<S>
where
    S: Service<Command> + Clone,
{
    /// Calls, though others were quicker. Not in line: nearly always nobody was, and nothing is to be paid for this then.
    #[cold]
    #[inline(never)]
    fn call_late(&mut self, mut command: Command) -> ResponseFuture<S> {
        match self.visitor.gate().enter(command.encoded_len()) {
            Ok(place) => ResponseFuture::running(self.inner.call(command), place),
            Err(Denied::Turn(turn)) => {
                if command.block_time() == BlockTime::NotBlocking {
                    command.set_waiting_since(Instant::now());
                }
                // The instance that is ready is the one to be called, whenever that will be.
                let unready = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, unready);
                ResponseFuture::waiting(turn, ready, command)
            }
            Err(Denied::Closed(error)) => {
                ResponseFuture::refused(error.with_command(command.name()))
            }
        }
    }
}
