//! What threads would contend for, several times over: each thread uses one of them.
//!
//! Two cores that change the same cache line, be it a count, a reference count or a lock, wait for each other for as
//! long as everything else takes that a request needs of the stack.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many there are. More threads than that share.
const COUNT: usize = 16;

/// One `T` for each stripe.
#[derive(Debug, Default)]
pub(crate) struct Striped<T>([Apart<T>; COUNT]);

/// Alone on its cache line, and on the one that processors fetch along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Striped<T> {
    /// The one of this thread.
    pub(crate) fn own(&self) -> &T {
        &self.0[stripe()].0
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|apart| &apart.0)
    }
}

/// The stripe of this thread.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(COUNT) };
    }

    OWN.with(|own| {
        if own.get() == COUNT {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_stripe() {
        let here = stripe();
        assert_eq!(stripe(), here);
        let next = std::thread::spawn(|| (stripe(), stripe())).join();
        let (first, again) = next.expect("no panic");
        assert!(first < COUNT && again == first);
    }

    #[test]
    fn stripes_are_apart() {
        let striped = Striped::<u8>::default();
        let addresses: Vec<_> = striped.iter().map(|own| &raw const *own as usize).collect();
        assert!(addresses.is_sorted_by(|first, second| first + 128 <= *second));
    }
}
