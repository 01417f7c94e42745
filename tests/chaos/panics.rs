//! Panics anywhere in the process, also in tasks of the client whose end nobody looks at.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts them from now on, beside what is done with them anyway.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            COUNT.fetch_add(1, Ordering::Relaxed);
            before(info);
        }));
    });
}

pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}
