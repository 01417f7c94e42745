//! A span for each request: [`TraceLayer`].
//!
//! The spans follow OpenTelemetry's conventions for database clients, in the version for Redis:
//!
//! | field | value |
//! |---|---|
//! | `otel.name`, `db.operation.name` | the command's name, `GET` |
//! | `otel.kind` | `client` |
//! | `db.system.name` | `redis` |
//! | `db.redis.slot` | the slot of the keys, if there are any; not part of the conventions |
//! | `db.response.status_code` | the code of an error reply, `WRONGTYPE` |
//! | `error.type` | that code, or the [kind](crate::ErrorKind) of the error in lower case, `timeout`; `cancelled` if the caller went away before the answer |
//! | `server.address`, `server.port` | the node that answered last, or that an error names |
//! | `db.redis.attempts` | the attempts that an error names; not part of the conventions |
//! | `otel.status_code`, `otel.status_description` | `ERROR`, and what happened where, unless the server said so in its own words |
//!
//! Neither keys nor values nor the text of error replies are in them. A span covers what is below the layer: put
//! it above the retries for one span per request, or at the attempt seam for one per attempt. Retries show as
//! events in the span.
//!
//! Spans and events are at level `DEBUG` with the target `tower_redis_cluster`: one span per command is more
//! than most want at `INFO`. While nothing listens at that level, the layer costs a check of one static.
//!
//! To export them, add the layer of the crate `tracing-opentelemetry` to the `tracing_subscriber` registry of the
//! application, with a filter that lets `tower_redis_cluster=debug` through: it takes names, kind and status from
//! the fields above.
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_redis_cluster::trace::TraceLayer;
//! use tower_redis_cluster::{Command, Error, TimeoutLayer, Value};
//!
//! let service = ServiceBuilder::new()
//!     .layer(TraceLayer::new())
//!     .layer(TimeoutLayer::new(Duration::from_millis(400)))
//!     .service(service_fn(|_: Command| async { Ok::<_, Error>(Value::Nil) }));
//! # let _ = service;
//! ```

pub mod future;
mod layer;
mod span;
#[cfg(test)]
mod tests;

use std::task::{Context, Poll};

use tower::{BoxError, Service};

use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub(crate) use self::span::answered_by;
use crate::command::Command;
use crate::value::Value;

/// Opens a span for each request; see the [module docs](self).
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl<S> Trace<S> {
    /// Opens a span for each request of `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
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

impl<S> Service<Command> for Trace<S>
where
    S: Service<Command, Response = Value>,
    S::Error: Into<BoxError>,
{
    type Response = Value;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        if !span::is_enabled() {
            return ResponseFuture::untraced(self.inner.call(command));
        }
        let span = span::open(&command);
        let inner = {
            let _entered = span.enter();
            self.inner.call(command)
        };
        ResponseFuture::new(inner, span)
    }
}
