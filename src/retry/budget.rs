//! The retry budget: retries are at most a share of the requests of the last seconds.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a request is remembered, in seconds: what the budget holds halves in 7.
const MEMORY: f64 = 10.0;

/// One request in this many is counted, for all of them: a shared counter touched by each would cost more than
/// the rest of the policy. A client with too few requests for this to come out right lives on the reserve.
const SAMPLING: u64 = 64;

/// A token bucket without a fixed size: it holds `ratio` tokens for each request and `reserve` for each second,
/// and loses them with age. A retry takes one.
///
/// A fixed size would be too small for a busy client and too large for an idle one. Ageing is worked out when a
/// token is asked for, which is rare, so that counting a request needs no clock.
#[derive(Debug)]
pub(super) struct Budget {
    ratio: f64,
    reserve: f64,
    /// Requests ever counted.
    requests: AtomicU64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    /// As of then, and of that many requests.
    updated: Instant,
    requests: u64,
}

impl Budget {
    pub(super) fn new(ratio: f64, reserve: f64) -> Self {
        Self {
            ratio,
            reserve,
            requests: AtomicU64::new(0),
            bucket: Mutex::new(Bucket {
                tokens: reserve * MEMORY,
                updated: Instant::now(),
                requests: 0,
            }),
        }
    }

    /// Counts a request.
    #[inline]
    pub(super) fn deposit(&self) {
        if is_sampled() {
            self.requests.fetch_add(SAMPLING, Ordering::Relaxed);
        }
    }

    /// Takes a token for a retry; false if there is none.
    pub(super) fn withdraw(&self) -> bool {
        let mut bucket = self.bucket.lock();
        let now = Instant::now();
        let requests = self.requests.load(Ordering::Relaxed);
        let income = (requests - bucket.requests) as f64 * self.ratio;
        bucket.age(now, income, self.reserve);
        bucket.requests = requests;
        let is_granted = bucket.tokens >= 1.0;
        if is_granted {
            bucket.tokens -= 1.0;
        }
        is_granted
    }

    /// Gives a token back.
    pub(super) fn refund(&self) {
        self.bucket.lock().tokens += 1.0;
    }
}

/// True for one call in [`SAMPLING`], scattered so that of clients that take turns none is left out. It is cheap rather than
/// good: a linear congruential generator, of which the high bits are used.
#[inline]
fn is_sampled() -> bool {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }

    STATE.with(|state| {
        // Each thread begins elsewhere: those of few requests would all be left out.
        let last = match state.get() {
            0 => fastrand::u64(..),
            last => last,
        };
        // Knuth's MMIX.
        let product = last.wrapping_mul(6_364_136_223_846_793_005);
        state.set(product.wrapping_add(1_442_695_040_888_963_407));
        state.get() < u64::MAX / SAMPLING
    })
}

impl Bucket {
    /// Brings the tokens up to date: what was there decays, and what came in since came in evenly and has
    /// decayed by half as it were.
    fn age(&mut self, now: Instant, income: f64, reserve: f64) {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        let ages = elapsed / MEMORY;
        // The mean of e^-t over the time passed; its limit at 0 is 1.
        let kept = if ages > 1e-9 {
            -(-ages).exp_m1() / ages
        } else {
            1.0
        };
        self.tokens = self.tokens * (-ages).exp() + (income + reserve * elapsed) * kept;
        self.updated = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn withdrawals(budget: &Budget) -> usize {
        std::iter::repeat_with(|| budget.withdraw())
            .take_while(|is_granted| *is_granted)
            .take(1_000_000)
            .count()
    }

    /// As if `count` requests had been deposited, without the sampling's chance.
    fn deposit(budget: &Budget, count: u64) {
        budget.requests.fetch_add(count, Ordering::Relaxed);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_share_of_the_requests() {
        let budget = Budget::new(0.2, 0.0);
        assert_eq!(withdrawals(&budget), 0);
        deposit(&budget, 1000);
        assert_eq!(withdrawals(&budget), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_load_may_retry_its_share_and_no_more() {
        let budget = Budget::new(0.2, 0.0);
        let mut granted = 0;
        for _ in 0..600 {
            deposit(&budget, 100);
            advance(Duration::from_millis(100)).await;
            granted += withdrawals(&budget);
        }
        assert!((11_900..=12_000).contains(&granted), "{granted}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_client_lives_on_the_reserve() {
        let budget = Budget::new(0.2, 10.0);
        assert_eq!(withdrawals(&budget), 100);
        advance(Duration::from_secs(1)).await;
        assert_eq!(withdrawals(&budget), 9);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(withdrawals(&budget), 100, "it does not pile up");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_long_ago_count_for_nothing() {
        let budget = Budget::new(0.2, 0.0);
        deposit(&budget, 100_000);
        assert!(budget.withdraw());
        advance(Duration::from_secs(200)).await;
        assert_eq!(withdrawals(&budget), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_client_has_the_share_of_ten_seconds_however_long_no_token_was_asked_for() {
        let budget = Budget::new(0.2, 0.0);
        deposit(&budget, 1000 * 3600);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(withdrawals(&budget), 2000);
    }

    #[test]
    fn sampling_counts_about_all() {
        let budget = Budget::new(0.2, 0.0);
        for _ in 0..64_000 {
            budget.deposit();
        }
        let counted = budget.requests.load(Ordering::Relaxed);
        assert!((48_000..80_000).contains(&counted), "{counted}");
    }

    #[test]
    fn threads_of_few_requests_are_counted_too() {
        let budget = Budget::new(0.2, 0.0);
        std::thread::scope(|scope| {
            for _ in 0..256 {
                let deposit = || (0..50).for_each(|_| budget.deposit());
                scope.spawn(deposit).join().expect("no panic");
            }
        });
        // 12,800 on the average; more than nine standard deviations.
        let counted = budget.requests.load(Ordering::Relaxed);
        assert!((4_000..22_000).contains(&counted), "{counted}");
    }

    #[test]
    fn of_clients_that_take_turns_none_is_left_out() {
        let budgets = [(); 4].map(|()| Budget::new(0.2, 0.0));
        for _ in 0..64_000 {
            budgets.iter().for_each(Budget::deposit);
        }
        for budget in &budgets {
            let counted = budget.requests.load(Ordering::Relaxed);
            assert!((48_000..80_000).contains(&counted), "{counted}");
        }
    }
}
