//! Trying again: [`RetryLayer`], as a [`RetryPolicy`] says.
//!
//! # What is retried
//!
//! Whether a command may be sent again depends on how far it got, not on what went wrong:
//!
//! | outcome of an attempt | retried |
//! |---|---|
//! | `Ok` with `TRYAGAIN`, `CLUSTERDOWN`, `MASTERDOWN`, `LOADING`, `READONLY`, `MOVED` or `ASK` | every command |
//! | `Ok` with `READONLY`, `MOVED` or `ASK` of a node that the command [names](crate::Target::Node) | no |
//! | `Ok` with `UNBLOCKED`, if the node let go of a blocked client because it lost its role | every command |
//! | `Ok` with `NOAUTH`, after which the [connection](crate::connection#credentials) is replaced | every command, counted as a failure |
//! | `Ok` with any other value or error reply | no |
//! | `Err`, [`NotSent`] or [`NotApplied`] | every command |
//! | `Err`, [`Unknown`] | [idempotent](crate::Command::is_idempotent) commands |
//! | `Err` that waiting does not mend: the command or a setting is wrong, the credentials are refused, the client is shut down | no |
//!
//! The commands of a [pipeline](crate::Command::pipeline) are judged one by one, with the pipeline's declaration that
//! it is idempotent counting for each. Those that may be sent again make the next attempt, in which the others keep
//! the reply or the error that they have. It is one retry to the bounds below and has one pause, the longest that any
//! of them wants; a failure that has used up its count ends for its command alone. If nothing may be sent again, the
//! replies are passed on as they are. It takes a [`Route`](crate::route::Route) below to send again some commands and not
//! the others: over anything else, such as a single [`Connection`](crate::Connection), a pipeline is retried only if all
//! of its commands may be sent again. A [transaction](crate::Command::transaction) is judged and retried as a whole.
//!
//! The last error says how far the command got at most in all attempts. Where that is an error reply, and an attempt before
//! it may have applied the command, it is turned into an `Err` of kind [`Server`](crate::ErrorKind::Server) that says so.
//!
//! # How often
//!
//! Four bounds hold, and the narrowest counts:
//!
//! - **The deadline.** No attempt begins after [`Command::deadline`]: if the pause before it would last that
//!   long, the request ends at once with the outcome at hand, which tells more than a timeout. Where the cluster is
//!   not ready, it tries once more 25 ms before the deadline.
//! - **The count**, `retries`. It counts every retry of a command without a deadline. With a deadline it counts
//!   only retries of *failures*: lost connections, timeouts of an attempt, overload. Where *the cluster is not
//!   ready* - it refused the command, a node cannot be reached, no node is known to serve the slot - nothing was
//!   applied and time is what mends it, so the deadline alone decides: with a timeout of 5 s a request outlasts
//!   an election of 4 s, and with one of 400 ms it gives up after 400 ms.
//!   [`count_all`](RetryPolicy::count_all) makes the count hold for these too.
//! - **The budget**, shared by all requests: retries of what was sent are at most a share of the requests of the last
//!   ten seconds, so that an outage is not made worse by a multiple of the load. What was not sent is free: no server
//!   has had to do with it. Where the cluster is not ready, an
//!   empty budget does not end a request that has time: it waits for its share until shortly before its deadline. Retries that find the cluster ready again cost nothing, so that all who wait come
//!   through.
//! - **Those who wait**, where [`max_waiting`](RetryPolicy::max_waiting) is set: of the requests that no node has seen, no
//!   more than that wait for another attempt at the same time.
//!
//! # The pause before a retry
//!
//! Exponential with full jitter: a random time between zero and 10, 20, 40 ms and so on up to 500 ms. The first
//! pauses suit what passes in milliseconds (`TRYAGAIN` while a key moves, a graceful failover); the longest
//! suits an election: a waiting request then tries about four times per second, and the end of the outage is
//! noticed within half a second, or at once if the policy is [told](RetryPolicy::hurry_on) of it. The first retry after a connection was found closed before anything was written is
//! made without a pause.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_redis_cluster::{Command, Error, RetryLayer, RetryPolicy, ServerError, TimeoutLayer, Value, cmd};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let policy = RetryPolicy::new(3).backoff(Duration::from_millis(5), Duration::from_millis(250));
//! let mut service = ServiceBuilder::new()
//!     .layer(TimeoutLayer::new(Duration::from_secs(1)))
//!     .layer(RetryLayer::new(policy))
//!     .service(service_fn(|_: Command| async {
//!         Ok::<_, Error>(Value::Error(ServerError::new("TRYAGAIN Multiple keys request during rehashing of slot")))
//!     }));
//!
//! // The outcome of the last attempt, not a timeout.
//! let value = service.ready().await.unwrap().call(cmd("GET").arg("k")).await.unwrap();
//! assert!(matches!(value, Value::Error(error) if error.code() == "TRYAGAIN"));
//! # }
//! ```
//!
//! # Beside tower's
//!
//! The policy is a [`tower::retry::Policy`], so that it can be given to [`tower::retry::RetryLayer`] as well, and a
//! policy of the application's own goes into that one. This crate's layer does the same for less: tower's clones
//! policy and service for every request, and this one when there is something to retry. It also ends a request whose
//! retry the budget has not allowed by shortly before its deadline, where tower's, which cannot be told so, tries once more.
//!
//! [`Command::deadline`]: crate::Command::deadline
//! [`NotApplied`]: crate::Delivery::NotApplied
//! [`NotSent`]: crate::Delivery::NotSent
//! [`Unknown`]: crate::Delivery::Unknown

mod backoff;
mod budget;
mod failure;
pub mod future;
mod layer;
mod news;
mod policy;
mod setback;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tower::Service;

pub use self::backoff::Backoff;
pub use self::failure::Failure;
use self::future::ResponseFuture;
pub use self::layer::RetryLayer;
pub use self::policy::RetryPolicy;
use crate::command::Command;
use crate::value::Value;

/// Tries again what fails, as its policy says; see the [module docs](self).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    shared: Arc<Shared<S>>,
}

/// What the requests of all clones have in common.
#[derive(Debug)]
struct Shared<S> {
    policy: RetryPolicy,
    /// Cloned for each retry. A request has no service of its own until it needs one: a clone for each would cost more
    /// than the rest of this layer.
    service: Mutex<S>,
}

impl<S: Clone> Retry<S> {
    /// Retries requests of `inner` as this policy says.
    pub fn new(inner: S, policy: RetryPolicy) -> Self {
        let service = Mutex::new(inner.clone());
        Self {
            inner,
            shared: Arc::new(Shared { policy, service }),
        }
    }
}

impl<S> Retry<S> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Service<Command> for Retry<S>
where
    S: Service<Command, Response = Value, Error: Failure> + Clone,
{
    type Response = Value;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        let kept = self.shared.policy.keep(&command);
        let shared = Arc::clone(&self.shared);
        ResponseFuture::new(self.inner.call(command), shared, kept)
    }
}
