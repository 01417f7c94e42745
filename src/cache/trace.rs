//! The events of the cache, named as OpenTelemetry names things.
//!
//! An outage of one node is one warning, not one per attempt: the first failure in a row warns, the others and
//! everything that belongs to normal life are for debugging, and the recovery is announced.
//!
//! Errors are displayed, not debugged: what stands behind them, such as the error of a credentials provider, may know
//! secrets.

use std::time::Duration;

use crate::addr::NodeAddr;
use crate::error::Error;

pub(super) fn dialling(addr: &NodeAddr) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        "connecting"
    );
}

pub(super) fn connected(addr: &NodeAddr, elapsed: Duration, failures: u32) {
    if failures == 0 {
        tracing::debug!(
            server.address = addr.server_address(),
            server.port = addr.server_port(),
            ?elapsed,
            "connected"
        );
    } else {
        tracing::info!(
            server.address = addr.server_address(),
            server.port = addr.server_port(),
            ?elapsed,
            failures,
            "connected again"
        );
    }
}

pub(super) fn failed(addr: &NodeAddr, elapsed: Duration, failures: u32, error: &Error) {
    if failures == 0 {
        tracing::warn!(
            server.address = addr.server_address(),
            server.port = addr.server_port(),
            ?elapsed,
            %error,
            "could not connect"
        );
    } else {
        tracing::debug!(
            server.address = addr.server_address(),
            server.port = addr.server_port(),
            ?elapsed,
            failures,
            %error,
            "could still not connect"
        );
    }
}

pub(super) fn evicted(addr: &NodeAddr, error: &Error) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        %error,
        "evicted a finished connection"
    );
}

pub(super) fn departed(addr: &NodeAddr) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        "evicted the connection of a node that left the cluster"
    );
}

pub(super) fn idle(addr: &NodeAddr, timeout: Duration) {
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        ?timeout,
        "evicted a connection that nobody asked for"
    );
}
