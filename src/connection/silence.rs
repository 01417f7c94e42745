//! The clock of a connection: for how long nothing has arrived, and what that means.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::config::Config;

/// A timer that fires later than this, or than a quarter of its time, says more about this process than about the peer.
const LATE: Duration = Duration::from_millis(50);

/// Tells when nothing was noted for too long.
///
/// Noting costs a look at the clock. The timer itself is set at most once per time that it waits for, however much
/// happens.
///
/// A timer that fires late was set in a process that did not get to run. What was to be heard in that time may not
/// have been asked for yet, so that the silence begins anew: once, and with a quarter of its time left.
pub(super) struct Silence {
    suspect_after: Option<Duration>,
    stall_timeout: Option<Duration>,
    ping_interval: Option<Duration>,
    since: Instant,
    /// It was found suspicious, and goes on.
    is_suspect: bool,
    /// It has begun anew once because the timer was late.
    was_late: bool,
    /// `None` until something is waited for for the first time.
    sleep: Option<Pin<Box<Sleep>>>,
    /// What the timer was set for: where that is not what is waited for, it may be set too late.
    set_for: Meaning,
}

/// What a silence means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// Nothing was asked.
    Idle,
    /// Something is due, and should have come.
    Suspicious,
    /// Something is due, and will not come.
    Stalled,
}

impl Silence {
    pub(super) fn new(config: &Config) -> Self {
        let now = Instant::now();
        // One too long to be added is none, and one of zero would elapse again each time it is restarted.
        let measurable = |time: Option<Duration>| {
            time.map(|time| time.max(Duration::from_millis(1)))
                .filter(|time| now.checked_add(*time).is_some())
        };
        let stall_timeout = measurable(config.stall_timeout);
        let suspect_after = measurable(config.suspect_after);
        Self {
            suspect_after: suspect_after
                .filter(|time| stall_timeout.is_none_or(|timeout| *time < timeout)),
            stall_timeout,
            ping_interval: measurable(config.ping_interval),
            since: now,
            is_suspect: false,
            was_late: false,
            sleep: None,
            set_for: Meaning::Idle,
        }
    }

    /// Notes that something happened: a silence begins anew.
    pub(super) fn restart(&mut self) {
        self.since = Instant::now();
        self.is_suspect = false;
        self.was_late = false;
    }

    /// Notes that what is due is overdue: from now on only a stall is waited for.
    pub(super) fn suspect(&mut self) {
        self.is_suspect = true;
    }

    /// No longer cares for silence while nothing is due.
    pub(super) fn bear_idleness(&mut self) {
        self.ping_interval = None;
    }

    /// How long it has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// True if it has lasted twice as long as it takes to be suspicious.
    pub(super) fn is_twice_suspicious(&self) -> bool {
        let suspect_after = self.suspect_after.unwrap_or_default();
        self.elapsed() >= suspect_after.saturating_mul(2)
    }

    /// True if this much time is more than it takes to mean something while replies are due.
    pub(super) fn is_shorter_than(&self, time: Duration) -> bool {
        self.suspect_after
            .or(self.stall_timeout)
            .is_some_and(|first| first < time)
    }

    /// Ready once the silence means something: to be asked again after it was said what follows from that.
    pub(super) fn poll_meaning(&mut self, cx: &mut Context<'_>, is_due: bool) -> Poll<Meaning> {
        let Some((time, meaning)) = self.next(is_due) else {
            return Poll::Pending;
        };
        loop {
            let Some(sleep) = &mut self.sleep else {
                let sleep = tokio::time::sleep_until(self.since + time);
                self.sleep = Some(Box::pin(sleep));
                self.set_for = meaning;
                continue;
            };
            if is_due && self.set_for != meaning {
                if sleep.deadline() > self.since + time {
                    sleep.as_mut().reset(self.since + time);
                }
                self.set_for = meaning;
            }
            ready!(sleep.as_mut().poll(cx));
            let now = Instant::now();
            if now < self.since + time {
                sleep.as_mut().reset(self.since + time);
                self.set_for = meaning;
                continue;
            }
            let late = now.saturating_duration_since(sleep.deadline());
            if is_due && late > LATE.max(time / 4) && !self.was_late {
                self.was_late = true;
                self.since = now.checked_sub(time - time / 4).unwrap_or(now);
                continue;
            }
            return Poll::Ready(meaning);
        }
    }

    /// After how long it means something, and what.
    fn next(&self, is_due: bool) -> Option<(Duration, Meaning)> {
        match self.suspect_after {
            _ if !is_due => self.ping_interval.map(|time| (time, Meaning::Idle)),
            Some(time) if !self.is_suspect => Some((time, Meaning::Suspicious)),
            _ => self.stall_timeout.map(|time| (time, Meaning::Stalled)),
        }
    }
}
