//! Idleness: the task that lets go of what nobody asks for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::pool::Pool;
use crate::task::OwnedTask;

/// How long an entry may go without a request, and the task that sees to it.
pub(super) struct Idleness {
    timeout: Option<Duration>,
    task: OwnedTask,
}

impl Idleness {
    /// Keeps a timeout of zero from sweeping without a pause.
    const SHORTEST: Duration = Duration::from_secs(1);

    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout: timeout.map(|timeout| timeout.max(Self::SHORTEST)),
            task: OwnedTask::default(),
        }
    }

    /// Sees to it that the task runs, if there is a timeout.
    pub(super) fn watch<S: Send + Sync + 'static>(&self, pool: &Arc<Pool<S>>) {
        if let Some(timeout) = self.timeout {
            self.task.ensure(&pool.settings.lifecycle, || {
                watch(timeout, Arc::downgrade(pool))
            });
        }
    }
}

/// Sweeps in intervals, rather than by a timer per entry that each hit would have to set back.
async fn watch<S>(interval: Duration, pool: Weak<Pool<S>>) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(interval);
    }
}
