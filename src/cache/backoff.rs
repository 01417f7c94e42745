//! How long an address is left alone after a failed connection attempt.

use std::time::Duration;

/// Far longer than anybody wants, and short enough that adding it to the present cannot overflow.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Exponential backoff with full jitter: the n-th failure in a row waits a random time between zero and
/// `base * 2^(n-1)`, at most `max`.
///
/// Full jitter, because what fails is usually one node and those who dial it are many: spreading a fleet's
/// attempts over the whole interval is what keeps a restarting node reachable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    base: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) fn new(base: Duration, max: Duration) -> Self {
        Self {
            base,
            max: max.min(LONGEST),
        }
    }

    /// The delay after `failures` failures in a row.
    pub(super) fn delay(&self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(fastrand::f64())
    }

    fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn doubles_from_base_to_max() {
        let backoff = Backoff::new(50 * MS, 500 * MS);
        let ceilings: Vec<_> = (1..=6).map(|n| backoff.ceiling(n).as_millis()).collect();
        assert_eq!(ceilings, [50, 100, 200, 400, 500, 500]);
    }

    #[test]
    fn jitters_over_the_whole_interval() {
        let backoff = Backoff::new(100 * MS, 100 * MS);
        let delays: Vec<_> = (0..200).map(|_| backoff.delay(1)).collect();
        assert!(delays.iter().all(|delay| *delay < 100 * MS));
        assert!(delays.iter().any(|delay| *delay < 25 * MS));
        assert!(delays.iter().any(|delay| *delay > 75 * MS));
    }

    #[test]
    fn survives_absurd_settings_and_counts() {
        let backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(backoff.delay(u32::MAX) <= LONGEST);
        assert_eq!(Backoff::new(MS, Duration::ZERO).delay(0), Duration::ZERO);
    }
}
