//! How often the topology is refreshed.
//!
//! See the [module docs](crate::route#how-often-nodes-are-asked) for the bounds that follow from it.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two refreshes while a primary is in doubt, for up to [`FEW_NODES`] nodes; in proportion for
/// more, of which each answers a longer question to more clients.
const MIN_IN_DOUBT: Duration = Duration::from_millis(100);
const FEW_NODES: u32 = 10;

/// The most time between two refreshes while a primary is in doubt, unless the least is more.
const MAX_IN_DOUBT: Duration = Duration::from_secs(1);

/// In a doubt that has lasted so long, refreshes are this part of it apart: an outage's end is noticed when it has
/// lasted a twentieth longer.
const PART_OF_DOUBT: u32 = 20;

/// How many refreshes there may be in a row without regard to [`Allowance`]'s period.
const BURST: u32 = 60;

/// In a cluster of this many nodes the random part of the pause without doubt is twice the usual one.
const MANY_NODES: u32 = 100;

/// The pause after a refresh in a cluster of `nodes` nodes, where a primary has been in doubt for `doubt`.
pub(super) fn pause(doubt: Option<Duration>, nodes: u32, min_interval: Duration) -> Duration {
    match doubt {
        Some(age) => {
            let pause = (age / PART_OF_DOUBT).clamp(min_in_doubt(nodes), max_in_doubt(nodes));
            jittered(pause.mul_f64(0.75), pause / 2)
        }
        None => {
            let jitter = min_interval.mul_f64(1.0 + f64::from(nodes) / f64::from(MANY_NODES));
            jittered(min_interval, jitter)
        }
    }
}

/// How long to wait without a reason: less after a failure, though longer with each that follows.
pub(super) fn idle_time(interval: Duration, min_interval: Duration, failures: u32) -> Duration {
    let idle = match failures {
        0 => interval,
        _ => min_interval
            .saturating_mul(2u32.saturating_pow(failures))
            .min(interval),
    };
    jittered(idle, idle / 10)
}

/// The time plus a random part.
pub(super) fn jittered(time: Duration, jitter: Duration) -> Duration {
    time.saturating_add(jitter.mul_f64(fastrand::f64()))
}

fn min_in_doubt(nodes: u32) -> Duration {
    MIN_IN_DOUBT.mul_f64(f64::from(nodes.max(FEW_NODES)) / f64::from(FEW_NODES))
}

fn max_in_doubt(nodes: u32) -> Duration {
    MAX_IN_DOUBT.max(min_in_doubt(nodes))
}

/// Bounds the refreshes over a longer time, whatever the reasons: [`BURST`] of them, and one for each period of
/// [`max_in_doubt`]. Doubts that come and go would otherwise each begin at the fastest pace.
pub(super) struct Allowance {
    /// When all that was taken will be made up for.
    even_at: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { even_at: now }
    }

    /// Takes one, and says when it may be used.
    pub(super) fn take(&mut self, now: Instant, nodes: u32) -> Instant {
        let period = max_in_doubt(nodes);
        let burst = period * BURST;
        let at = match self.even_at.checked_sub(burst) {
            Some(at) => at.max(now),
            None => now,
        };
        self.even_at = self.even_at.max(at) + period;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const MINUTE: Duration = Duration::from_secs(60);

    /// How many refreshes there are in a minute, each at its earliest, if the doubt is as old as `age` says.
    fn in_a_minute(nodes: u32, age: impl Fn(Duration) -> Option<Duration>) -> usize {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let mut now = start;
        let mut rounds = 0;
        loop {
            now = allowance.take(now, nodes);
            if now - start >= MINUTE {
                return rounds;
            }
            rounds += 1;
            now += pause(age(now - start), nodes, 500 * MS);
        }
    }

    #[test]
    fn outage_is_followed_at_a_twentieth_of_its_age() {
        for (age, nodes, least, most) in [
            (0, 6, 75, 125),
            (2_000, 6, 75, 125),
            (4_000, 6, 150, 250),
            (60_000, 6, 750, 1250),
            (0, 100, 750, 1250),
            (60_000, 100, 750, 1250),
            (0, 1000, 7500, 12_500),
        ] {
            for _ in 0..100 {
                let pause = pause(Some(age * MS), nodes, 500 * MS).as_millis();
                assert!((least..=most).contains(&pause), "{age} {nodes}: {pause}");
            }
        }
    }

    #[test]
    fn refreshes_in_a_minute_stay_within_the_stated_bounds() {
        fastrand::seed(5);
        for (nodes, constant, flapping, without) in
            [(6, 120, 120, 120), (30, 120, 120, 120), (100, 80, 80, 120)]
        {
            let age = |age: Duration| Some(age);
            assert!(in_a_minute(nodes, age) <= constant, "{nodes} nodes");
            // As if each refresh ended the doubt, and another began.
            let begun = |_| Some(Duration::ZERO);
            assert!(in_a_minute(nodes, begun) <= flapping, "{nodes} nodes");
            assert!(in_a_minute(nodes, |_| None) <= without, "{nodes} nodes");
        }
        assert_eq!(
            in_a_minute(6, |_| Some(Duration::ZERO)),
            120,
            "the allowance"
        );
    }

    #[test]
    fn allowance_is_earned_back() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..BURST {
            assert_eq!(allowance.take(start, 6), start);
        }
        assert_eq!(allowance.take(start, 6), start);
        assert_eq!(allowance.take(start, 6), start + 1000 * MS);
        let later = start + 10_000 * MS;
        for _ in 0..8 {
            assert_eq!(allowance.take(later, 6), later);
        }
    }
}
