//! Commands that wait for a node, to be woken when it may be another node's turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;

/// Who waits. Only what is not sent does, so there are no more of them than requests in flight.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// In the order they came, which is the order they are woken in.
    wakers: Mutex<Wakers>,
}

#[derive(Debug, Default)]
struct Wakers {
    next: u64,
    by_number: BTreeMap<u64, Waker>,
}

impl Waiters {
    /// Wakes all.
    pub(super) fn wake(&self) {
        // Woken without the lock: what is polled at once may come here again.
        let wakers: Vec<_> = self.wakers.lock().by_number.values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.wakers.lock().by_number.len()
    }
}

/// One command's place among the waiting. Dropped, it is given up.
#[derive(Debug)]
pub(super) struct Waiting {
    waiters: Arc<Waiters>,
    number: u64,
}

impl Waiting {
    /// Waits from now on, with the task that polls.
    pub(super) fn new(waiters: &Arc<Waiters>, cx: &Context<'_>) -> Self {
        let mut wakers = waiters.wakers.lock();
        let number = wakers.next;
        wakers.next += 1;
        wakers.by_number.insert(number, cx.waker().clone());
        drop(wakers);
        Self {
            waiters: Arc::clone(waiters),
            number,
        }
    }

    /// Has the task woken that polls now.
    pub(super) fn renew(&self, cx: &Context<'_>) {
        let mut wakers = self.waiters.wakers.lock();
        let old = match wakers.by_number.get_mut(&self.number) {
            Some(waker) if !waker.will_wake(cx.waker()) => {
                Some(std::mem::replace(waker, cx.waker().clone()))
            }
            _ => None,
        };
        // A waker is dropped without the lock: it may be the last thing that holds its task.
        drop(wakers);
        drop(old);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waker = self.waiters.wakers.lock().by_number.remove(&self.number);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::task::spawn;

    use super::*;

    #[test]
    fn the_task_that_polled_last_is_woken_until_it_gives_up() {
        let waiters = Arc::new(Waiters::default());
        let [mut first, mut last] = [(); 2].map(|()| spawn(()));
        let waiting = first.enter(|cx, _| Waiting::new(&waiters, cx));
        last.enter(|cx, _| waiting.renew(cx));
        waiters.wake();
        assert_eq!([first.is_woken(), last.is_woken()], [false, true]);

        last.enter(|cx, _| waiting.renew(cx));
        drop(waiting);
        waiters.wake();
        assert_eq!((waiters.len(), last.is_woken()), (0, false));
    }
}
