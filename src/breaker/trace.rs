//! The events of breakers, named as OpenTelemetry names things.
//!
//! An outage of one node is one warning; its probes are for debugging, and the recovery is announced. No error stands
//! where the application has taken a reply for a failure.

use std::time::Duration;

use crate::addr::NodeAddr;
use crate::error::Error;

pub(super) fn opened(addr: &NodeAddr, error: Option<&Error>) {
    tracing::warn!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        error = error.map(|error| tracing::field::display(error.without_names())),
        "a node does not answer: its breaker opens"
    );
}

pub(super) fn probing(addr: &NodeAddr) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        "a request is let through an open breaker"
    );
}

pub(super) fn still_open(addr: &NodeAddr, error: Option<&Error>) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        error = error.map(|error| tracing::field::display(error.without_names())),
        "a node does still not answer"
    );
}

pub(super) fn closed(addr: &NodeAddr, elapsed: Duration) {
    tracing::info!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        ?elapsed,
        "a node answers again: its breaker closes"
    );
}
