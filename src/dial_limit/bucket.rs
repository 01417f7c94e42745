//! A token bucket.

use std::time::Duration;

use tokio::time::Instant;

/// How fast tokens come, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Between two tokens.
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// So many per second, of which so many are kept; both at least 1. More than a billion per second are no limit.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
        }
    }
}

/// The tokens there are, told by when there will be as many as are kept: nothing has to be added as time passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// When the next token can be taken: now, or later.
    pub(super) fn next(&self, rate: Rate, now: Instant) -> Instant {
        let full_at = self.full_at.max(now) + rate.interval;
        let next = full_at.checked_sub(rate.interval * rate.burst);
        next.map_or(now, |next| next.max(now))
    }

    pub(super) fn take(&mut self, rate: Rate, now: Instant) {
        self.full_at = self.full_at.max(now) + rate.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Takes tokens while there are any.
    fn drain(bucket: &mut Bucket, rate: Rate, now: Instant) -> usize {
        std::iter::from_fn(|| (bucket.next(rate, now) <= now).then(|| bucket.take(rate, now)))
            .take(100)
            .count()
    }

    #[test]
    fn a_burst_is_at_hand_and_then_tokens_come_at_the_rate() {
        let rate = Rate::new(10, 3);
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(drain(&mut bucket, rate, start), 3);
        assert_eq!(bucket.next(rate, start), start + 100 * MS);
        assert_eq!(drain(&mut bucket, rate, start + 99 * MS), 0);
        assert_eq!(drain(&mut bucket, rate, start + 250 * MS), 2);
        assert_eq!(bucket.next(rate, start + 250 * MS), start + 300 * MS);
    }

    #[test]
    fn no_more_than_a_burst_is_kept() {
        let rate = Rate::new(10, 3);
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(drain(&mut bucket, rate, start + 3_600_000 * MS), 3);
        assert!(!bucket.is_full(start + 3_600_299 * MS));
        assert!(bucket.is_full(start + 3_600_300 * MS));
    }

    #[test]
    fn survives_absurd_settings() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!(drain(&mut bucket, Rate::new(0, 0), start), 1);
        let mut bucket = Bucket::full(start);
        assert_eq!(drain(&mut bucket, Rate::new(u32::MAX, 1), start), 100);
        assert_eq!(drain(&mut bucket, Rate::new(1, u32::MAX), start), 100);
    }
}
