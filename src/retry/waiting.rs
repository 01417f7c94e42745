//! How many requests wait for a node that cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on those who wait. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct WaitingRoom {
    max: usize,
    // Relaxed: it orders nothing.
    waiting: Arc<AtomicUsize>,
}

impl WaitingRoom {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            waiting: Arc::default(),
        }
    }

    /// Somebody more who waits; `None` if there is no room.
    pub(super) fn enter(&self) -> Option<Waiter> {
        let enter = |waiting| (waiting < self.max).then_some(waiting + 1);
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter)
            .ok()?;
        Some(Waiter(Arc::clone(&self.waiting)))
    }
}

/// Somebody who waits, until dropped.
#[derive(Debug)]
pub(super) struct Waiter(Arc<AtomicUsize>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
