//! Counts without contention: each thread into a recorder of its own.

use std::cell::OnceCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

thread_local! {
    static OF_THIS_THREAD: OnceCell<Arc<Mutex<Results>>> = const { OnceCell::new() };
}

/// What requests came to.
pub(super) struct Results {
    /// Of those that succeeded, in nanoseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
}

impl Results {
    fn new() -> Self {
        let latencies = Histogram::new_with_bounds(100, 100_000_000_000, 2);
        Self {
            latencies: latencies.expect("the bounds are in order"),
            errors: 0,
            first_error: None,
        }
    }
}

/// The results of all threads.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Arc<Mutex<Results>>>>);

impl Recorder {
    pub(super) fn success(&self, latency: Duration) {
        let nanos = latency.as_nanos().try_into().unwrap_or(u64::MAX);
        self.with(|results| results.latencies.saturating_record(nanos));
    }

    pub(super) fn error(&self, error: impl FnOnce() -> String) {
        self.with(|results| {
            results.errors += 1;
            results.first_error.get_or_insert_with(error);
        });
    }

    pub(super) fn total(&self) -> Results {
        let mut total = Results::new();
        for each in lock(&self.0).iter() {
            let each = lock(each);
            total.latencies += &each.latencies;
            total.errors += each.errors;
            if total.first_error.is_none() {
                total.first_error.clone_from(&each.first_error);
            }
        }
        total
    }

    fn with(&self, record: impl FnOnce(&mut Results)) {
        OF_THIS_THREAD.with(|own| {
            let own = own.get_or_init(|| {
                let new = Arc::new(Mutex::new(Results::new()));
                lock(&self.0).push(new.clone());
                new
            });
            record(&mut lock(own));
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
