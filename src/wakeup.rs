//! Who wakes a request when its deadline passes.
//!
//! A timer for each request costs as much as several layers, and nearly none ever fires. A connection looks at the
//! deadlines of its commands all the same, many with one timer. So whoever has arranged for the task to be woken says
//! so here while it is polled, and a [`Timeout`](crate::timeout::Timeout) around it that finds its own deadline seen
//! to sets no timer.
//!
//! What is said holds for one poll of one task. Whatever else makes a request wait says nothing, so that in doubt there is
//! a timer.

use std::cell::Cell;
use std::task::{Context, Poll, RawWakerVTable, Waker};

use tokio::time::Instant;

thread_local! {
    static ARRANGED: Cell<Option<Arranged>> = const { Cell::new(None) };
}

/// Who will be woken, and when at the latest.
#[derive(Clone, Copy)]
struct Arranged {
    at: Instant,
    waker: (*const (), &'static RawWakerVTable),
}

/// Whoever is polled with `cx` will be woken at `at`, or soon after.
#[inline]
pub(crate) fn arrange(at: Instant, cx: &Context<'_>) {
    let waker = identity(cx.waker());
    ARRANGED.set(Some(Arranged { at, waker }));
}

/// What was arranged does not hold any more: the future that did is ready, or has ended.
#[inline]
pub(crate) fn withdraw() {
    ARRANGED.set(None);
}

/// Polls something with `cx`, and says when that will be polled again at the latest, if it was arranged.
#[inline]
pub(crate) fn heed<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> (Poll<T>, Option<Instant>) {
    let outside = ARRANGED.take();
    let polled = poll(cx);
    let arranged = match ARRANGED.get() {
        // One that is ready has arranged nothing, and may have ended what did.
        _ if polled.is_ready() => {
            ARRANGED.set(None);
            None
        }
        None => {
            ARRANGED.set(outside);
            None
        }
        arranged => arranged,
    };
    // Whom else it wakes, such as a task that the future was moved to, is not known here.
    let arranged = arranged.filter(|arranged| is_of(cx.waker(), arranged.waker));
    (polled, arranged.map(|arranged| arranged.at))
}

fn identity(waker: &Waker) -> (*const (), &'static RawWakerVTable) {
    (waker.data(), waker.vtable())
}

fn is_of(waker: &Waker, (data, vtable): (*const (), &'static RawWakerVTable)) -> bool {
    waker.data() == data && std::ptr::eq(waker.vtable(), vtable)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pending(arranged: Option<Instant>, cx: &Context<'_>) -> Poll<()> {
        if let Some(at) = arranged {
            arrange(at, cx);
        }
        Poll::Pending
    }

    fn with_cx<T>(f: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut task = tokio_test::task::spawn(());
        task.enter(|cx, _| f(cx))
    }

    #[test]
    fn an_arrangement_is_told_to_all_who_are_around() {
        let at = Instant::now();
        with_cx(|cx| {
            let (_, outer) = heed(cx, |cx| {
                let (polled, inner) = heed(cx, |cx| pending(Some(at), cx));
                assert_eq!(inner, Some(at));
                polled
            });
            assert_eq!(outer, Some(at));
        });
    }

    #[test]
    fn an_arrangement_holds_for_one_poll() {
        let at = Instant::now();
        with_cx(|cx| {
            assert_eq!(heed(cx, |cx| pending(Some(at), cx)).1, Some(at));
            assert_eq!(heed(cx, |cx| pending(None, cx)).1, None);
        });
    }

    #[test]
    fn an_arrangement_for_another_waker_does_not_count() {
        let at = Instant::now();
        with_cx(|cx| {
            let (_, arranged) = heed(cx, |_| {
                pending(Some(at), &Context::from_waker(Waker::noop()))
            });
            assert_eq!(arranged, None);
        });
    }

    #[test]
    fn one_that_is_ready_leaves_no_arrangement() {
        let at = Instant::now();
        with_cx(|cx| {
            let (_, arranged) = heed(cx, |cx| {
                let (polled, arranged) = heed(cx, |cx| {
                    arrange(at, cx);
                    Poll::Ready(())
                });
                assert!(polled.is_ready());
                assert_eq!(arranged, None);
                Poll::<()>::Pending
            });
            assert_eq!(arranged, None);
        });
    }

    #[test]
    fn who_is_polled_beside_the_one_that_arranged_has_no_part_in_it() {
        let first = Instant::now();
        let second = first + Duration::from_secs(1);
        with_cx(|cx| {
            let (_, outer) = heed(cx, |cx| {
                let beside = heed(cx, |cx| pending(Some(first), cx)).1;
                assert_eq!(beside, Some(first));
                assert_eq!(heed(cx, |cx| pending(None, cx)).1, None);
                pending(None, cx)
            });
            assert_eq!(outer, Some(first), "it still holds for who is around both");
            let (_, outer) = heed(cx, |cx| {
                let _ = pending(Some(second), cx);
                withdraw();
                pending(None, cx)
            });
            assert_eq!(outer, None);
        });
    }

    #[test]
    fn what_one_task_was_told_the_next_does_not_hear() {
        let at = Instant::now();
        with_cx(|cx| assert!(pending(Some(at), cx).is_pending()));
        with_cx(|cx| assert_eq!(heed(cx, |cx| pending(None, cx)).1, None));
        with_cx(|cx| {
            let (_, outer) = heed(cx, |cx| {
                assert_eq!(heed(cx, |cx| pending(None, cx)).1, None);
                pending(None, cx)
            });
            assert_eq!(outer, None);
        });
    }
}
