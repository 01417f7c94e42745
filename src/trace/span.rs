//! What is written into a request's span.

use tower::BoxError;
use tracing::field::Empty;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Level, Span, debug_span};

use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::Error;
use crate::value::{ServerError, Value};

/// False while nobody listens to any span of this level: a look at one static, at which a request would otherwise
/// pass a span around.
#[inline]
pub(super) fn is_enabled() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

/// The span of a request, disabled if nobody listens to it.
pub(super) fn open(command: &Command) -> Span {
    let span = debug_span!(
        target: "tower_redis_cluster",
        "redis",
        "otel.name" = %command.name(),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "otel.status_description" = Empty,
        "db.system.name" = "redis",
        "db.operation.name" = %command.name(),
        "db.response.status_code" = Empty,
        "db.redis.slot" = Empty,
        "db.redis.attempts" = Empty,
        "error.type" = Empty,
        "server.address" = Empty,
        "server.port" = Empty,
    );
    if !span.is_disabled()
        && let Ok(Some(slot)) = command.slot()
    {
        span.record("db.redis.slot", tracing::field::display(slot));
    }
    span
}

/// Writes how the request ended.
pub(super) fn close(span: &Span, result: &Result<Value, BoxError>) {
    match result {
        Ok(Value::Error(reply)) => record_reply(span, reply),
        Ok(_) => {}
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            match Error::find(&**error) {
                Some(error) => record_error(span, &error),
                // OpenTelemetry's word for an error without a name.
                None => {
                    span.record("error.type", "_OTHER");
                }
            }
        }
    }
}

/// Writes that the caller went away before the answer.
pub(super) fn cancel(span: &Span) {
    span.record("error.type", "cancelled");
}

fn record_reply(span: &Span, reply: &ServerError) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", reply.code());
    span.record("db.response.status_code", reply.code());
}

fn record_error(span: &Span, error: &Error) {
    match error.server_error() {
        Some(reply) => record_reply(span, reply),
        None => {
            span.record("error.type", error.kind().as_str());
            span.record(
                "otel.status_description",
                tracing::field::display(error.without_names()),
            );
        }
    }
    if error.attempts() > 0 {
        span.record("db.redis.attempts", error.attempts());
    }
    if let Some(node) = error.node() {
        record_node(span, node);
    }
}

/// Writes which node answered into the request's span, if one is open. Other spans do not have these fields, and ignore
/// them.
pub(crate) fn answered_by(node: &NodeAddr) {
    if !is_enabled() {
        return;
    }
    let span = Span::current();
    if !span.is_disabled() {
        record_node(&span, node);
    }
}

fn record_node(span: &Span, node: &NodeAddr) {
    span.record("server.address", node.server_address());
    span.record("server.port", node.server_port());
}
