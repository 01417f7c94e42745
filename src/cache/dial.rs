//! The task that makes one connection.

use std::any::Any;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tower::timeout::error::Elapsed;
use tower::{BoxError, Service, ServiceExt};

use super::pool::{Dial, Pool};
use super::trace;
use crate::addr::NodeAddr;
use crate::error::{Delivery, Error, ErrorKind};

/// How long an attempt is waited for that follows a failure. Connecting takes some round trips; a node that needs longer
/// is as good as away, and the requests that wait for it are [bounded](crate::RetryPolicy::max_waiting) by the retries.
const HANGING: Duration = Duration::from_millis(500);

/// Makes the connection and hands the outcome to the pool.
///
/// The pool is held weakly: a dial is no reason for a cache to live on, and a cache that goes ends its dials.
pub(super) async fn run<M>(make: M, dial: Dial<M::Response>, pool: Weak<Pool<M::Response>>)
where
    M: Service<NodeAddr>,
    M::Error: Into<BoxError>,
{
    if !dial.delay.is_zero() {
        tokio::time::sleep(dial.delay).await;
    }
    let counters = match pool.upgrade() {
        Some(pool) => pool.counters().clone(),
        None => return,
    };
    counters.dials_started().increment();
    trace::dialling(&dial.addr);
    let start = Instant::now();
    let mut making = pin!(make_service(make, dial.addr.clone()));
    let outcome = match &dial.last_error {
        None => making.await,
        Some(error) => match timeout(HANGING, making.as_mut()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                dial.waiters.refuse(hangs(&dial.addr, error));
                making.await
            }
        },
    };
    let Some(pool) = pool.upgrade() else { return };
    match outcome {
        Ok(service) => {
            counters.dials_succeeded().increment();
            trace::connected(&dial.addr, start.elapsed(), dial.failures);
            pool.succeeded(&dial, service);
        }
        Err(error) => {
            counters.dials_failed().increment();
            trace::failed(&dial.addr, start.elapsed(), dial.failures, &error);
            pool.failed(&dial, error);
        }
    }
}

/// The connection, or why there is none; a panic of the connector is an error too.
pub(crate) async fn make_service<M>(make: M, addr: NodeAddr) -> Result<M::Response, Error>
where
    M: Service<NodeAddr>,
    M::Error: Into<BoxError>,
{
    let mut making = pin!(make.oneshot(addr.clone()));
    // A connector that panics has failed to connect; were the panic to end the task, the entry would say
    // "dialling" for ever. The future is not polled again after it, so no broken state is seen.
    let made = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| making.as_mut().poll(cx))) {
            Ok(poll) => poll.map(|made| made.map_err(|error| dial_error(error.into()))),
            Err(panic) => Poll::Ready(Err(panicked(&*panic))),
        },
    )
    .await;
    // Whatever the connector believes it has written, the command was not part of it.
    made.map_err(|error| error.with_delivery(Delivery::NotSent).with_node(addr))
}

/// The connector's error as ours: as it is if it is ours already, however deep inside, and otherwise as the
/// cause of one that says what could not be done.
fn dial_error(error: BoxError) -> Error {
    let has = |is: fn(&(dyn StdError + 'static)) -> bool| {
        let first: &(dyn StdError + 'static) = &*error;
        std::iter::successors(Some(first), |&error| error.source()).any(is)
    };
    if has(|error| error.is::<Error>()) {
        return Error::from(error);
    }
    let message = if has(|error| error.is::<Elapsed>()) {
        "connecting timed out: is the address right, or the connect timeout too short?".into()
    } else {
        format!("could not connect: {error}")
    };
    Error::not_sent(ErrorKind::Connect, message).with_source(error)
}

/// What those are told who would wait for an attempt that takes long.
fn hangs(addr: &NodeAddr, last: &Error) -> Error {
    Error::not_sent(
        ErrorKind::Connect,
        format!("connecting has failed before, and now takes more than {HANGING:?}"),
    )
    .with_source(last.clone())
    .with_node(addr.clone())
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::not_sent(
        ErrorKind::Connect,
        format!("the connector panicked: {message}"),
    )
}

/// Starts [`run`] as a task of the current runtime.
pub(super) fn spawn<M>(
    make: M,
    dial: Dial<M::Response>,
    pool: &Arc<Pool<M::Response>>,
) -> tokio::task::AbortHandle
where
    M: Service<NodeAddr> + Send + 'static,
    M::Response: Send + Sync + 'static,
    M::Error: Into<BoxError>,
    M::Future: Send,
{
    let lifecycle = &pool.settings.lifecycle;
    lifecycle.spawn(run(make, dial, Arc::downgrade(pool)))
}
