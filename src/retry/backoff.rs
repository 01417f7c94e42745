//! The pause before a retry.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::budget::Budget;
use super::news::News;
use crate::metrics::Counters;

/// How late tokio's timers may be: a pause must not end past the deadline by that.
pub(super) const TIMER_RESOLUTION: Duration = Duration::from_millis(1);

/// Over how long the retries of those are spread who hear at the same time that the cluster has changed: a crowd is not
/// to meet a new primary in one moment, and nobody notices this time beside that of an election.
const SPREAD: Duration = Duration::from_millis(20);

/// The pause before a retry, as a future.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Backoff {
    // Boxed because every request's future has room for this one, and few ever pause.
    pause: Option<Box<Pause>>,
}

#[derive(Debug)]
struct Pause {
    sleep: Pin<Box<Sleep>>,
    patience: Option<Patience>,
    news: Option<News>,
    is_refused: bool,
}

/// What a retry waits for that the budget does not allow yet.
#[derive(Debug)]
pub(super) struct Patience {
    pub(super) budget: Arc<Budget>,
    pub(super) counters: Counters,
    /// How long to wait before the budget is asked again: between half of it and all.
    pub(super) interval: Duration,
    /// Then it is too late: the retry is refused.
    pub(super) until: Instant,
}

impl Backoff {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            pause: (!delay.is_zero()).then(|| Box::new(Pause::new(delay, None))),
        }
    }

    /// Ends the pause early when there is news.
    pub(super) fn unless(mut self, news: Option<News>) -> Self {
        if let Some(pause) = &mut self.pause {
            pause.news = news;
        }
        self
    }

    /// A pause that ends when the budget allows for it.
    pub(super) fn patient(delay: Duration, patience: Patience) -> Self {
        Self {
            pause: Some(Box::new(Pause::new(delay, Some(patience)))),
        }
    }

    /// Whether the pause ended because the budget had not allowed for the retry in time.
    pub(super) fn is_refused(&self) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.is_refused)
    }
}

impl Pause {
    fn new(delay: Duration, patience: Option<Patience>) -> Self {
        Self {
            sleep: Box::pin(sleep(delay)),
            patience,
            news: None,
            is_refused: false,
        }
    }
}

impl Future for Backoff {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Pause {
            sleep,
            patience,
            news,
            is_refused,
        }) = self.pause.as_deref_mut()
        else {
            return Poll::Ready(());
        };
        if let Some(awaited) = news
            && awaited.poll(cx).is_ready()
        {
            *news = None;
            let soon = Instant::now() + SPREAD.mul_f64(fastrand::f64());
            let end = sleep.deadline().min(soon);
            sleep.as_mut().reset(end);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            let now = Instant::now();
            let Some(patience) = patience else {
                return Poll::Ready(());
            };
            if patience.budget.withdraw() {
                patience.counters.retries().increment();
                return Poll::Ready(());
            }
            if now >= patience.until {
                *is_refused = true;
                return Poll::Ready(());
            }
            let pause = patience.interval.mul_f64(0.5 + fastrand::f64() / 2.0);
            let next = now.checked_add(pause).unwrap_or(patience.until);
            sleep
                .as_mut()
                .reset(next.min(patience.until).max(now + TIMER_RESOLUTION));
        }
    }
}

/// How long pauses may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    pub(super) base: Duration,
    pub(super) max: Duration,
}

impl Delays {
    /// A random pause before the retry of this number, counted from 0: anything from nothing to `base * 2^number`,
    /// at most `max`. Full jitter spreads a crowd that failed together as widely as it can be.
    pub(super) fn draw(&self, number: u32) -> Duration {
        let ceiling = 2u32
            .checked_pow(number)
            .and_then(|factor| self.base.checked_mul(factor))
            .map_or(self.max, |ceiling| ceiling.min(self.max));
        ceiling.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_over_a_window_that_doubles_up_to_the_longest() {
        let delays = Delays {
            base: Duration::from_millis(10),
            max: Duration::from_millis(500),
        };
        for (number, ceiling_ms) in [(0, 10), (1, 20), (5, 320), (6, 500), (31, 500), (32, 500)] {
            let ceiling = Duration::from_millis(ceiling_ms);
            let drawn: Vec<_> = (0..200).map(|_| delays.draw(number)).collect();
            assert!(drawn.iter().all(|delay| *delay <= ceiling), "{number}");
            // 200 draws that all miss a tenth at either end: once in 10^9 runs.
            assert!(drawn.iter().any(|delay| *delay < ceiling / 10), "{number}");
            assert!(
                drawn.iter().any(|delay| *delay > ceiling * 9 / 10),
                "{number}"
            );
        }
    }
}
