//! Who wakes a request when its deadline passes.
//!
//! A timer for each request costs as much as several layers, and nearly none ever fires. A connection looks at the
//! deadlines of its commands all the same, many with one timer. So whoever has arranged for the task to be woken says
//! so here while it is polled, and a [`Timeout`](crate::timeout::Timeout) around it that finds its own deadline seen
//! to sets no timer.
//!
//! What is said holds for one poll. Whatever else makes a request wait says nothing, so that in doubt there is a timer.

use std::cell::Cell;
use std::task::Poll;

use tokio::time::Instant;

thread_local! {
    /// When the task that is being polled will be woken at the latest.
    static PROMISED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The task that is being polled will be polled again at `at`, or soon after.
#[inline]
pub(crate) fn promise(at: Instant) {
    PROMISED.set(Some(at));
}

/// What was promised may not hold any more, as a future has ended before it was ready.
#[inline]
pub(crate) fn withdraw() {
    PROMISED.set(None);
}

/// Polls something; with it, when it will be polled again at the latest, if that was promised.
#[inline]
pub(crate) fn heed<T>(poll: impl FnOnce() -> Poll<T>) -> (Poll<T>, Option<Instant>) {
    let outside = PROMISED.take();
    let polled = poll();
    let promised = PROMISED.get();
    if promised.is_none() {
        PROMISED.set(outside);
    }
    (polled, promised)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pending_with(promised: Option<Instant>) -> Poll<()> {
        if let Some(at) = promised {
            promise(at);
        }
        Poll::Pending
    }

    #[test]
    fn a_promise_is_told_to_all_who_are_around() {
        let at = Instant::now();
        let (_, outer) = heed(|| {
            let (polled, inner) = heed(|| pending_with(Some(at)));
            assert_eq!(inner, Some(at));
            polled
        });
        assert_eq!(outer, Some(at));
    }

    #[test]
    fn a_promise_holds_for_one_poll() {
        let at = Instant::now();
        assert_eq!(heed(|| pending_with(Some(at))).1, Some(at));
        assert_eq!(heed(|| pending_with(None)).1, None);
    }

    #[test]
    fn who_is_polled_beside_the_one_that_promised_has_no_part_in_it() {
        let first = Instant::now();
        let second = first + Duration::from_secs(1);
        let (_, outer) = heed(|| {
            assert_eq!(heed(|| pending_with(Some(first))).1, Some(first));
            assert_eq!(heed(|| pending_with(None)).1, None);
            pending_with(None)
        });
        assert_eq!(outer, Some(first), "it still holds for who is around both");
        let (_, outer) = heed(|| {
            let _ = pending_with(Some(second));
            withdraw();
            pending_with(None)
        });
        assert_eq!(outer, None);
    }
}
