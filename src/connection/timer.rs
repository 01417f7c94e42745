//! A timer that is asked at each poll of a task and set now and then.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// Polling tokio's [`Sleep`] notes the task's waker in it each time. Here it is noted once: to ask a timer that has not
/// fired is a comparison.
#[derive(Default)]
pub(super) struct Timer {
    // `None` until it is set for the first time.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes as it is set.
    wakes: Option<Waker>,
}

impl Timer {
    /// Sets it to fire at `at`, whatever it was set to.
    pub(super) fn set(&mut self, at: Instant) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
        self.wakes = None;
    }

    /// Sets it to fire at `at` unless it fires before that anyway.
    pub(super) fn advance(&mut self, at: Instant) {
        if self.set_to().is_none_or(|set_to| set_to > at) {
            self.set(at);
        }
    }

    /// When it fires, or has fired.
    pub(super) fn set_to(&self) -> Option<Instant> {
        self.sleep.as_ref().map(|sleep| sleep.deadline())
    }

    /// Ready from when it fires until it is set again. One that was never set does not fire.
    pub(super) fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        let is_noted = (self.wakes.as_ref()).is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_noted && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.wakes = Some(cx.waker().clone());
        // With the task's budget used up, the waker would not be registered.
        Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn timer() -> task::Spawn<Timer> {
        task::spawn(Timer::default())
    }

    fn poll(timer: &mut task::Spawn<Timer>) -> Poll<()> {
        timer.enter(|cx, mut timer| timer.poll_fired(cx))
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_the_task_once_it_has_fired_and_until_it_is_set_again() {
        let mut timer = timer();
        assert_pending!(poll(&mut timer));
        timer.set(Instant::now() + 10 * MS);
        assert_pending!(poll(&mut timer));
        tokio::time::sleep(20 * MS).await;
        assert!(timer.is_woken());
        assert_ready!(poll(&mut timer));
        assert_ready!(poll(&mut timer));
        timer.set(Instant::now() + 10 * MS);
        assert_pending!(poll(&mut timer));
        tokio::time::sleep(20 * MS).await;
        assert!(timer.is_woken(), "the second time as well");
    }

    #[tokio::test(start_paused = true)]
    async fn to_advance_it_never_makes_it_fire_later() {
        let start = Instant::now();
        let mut timer = Timer::default();
        for (to, set_to) in [(30, 30), (40, 30), (20, 20), (20, 20)] {
            timer.advance(start + to * MS);
            assert_eq!(timer.set_to(), Some(start + set_to * MS));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_the_task_that_polled_last() {
        let mut timer = Timer::default();
        timer.set(Instant::now() + 10 * MS);
        let [mut first, mut last] = [(); 2].map(task::spawn);
        for task in [&mut first, &mut last] {
            assert_pending!(task.enter(|cx, _| timer.poll_fired(cx)));
        }
        tokio::time::sleep(20 * MS).await;
        assert_eq!([first.is_woken(), last.is_woken()], [false, true]);
    }
}
