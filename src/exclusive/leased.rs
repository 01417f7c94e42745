//! A connection that one caller has to itself.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;
use tower::{BoxError, Service};

use super::lane::{Acquired, Lane};
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;
use crate::value::Value;

/// A connection, counted while it is open.
pub(super) struct Open<S> {
    service: S,
    counters: Counters,
}

impl<S> Open<S> {
    pub(super) fn new(service: S, counters: Counters) -> Self {
        counters.exclusive_connections().increment();
        Self { service, counters }
    }
}

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        self.counters.exclusive_connections().decrement();
    }
}

/// A connection of a lane. Dropped, it goes back there, if nothing is left on it; otherwise it is closed.
pub(super) struct Leased<S> {
    lane: Arc<Lane<S>>,
    /// `None` only while it is dropped.
    connection: Option<Open<S>>,
    is_clean: bool,
}

impl<S> Leased<S> {
    pub(super) fn new(lane: &Arc<Lane<S>>, connection: Open<S>) -> Self {
        lane.counters().exclusive_leased().increment();
        Self {
            lane: Arc::clone(lane),
            connection: Some(connection),
            is_clean: true,
        }
    }

    pub(super) fn service(&mut self) -> &mut S {
        let connection = self.connection.as_mut();
        &mut connection.expect("present until it is dropped").service
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        self.lane.lifecycle()
    }

    /// Says whether the next user would find it as a new one.
    pub(super) fn set_clean(&mut self, is_clean: bool) {
        self.is_clean = is_clean;
    }
}

impl<S> Drop for Leased<S> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let counters = self.lane.counters();
        counters.exclusive_leased().decrement();
        if self.is_clean {
            return self.lane.give_back(connection);
        }
        counters.exclusive_closed_unclean().increment();
        drop(connection);
        self.lane.closed();
    }
}

impl<S> Leased<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Send + 'static,
{
    /// Leases a connection of the lane that is ready for a command, by this deadline.
    ///
    /// # Errors
    ///
    /// If there is none in time, too many wait, or it could not be made. Nothing was sent then.
    pub(super) async fn from(
        lane: &Arc<Lane<S>>,
        deadline: Option<Instant>,
    ) -> Result<Self, Error> {
        let leased = Self::ready_from(lane, deadline).await;
        leased.map_err(|error| {
            let error = error.with_delivery(Delivery::NotSent);
            error.with_node(lane.addr().clone())
        })
    }

    async fn ready_from(lane: &Arc<Lane<S>>, deadline: Option<Instant>) -> Result<Self, Error> {
        loop {
            let (mut leased, was_idle) = match lane.acquire()? {
                Acquired::Idle(leased) => (leased, true),
                Acquired::Waiting(waiting) => {
                    let message = "the deadline passed before an exclusive connection was free";
                    (by(deadline, message, waiting).await?, false)
                }
            };
            let ready = poll_fn(|cx| {
                let ready = leased.service().poll_ready(cx);
                ready.map_err(|error| Error::from(error.into()))
            });
            let message = "the deadline passed before the exclusive connection was ready";
            match by(deadline, message, ready).await {
                Ok(()) => return Ok(leased),
                Err(error) => {
                    leased.set_clean(false);
                    // One that was closed while it was idle says nothing of the next.
                    if error.is_timeout() || !was_idle {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Sends a command, and leaves the connection clean if its reply was read.
    pub(super) async fn call(&mut self, command: Command) -> Result<Value, Error> {
        self.is_clean = false;
        let reply = self.service().call(command).await;
        self.is_clean = reply.is_ok();
        reply.map_err(|error| Error::from(error.into()))
    }
}

/// What `future` gives, or an error with this message if it is polled again after the deadline. The timer is with the
/// timeout layer, which polls once more when it fires.
async fn by<T>(
    deadline: Option<Instant>,
    message: &'static str,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut future = pin!(future);
    let mut was_polled = false;
    poll_fn(|cx| {
        if let Poll::Ready(result) = future.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        let is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if std::mem::replace(&mut was_polled, true) && is_over {
            return Poll::Ready(Err(Error::not_sent(ErrorKind::Timeout, message)));
        }
        Poll::Pending
    })
    .await
}
