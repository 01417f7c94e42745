//! News of the cluster, for which a pause ends early.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::watch;

/// A change of the cluster that has not come yet.
pub(super) struct News {
    changed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl News {
    /// The next change after now.
    pub(super) fn next(changes: &watch::Receiver<u64>) -> Self {
        let mut changes = changes.clone();
        changes.mark_unchanged();
        let changed = Box::pin(async move {
            if changes.changed().await.is_err() {
                // Whoever would tell has gone.
                pending().await
            }
        });
        Self { changed }
    }

    /// Not to be polled again once it was ready.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.changed.as_mut().poll(cx)
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}
