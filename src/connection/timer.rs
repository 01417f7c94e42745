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
        // Were the task's budget at its end, the waker would not be noted.
        Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx)
    }
}
