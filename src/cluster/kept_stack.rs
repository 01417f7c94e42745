//! The clone of the stack that a handle calls again and again.

use parking_lot::{Mutex, MutexGuard};

/// A clone for the requests of one handle, if it [may](super::Cluster::with_kept_stack) be kept: to make one for each
/// is to change several reference counts that all threads change. It is made when it is first wanted.
pub(super) struct KeptStack<S> {
    is_allowed: bool,
    stack: Mutex<Option<S>>,
}

impl<S> KeptStack<S> {
    pub(super) fn new(is_allowed: bool) -> Self {
        Self {
            is_allowed,
            stack: Mutex::new(None),
        }
    }

    /// Where one is kept, unless another request is just using it. Nobody waits for whoever holds this.
    #[inline]
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Option<S>>> {
        self.is_allowed.then(|| self.stack.try_lock())?
    }

    /// Lets go of what is kept: a request failed, maybe because it was not passed on. If another is just being sent by it,
    /// that one uses what was reserved.
    #[cold]
    pub(super) fn forget(&self) {
        let stack = self.try_lock().and_then(|mut kept| kept.take());
        // Not under the lock.
        drop(stack);
    }
}

/// Without what is kept: that is for one handle.
impl<S> Clone for KeptStack<S> {
    fn clone(&self) -> Self {
        Self::new(self.is_allowed)
    }
}
