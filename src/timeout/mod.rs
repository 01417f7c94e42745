//! The deadline of a request: [`TimeoutLayer`].
//!
//! One deadline covers everything a request may wait for below this layer: queueing, connecting, redirects,
//! retries and their backoff. It is written into the [`Command`], so that whatever waits below gives up by then
//! and can say precisely what it was waiting for; and it is kept here too, so that it also holds over
//! layers that know nothing of it.
//!
//! The time allowed is the layer's timeout, changed by the command:
//!
//! | the command | time allowed |
//! |---|---|
//! | has a [timeout of its own](Command::timeout) | that, whatever its arguments say |
//! | blocks on the server for a time, as in `BLPOP q 5` | the layer's timeout and that time |
//! | blocks forever, as in `BLPOP q 0` | unlimited |
//! | any other | the layer's timeout |
//!
//! A deadline that is in the command already, set by another such layer further out, is only ever made earlier.
//! A request whose deadline has passed before it comes here is not passed on at all, so a timeout of zero
//! refuses every request.
//!
//! There is no timer per request. A single command that waits for a reply on a [`Connection`](crate::connection::Connection) is
//! woken by that, which looks at the deadlines of all its commands with one timer; for others, this layer looks at all of
//! them now and then. So the deadline is kept a little late: mostly by 1 or 2 ms, and by up to 10 ms where very many requests
//! wait or the layer has to look itself. Whoever looks does so on the runtime that the connection, or else the first request
//! that waited, was made on: on one that is kept but not driven, nobody does.
//!
//! A layer in between that polls a response and then moves it to a task of its own, while it goes on waiting itself, has to
//! end at [`Command::deadline`] by itself: whoever was to be woken is that task then.
//!
//! Use [`tower::timeout::TimeoutLayer`] instead for services that do not take a [`Command`], such as the act of
//! connecting.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_redis_cluster::{Command, Error, TimeoutLayer, Value, cmd};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let mut service = ServiceBuilder::new()
//!     .layer(TimeoutLayer::new(Duration::from_millis(400)))
//!     .service(service_fn(|_: Command| std::future::pending::<Result<Value, Error>>()));
//!
//! let error = service.ready().await.unwrap().call(cmd("GET").arg("k")).await.unwrap_err();
//! assert!(Error::from(error).is_timeout());
//! # }
//! ```

mod alarm;
pub mod future;
mod layer;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::{BoxError, Service};

use self::alarm::{Alarm, Alarms};
use self::future::{Limit, ResponseFuture};
pub use self::layer::TimeoutLayer;
use crate::command::{BlockTime, Command, Name};
use crate::metrics::Counters;

/// Gives each request a deadline; see the [module docs](self).
///
/// # Panics
///
/// Its futures, outside of a tokio runtime, unless they are complete when first polled.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    timeout: Duration,
    alarms: Arc<Alarms>,
}

impl<S> Timeout<S> {
    /// Allows each request of `inner` this much time.
    pub fn new(inner: S, timeout: Duration) -> Self {
        let alarms = Arc::new(Alarms::new(timeout, Counters::new()));
        Self::with_alarms(inner, timeout, alarms)
    }

    fn with_alarms(inner: S, timeout: Duration, alarms: Arc<Alarms>) -> Self {
        Self {
            inner,
            timeout,
            alarms,
        }
    }

    fn alarm(&self) -> Alarm {
        Alarm::new(Arc::clone(&self.alarms))
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
}

impl<S> Service<Command> for Timeout<S>
where
    S: Service<Command>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut command: Command) -> Self::Future {
        let allowed = command
            .own_timeout()
            .or_else(|| and_block_time(self.timeout, command.block_time()));
        let now = Instant::now();
        let start = command.waiting_since().unwrap_or(now);
        // A time too long to be added is no limit.
        let ours = allowed.and_then(|allowed| start.checked_add(allowed));
        let deadline = match (command.deadline(), ours) {
            (Some(outer), Some(ours)) => Some(outer.min(ours)),
            (outer, ours) => outer.or(ours),
        };
        let Some(deadline) = deadline else {
            return ResponseFuture::unlimited(self.inner.call(command), self.alarm());
        };
        if deadline <= now {
            let limit = Limit::new(start, deadline, Name::of(&command));
            return ResponseFuture::expired(limit, self.alarm());
        }
        command.set_deadline(deadline);
        let Some(info) = command.info() else {
            let limit = Limit::new(start, deadline, Name::of(&command));
            return ResponseFuture::limited(self.inner.call(command), limit, self.alarm());
        };
        // The inner call comes first: with nothing at hand that would have to be dropped should it panic, the compiler
        // builds its response where it belongs.
        let response = self.inner.call(command);
        let limit = Limit::new(start, deadline, Name::Known(info));
        ResponseFuture::limited(response, limit, self.alarm())
    }
}

/// The time to answer, counted from when the server stops waiting; `None` is forever.
fn and_block_time(timeout: Duration, block_time: BlockTime) -> Option<Duration> {
    match block_time {
        BlockTime::NotBlocking => Some(timeout),
        BlockTime::For(time) => Some(timeout.saturating_add(time)),
        BlockTime::Forever => None,
    }
}
