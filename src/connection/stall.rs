//! The timer that notices a connection on which nothing arrives any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Elapses when nothing was noted for its timeout while something was due.
///
/// Noting costs a look at the clock. The timer itself is set at most once per timeout, however much happens.
pub(super) struct StallTimer {
    timeout: Option<Duration>,
    quiet_since: Instant,
    /// `None` until something is due for the first time, and after it elapsed while nothing was.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl StallTimer {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        let now = Instant::now();
        // One too long to be added is none, and one of zero would elapse again each time it is restarted.
        let timeout = timeout
            .map(|timeout| timeout.max(Duration::from_millis(1)))
            .filter(|timeout| now.checked_add(*timeout).is_some());
        Self {
            timeout,
            quiet_since: now,
            sleep: None,
        }
    }

    /// Notes that something happened: the timeout begins anew.
    pub(super) fn restart(&mut self) {
        if self.timeout.is_some() {
            self.quiet_since = Instant::now();
        }
    }

    /// True if this much time is more than it takes to elapse.
    pub(super) fn is_shorter_than(&self, time: Duration) -> bool {
        self.timeout.is_some_and(|timeout| timeout < time)
    }

    /// Ready with the time it was quiet for.
    pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>, is_due: bool) -> Poll<Duration> {
        let Some(timeout) = self.timeout else {
            return Poll::Pending;
        };
        loop {
            let Some(sleep) = &mut self.sleep else {
                if !is_due {
                    return Poll::Pending;
                }
                let sleep = tokio::time::sleep_until(self.quiet_since + timeout);
                self.sleep = Some(Box::pin(sleep));
                continue;
            };
            ready!(sleep.as_mut().poll(cx));
            if !is_due {
                self.sleep = None;
                return Poll::Pending;
            }
            let quiet = self.quiet_since.elapsed();
            if quiet >= timeout {
                return Poll::Ready(quiet);
            }
            sleep.as_mut().reset(self.quiet_since + timeout);
        }
    }
}
