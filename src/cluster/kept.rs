//! The clone of the stack that a handle calls again and again.

use std::fmt;

use parking_lot::{Mutex, MutexGuard};

/// Each request needs a stack of its own to make ready and call, and a clone is several reference counts up and down
/// again, at which threads wait for each other. So a handle keeps one for its next request, if its stack is known to
/// reserve nothing, such as a place in a queue, for a request that it does not pass on: nobody would give it back.
///
/// The handle's clones have one of their own. None is made before it is wanted.
pub(super) struct Kept<S> {
    is_allowed: bool,
    stack: Mutex<Option<S>>,
}

impl<S> Kept<S> {
    /// Keeps none.
    pub(super) const NONE: Self = Self {
        is_allowed: false,
        stack: Mutex::new(None),
    };

    /// Will keep one.
    pub(super) const ALLOWED: Self = Self {
        is_allowed: true,
        stack: Mutex::new(None),
    };

    /// Where one is kept, unless another request has just taken it. Nobody waits for who holds this.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Option<S>>> {
        self.is_allowed.then(|| self.stack.try_lock())?
    }
}

/// Without what is kept: that is for one handle.
impl<S> Clone for Kept<S> {
    fn clone(&self) -> Self {
        match self.is_allowed {
            true => Self::ALLOWED,
            false => Self::NONE,
        }
    }
}

impl<S> fmt::Debug for Kept<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("is_allowed", &self.is_allowed)
            .finish_non_exhaustive()
    }
}
