//! Tasks that end with their owner.

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::lifecycle::Lifecycle;

/// A task that begins when it is first needed, since its owner may be made outside of a runtime, and ends with the
/// owner, or with the life of the client.
#[derive(Default)]
pub(crate) struct OwnedTask(Mutex<Option<AbortOnDrop>>);

impl OwnedTask {
    /// Sees to it that the task runs: it does not before the first call, nor after its runtime was shut down.
    pub(crate) fn ensure<F>(&self, lifecycle: &Lifecycle, task: impl FnOnce() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.0.lock();
        if running.as_ref().is_none_or(AbortOnDrop::is_finished) {
            *running = Some(AbortOnDrop::new(lifecycle.spawn(task())));
        }
    }
}

/// Ends its task when dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(AbortHandle);

impl AbortOnDrop {
    pub(crate) fn new(task: AbortHandle) -> Self {
        Self(task)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
