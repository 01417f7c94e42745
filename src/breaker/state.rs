//! The state of one breaker, and how it changes.
//!
//! Nothing here knows of locks, services or clocks: each change is told the time.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// The state of a node's breaker; see [`BreakerLayer::states`](super::BreakerLayer::states).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// Requests are refused.
    #[non_exhaustive]
    Open {
        /// When it opened: the first time, before the probes that have failed.
        since: Instant,
    },
    /// Requests are refused, and one is on its way to see whether the node is back.
    #[non_exhaustive]
    HalfOpen {
        /// When it opened: the first time, before the probes that have failed.
        since: Instant,
    },
}

/// When to open, and how long to pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) failures: u32,
    pub(super) failing_for: Duration,
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
}

#[derive(Debug)]
pub(super) enum State {
    Closed {
        /// In a row.
        failures: u32,
        /// When the first of them was noted.
        since: Option<Instant>,
    },
    Open(Open),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) since: Instant,
    /// How often a pause was begun.
    pauses: u32,
    /// The end of the pause.
    until: Instant,
    probe: Option<Probe>,
}

/// A request under way that was let through.
#[derive(Debug)]
struct Probe {
    ticket: Ticket,
    since: Instant,
}

/// Tells a probe from those before it.
pub(super) type Ticket = NonZeroU32;

impl State {
    /// Counts a failure; true if it opens the breaker, be it again.
    pub(super) fn fail(&mut self, ticket: Option<Ticket>, rules: &Rules, now: Instant) -> bool {
        match self {
            Self::Closed { failures, since } => {
                let since = *since.get_or_insert(now);
                *failures = failures.saturating_add(1);
                let is_enough =
                    *failures >= rules.failures && now.duration_since(since) >= rules.failing_for;
                if is_enough {
                    *self = Self::Open(Open {
                        since: now,
                        pauses: 1,
                        until: now + rules.pause(1),
                        probe: None,
                    });
                }
                is_enough
            }
            Self::Open(open) if open.is_probe(ticket) => {
                open.probe = None;
                open.pauses = open.pauses.saturating_add(1);
                open.until = now + rules.pause(open.pauses);
                true
            }
            // Sent before it opened, or a probe that was given up.
            Self::Open(_) => false,
        }
    }

    /// A probe ended and told nothing: the next may go.
    pub(super) fn release(&mut self, ticket: Ticket) {
        match self {
            Self::Open(open) if open.is_probe(Some(ticket)) => open.probe = None,
            _ => {}
        }
    }

    /// True if nothing need be remembered.
    pub(super) fn is_calm(&self) -> bool {
        matches!(self, Self::Closed { failures: 0, .. })
    }

    pub(super) fn shown(&self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open(open) => match open.probe {
                None => BreakerState::Open { since: open.since },
                Some(_) => BreakerState::HalfOpen { since: open.since },
            },
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Closed {
            failures: 0,
            since: None,
        }
    }
}

impl Open {
    /// True if the next request may be a probe.
    pub(super) fn is_probe_due(&self, is_blocking: bool, rules: &Rules, now: Instant) -> bool {
        let mut due = match &self.probe {
            None => self.until,
            // One without a deadline may take forever.
            Some(probe) => probe.since + rules.longest_pause,
        };
        if is_blocking {
            due += rules.longest_pause;
        }
        due <= now
    }

    /// Lets a probe through.
    pub(super) fn begin_probe(&mut self, ticket: Ticket, now: Instant) {
        self.probe = Some(Probe { ticket, since: now });
    }

    fn is_probe(&self, ticket: Option<Ticket>) -> bool {
        let probe = self.probe.as_ref().map(|probe| probe.ticket);
        probe.is_some() && probe == ticket
    }
}

impl Rules {
    /// Between half of the pause and all of it: clients that lost a node together do not come back together.
    fn pause(&self, pauses: u32) -> Duration {
        let doublings = pauses.saturating_sub(1).min(31);
        let ceiling = self.first_pause.saturating_mul(1 << doublings);
        let ceiling = ceiling.min(self.longest_pause);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pauses_double_up_to_the_longest_with_jitter() {
        let rules = Rules {
            failures: 1,
            failing_for: Duration::ZERO,
            first_pause: 100 * MS,
            longest_pause: 500 * MS,
        };
        for (pauses, ceiling) in [(1, 100), (2, 200), (3, 400), (4, 500), (u32::MAX, 500)] {
            let pauses: Vec<_> = (0..200).map(|_| rules.pause(pauses)).collect();
            let all = ceiling * MS / 2..=ceiling * MS;
            assert!(pauses.iter().all(|pause| all.contains(pause)));
            assert!(pauses.iter().any(|pause| *pause < ceiling * MS * 6 / 10));
            assert!(pauses.iter().any(|pause| *pause > ceiling * MS * 9 / 10));
        }
    }
}
