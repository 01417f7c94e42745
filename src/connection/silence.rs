//! The clock of a connection: for how long nothing has arrived, and what that means.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::config::Config;
use super::timer::Timer;

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
    /// The same for what is more than a byte now and then: what a stall is measured by.
    fruitless_since: Instant,
    /// It was found suspicious, and goes on.
    is_suspect: bool,
    /// It has begun anew once because the timer was late.
    was_late: bool,
    timer: Timer,
    /// The timer is not set for later than what is waited for while something is due.
    is_near: bool,
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
            fruitless_since: now,
            is_suspect: false,
            was_late: false,
            timer: Timer::default(),
            is_near: false,
        }
    }

    /// Notes that something happened: a silence begins anew.
    pub(super) fn restart(&mut self) {
        self.stirred();
        self.progressed();
    }

    /// Notes that a byte came, which need not be one of an answer.
    pub(super) fn stirred(&mut self) {
        self.since = Instant::now();
        self.was_late = false;
    }

    /// Notes that what came was of an answer.
    pub(super) fn progressed(&mut self) {
        self.fruitless_since = self.since;
    }

    /// Notes that it was not as bad as it seemed.
    pub(super) fn trust(&mut self) {
        self.is_suspect = false;
        self.is_near = false;
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

    /// How long no answer has come, nor much of one.
    pub(super) fn fruitless(&self) -> Duration {
        self.fruitless_since.elapsed()
    }

    /// How long it takes to be suspicious.
    pub(super) fn patience(&self) -> Duration {
        self.suspect_after.unwrap_or_default()
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
        // Most of all times there is nothing else to see.
        if self.timer.set_to().is_some() && (self.is_near || !is_due) {
            ready!(self.timer.poll_fired(cx));
        }
        loop {
            let Some((since, time, meaning)) = self.next(is_due) else {
                return Poll::Pending;
            };
            let end = since + time;
            let set_to = match self.timer.set_to() {
                Some(set_to) if set_to <= end || self.is_near || !is_due => set_to,
                _ => {
                    self.timer.set(end);
                    end
                }
            };
            self.is_near |= is_due;
            ready!(self.timer.poll_fired(cx));
            let now = Instant::now();
            if now < end {
                self.timer.set(end);
                self.is_near = is_due;
                continue;
            }
            let late = now.saturating_duration_since(set_to);
            if is_due && late > LATE.max(time / 4) && !self.was_late {
                self.was_late = true;
                // A quarter of its time is left to each.
                let anew = |since: Instant, time: Option<Duration>| {
                    let passed = time.unwrap_or_default().mul_f64(0.75);
                    since.max(now.checked_sub(passed).unwrap_or(now))
                };
                self.since = anew(self.since, self.suspect_after);
                self.fruitless_since = anew(self.fruitless_since, self.stall_timeout);
                continue;
            }
            return Poll::Ready(meaning);
        }
    }

    /// What it means next, how long it takes for that, and since when.
    fn next(&self, is_due: bool) -> Option<(Instant, Duration, Meaning)> {
        if !is_due {
            return (self.ping_interval).map(|time| (self.since, time, Meaning::Idle));
        }
        let suspicious = (self.suspect_after)
            .filter(|_| !self.is_suspect)
            .map(|time| (self.since, time, Meaning::Suspicious));
        let stalled =
            (self.stall_timeout).map(|time| (self.fruitless_since, time, Meaning::Stalled));
        let ends = |(since, time, _): &(Instant, Duration, _)| *since + *time;
        suspicious.into_iter().chain(stalled).min_by_key(ends)
    }
}
