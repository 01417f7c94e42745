//! What is wrong with the lines to a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer = 0,
    ToClient = 1,
}

impl Direction {
    pub(crate) const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

/// The counts concern the lines that are open when they change.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) closed: u64,
    pub(super) half_closed: [u64; 2],
    pub(super) holds: [bool; 2],
    pub(super) delay: Duration,
    pub(super) refuses: bool,
    pub(super) budget: Budget,
}

impl State {
    pub(super) fn heal(&mut self) {
        self.holds = [false; 2];
        self.delay = Duration::ZERO;
        self.refuses = false;
        self.budget.set(Budget::NONE);
    }
}

/// How many bytes a node may send before the line they are on is cut. Once: it is without bound after that.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    const NONE: usize = usize::MAX;

    pub(super) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// How many of these bytes may pass; with less than all of them, the line is to be cut.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let left = |left: usize| match left {
            Self::NONE => Some(Self::NONE),
            left if left < bytes => Some(Self::NONE),
            left => Some(left - bytes),
        };
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        before.unwrap_or(Self::NONE).min(bytes)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(Self::NONE)))
    }
}
