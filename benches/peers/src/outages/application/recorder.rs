//! What became of requests, millisecond by millisecond, and without contention: each thread into a record of its own.

use std::cell::OnceCell;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::outages::clock::Moment;

thread_local! {
    static OF_THIS_THREAD: OnceCell<Arc<Mutex<Record>>> = const { OnceCell::new() };
}

/// How long the time is that shares a histogram, in milliseconds.
pub(super) const WINDOW: usize = 100;

/// What became of a request.
pub(super) enum Ended {
    Well,
    /// Answered with something other than what was asked for.
    Wrong(String),
    Failed {
        why: String,
        /// True of a write unless the client says that it was not applied.
        may_be_applied: bool,
    },
}

/// The records of all threads.
pub(super) struct Recorder {
    start: Moment,
    records: Mutex<Vec<Arc<Mutex<Record>>>>,
    /// Of each task, whether it is of the affected side, and when it last had success.
    tasks: Mutex<Vec<(bool, Arc<AtomicUsize>)>>,
}

/// The healthy side and the affected one.
#[derive(Default)]
struct Record([SideRecord; 2]);

/// One side: shards that are spared, or those that are not.
#[derive(Default)]
pub(super) struct SideRecord {
    pub(super) succeeded: Counts,
    pub(super) failed: Counts,
    /// Of those that succeeded, in microseconds, for each [`WINDOW`].
    pub(super) latencies: Vec<Histogram<u32>>,
    pub(super) wrong: u64,
    /// Those that were no writes that may have been applied.
    pub(super) failed_without_effect: Counts,
    pub(super) first_error: Option<String>,
}

/// A count for each millisecond from the start on.
#[derive(Default)]
pub(super) struct Counts(Vec<u32>);

impl Recorder {
    pub(super) fn new(start: Moment) -> Self {
        Self {
            start,
            records: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// A task more. It keeps the millisecond of its last success in what it gets.
    pub(super) fn join(&self, is_affected: bool) -> Arc<AtomicUsize> {
        let last_success = Arc::<AtomicUsize>::default();
        lock(&self.tasks).push((is_affected, last_success.clone()));
        last_success
    }

    /// The millisecond that this is in.
    pub(super) fn millis(&self, moment: Moment) -> usize {
        moment.millis_since(self.start)
    }

    pub(super) fn record(&self, is_affected: bool, start: Moment, end: Moment, ended: Ended) {
        let millis = self.millis(end);
        OF_THIS_THREAD.with(|own| {
            let own = own.get_or_init(|| {
                let new = Arc::new(Mutex::new(Record::default()));
                lock(&self.records).push(new.clone());
                new
            });
            let mut record = lock(own);
            let side = &mut record.0[usize::from(is_affected)];
            match ended {
                Ended::Well => side.success(millis, end.since(start)),
                Ended::Wrong(what) => {
                    side.wrong += 1;
                    side.failure(millis, what);
                }
                Ended::Failed {
                    why,
                    may_be_applied,
                } => {
                    if !may_be_applied {
                        side.failed_without_effect.add(millis, 1);
                    }
                    side.failure(millis, why);
                }
            }
        });
    }

    /// All threads' together.
    pub(super) fn side(&self, is_affected: bool) -> SideRecord {
        let mut total = SideRecord::default();
        for record in lock(&self.records).iter() {
            total.add(&lock(record).0[usize::from(is_affected)]);
        }
        total
    }

    /// The tasks of a side.
    pub(super) fn tasks(&self, is_affected: bool) -> Vec<Arc<AtomicUsize>> {
        let tasks = lock(&self.tasks);
        let of_side = tasks.iter().filter(|task| task.0 == is_affected);
        of_side
            .map(|(_, last_success)| last_success.clone())
            .collect()
    }
}

impl SideRecord {
    fn success(&mut self, millis: usize, seconds: f64) {
        self.succeeded.add(millis, 1);
        let histogram = self.window(millis / WINDOW);
        histogram.saturating_record((seconds * 1e6) as u64);
    }

    fn failure(&mut self, millis: usize, error: String) {
        self.failed.add(millis, 1);
        self.first_error.get_or_insert(error);
    }

    fn window(&mut self, index: usize) -> &mut Histogram<u32> {
        while self.latencies.len() <= index {
            self.latencies.push(histogram());
        }
        &mut self.latencies[index]
    }

    fn add(&mut self, other: &Self) {
        self.succeeded.merge(&other.succeeded);
        self.failed.merge(&other.failed);
        for (index, histogram) in other.latencies.iter().enumerate() {
            *self.window(index) += histogram;
        }
        self.wrong += other.wrong;
        self.failed_without_effect
            .merge(&other.failed_without_effect);
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, millis: usize, count: u32) {
        if self.0.len() <= millis {
            self.0.resize(millis + 1, 0);
        }
        self.0[millis] += count;
    }

    fn merge(&mut self, other: &Self) {
        for (millis, count) in other.0.iter().enumerate() {
            self.add(millis, *count);
        }
    }

    /// How many there are from one millisecond to before another.
    pub(super) fn sum(&self, from: usize, to: usize) -> u64 {
        let counts = self.0.iter().take(to).skip(from);
        counts.map(|count| u64::from(*count)).sum()
    }

    /// The milliseconds with any, in order.
    pub(super) fn times(&self) -> impl DoubleEndedIterator<Item = usize> {
        let counts = self.0.iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(millis, _)| millis)
    }
}

/// For up to a hundred seconds, in microseconds.
pub(super) fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, 100_000_000, 2).expect("the bounds are in order")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
