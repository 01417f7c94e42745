//! What is made of replies and of their absence, for one command as for those of a pipeline.

use crate::addr::NodeAddr;
use crate::error::{Delivery, Error, ErrorKind};
use crate::topology::Redirect;
use crate::value::ServerError;

/// How an error for a deadline begins; what was going on follows.
pub(super) const DEADLINE_PASSED: &str = "the deadline passed";

pub(super) const DISCOVERING: &str = "while the topology was being discovered";

pub(super) const REFRESHING: &str = "while the topology was being refreshed";

pub(super) const MOVED_TO_ITSELF: &str =
    "while the topology was being refreshed, for the node had answered MOVED to itself";

/// True if the map is stale, or the cluster is about to change.
// cluster spec: a node that lost its role says READONLY, and lets go of those who block on it.
pub(super) fn is_sign_of_change(error: &ServerError) -> bool {
    matches!(error.code(), "READONLY" | "CLUSTERDOWN" | "MASTERDOWN") || error.is_forced_unblock()
}

/// The error when no node is known even after a refresh, with its outcome.
pub(super) fn unserved(outcome: Result<(), Error>) -> Error {
    match outcome {
        Ok(()) => Error::new(ErrorKind::Topology, "no known node serves the slot"),
        Err(error) => error,
    }
}

/// The error for a redirect beyond the bound.
pub(super) fn too_many_redirects(followed: usize, next: &Redirect, from: &NodeAddr) -> Error {
    Error::new(
        ErrorKind::TooManyRedirects,
        format!("redirected more than {followed} times, at last by {from}: {next}"),
    )
    .with_delivery(Delivery::NotApplied)
}
