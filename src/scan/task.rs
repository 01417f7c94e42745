//! What there is to do, and what came of it.

use std::time::Duration;

use bytes::Bytes;

use super::asking::Turn;
use super::pass::View;
use super::repair::Repaired;
use super::view::{Layout, NodeId};
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::{Error, ErrorKind};

/// Something to do, and how long to wait before.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) delay: Duration,
    pub(super) work: Work,
}

#[derive(Debug)]
pub(super) enum Work {
    Layout(Turn),
    Node(NodeId, NodeAddr, NodeWork),
}

#[derive(Debug)]
pub(super) enum NodeWork {
    View,
    Page(u64),
    Repair(Vec<Slot>),
}

/// What came of a [`Task`].
#[derive(Debug)]
pub(super) enum Done {
    /// With the node that was asked, if known.
    Layout(Option<NodeAddr>, Result<Layout, Error>),
    Node(NodeId, NodeAddr, Result<NodeDone, Error>),
}

#[derive(Debug)]
pub(super) enum NodeDone {
    View(View),
    Page(u64, Vec<Bytes>),
    Repaired(Repaired),
}

/// The pause after so many failures in a row: up to 20 ms after the first, and up to 1 s in the end.
pub(super) fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    let longest = Duration::from_millis(20 << doublings).min(Duration::from_secs(1));
    match failures {
        0 => Duration::ZERO,
        _ => longest.mul_f64(0.5 + fastrand::f64() / 2.0),
    }
}

/// True if time cannot mend it.
pub(super) fn is_final(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Server => error
            .server_error()
            .is_none_or(|error| !error.is_unready() && error.code() != "BUSY"),
        ErrorKind::Authentication
        | ErrorKind::InvalidCommand
        | ErrorKind::Conversion
        | ErrorKind::Config
        | ErrorKind::Shutdown => true,
        _ => false,
    }
}
