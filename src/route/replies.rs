//! What is made of replies and of their absence, for one command as for those of a pipeline.

use std::fmt::Write;

use crate::addr::NodeAddr;
use crate::error::{Delivery, Error, ErrorKind};
use crate::topology::Redirect;
use crate::value::ServerError;

/// How an error for a deadline begins; what was going on follows.
pub(super) const DEADLINE_PASSED: &str = "the deadline passed";

/// No more seeds than this are named in an error.
const NAMED: usize = 3;

pub(super) const REFRESHING: &str = "while the topology was being refreshed";

pub(super) const MOVED_TO_ITSELF: &str =
    "while the topology was being refreshed, for the node had answered MOVED to itself";

/// What is going on before any topology is known, and who is asked for it.
pub(super) fn discovering(seeds: &[NodeAddr]) -> String {
    let mut text = "while the topology was being discovered from".to_owned();
    for (index, seed) in seeds.iter().take(NAMED).enumerate() {
        let separator = if index == 0 { " " } else { ", " };
        let _ = write!(text, "{separator}{seed}");
    }
    if let Some(more @ 1..) = seeds.len().checked_sub(NAMED) {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// True if the map is stale, or the cluster is about to change.
// cluster spec: a node that lost its role says READONLY, and lets go of those who block on it.
pub(super) fn is_sign_of_change(error: &ServerError) -> bool {
    matches!(error.code(), "READONLY" | "CLUSTERDOWN" | "MASTERDOWN") || error.is_forced_unblock()
}

/// The error when no node is known even after a refresh, with its outcome.
pub(super) fn unserved(outcome: Result<(), Error>) -> Error {
    match outcome {
        Ok(()) => Error::not_sent(ErrorKind::Topology, "no known node serves the slot"),
        Err(error) => error,
    }
}

/// The error for a redirect beyond the bound.
pub(super) fn too_many_redirects(followed: usize, next: &Redirect, from: &NodeAddr) -> Error {
    Error::not_sent(
        ErrorKind::TooManyRedirects,
        format!("redirected more than {followed} times, at last by {from}: {next}"),
    )
    .with_delivery(Delivery::NotApplied)
}
