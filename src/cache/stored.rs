//! A connected service: [`Stored`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::pool::Pool;
use crate::addr::NodeAddr;
use crate::metrics::Counters;

/// A connected service. Its allocation is its identity: handles hold it weakly, which keeps the address of the
/// allocation from being used again but not the service alive.
pub(super) struct Stored<S> {
    pub(super) addr: NodeAddr,
    pub(super) service: S,
    pub(super) pool: Weak<Pool<S>>,
    /// Whether it was asked for since the last sweep. Relaxed: it orders nothing, and a request that a sweep overlooks
    /// has its handle already.
    asked_for: AtomicBool,
    counters: Counters,
}

impl<S> Stored<S> {
    pub(super) fn new(pool: &Arc<Pool<S>>, addr: NodeAddr, service: S) -> Self {
        let counters = pool.counters().clone();
        counters.open_connections().increment();
        Self {
            addr,
            service,
            pool: Arc::downgrade(pool),
            asked_for: AtomicBool::new(true),
            counters,
        }
    }

    /// Notes that it was asked for.
    pub(super) fn touch(&self) {
        // Written at most once between two sweeps: threads that write to what they share slow each other down.
        if !self.asked_for.load(Ordering::Relaxed) {
            self.asked_for.store(true, Ordering::Relaxed);
        }
    }

    /// Whether nobody asked for it since this was last called.
    pub(super) fn is_idle(&self) -> bool {
        !self.asked_for.swap(false, Ordering::Relaxed)
    }
}

impl<S> Drop for Stored<S> {
    fn drop(&mut self) {
        self.counters.open_connections().decrement();
    }
}
