//! A node that stands still, and those who wait for it to go on.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether a node is stalled.
///
/// Those who wait are woken in the order in which they came, which a `watch` channel does not promise: with it, the
/// sessions of a node would go on in another order in each run.
#[derive(Debug, Default)]
pub(super) struct Stall {
    is_stalled: AtomicBool,
    changed: Notify,
}

impl Stall {
    pub(super) fn set(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until the node is stalled.
    pub(super) async fn begins(&self) {
        self.becomes(true).await;
    }

    /// Waits until the node is not stalled.
    pub(super) async fn ends(&self) {
        self.becomes(false).await;
    }

    async fn becomes(&self, wanted: bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the look at the flag, so that no change goes by unseen.
            changed.as_mut().enable();
            if self.is_stalled.load(Ordering::SeqCst) == wanted {
                return;
            }
            changed.await;
        }
    }
}
