//! What the tasks of the load share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tower::layer::util::{Identity, Stack};
use tower_redis_cluster::cluster::{AttemptStack, RequestStack};
use tower_redis_cluster::{Cluster, Error};

use crate::faults::{FaultLog, Kind};
use crate::journal::Journal;
use crate::ledger::Ledgers;
use crate::numbers::{Counts, Taken};
use crate::proxy::Through;
use crate::pulse::Pulse;
use crate::request::{About, Outcome};

/// The client under test: the default stack, led to the proxies.
pub(crate) type Client = Cluster<RequestStack<AttemptStack<Identity, Stack<Through, Identity>>>>;

/// Of a timeout without a fault, how much of its time the test must have been free to see a reply.
const FREE: f64 = 0.9;

pub(crate) struct Load {
    pub(crate) client: Client,
    pub(crate) kind: Kind,
    pub(crate) journal: Journal,
    pub(crate) faults: Arc<FaultLog>,
    pub(crate) ledgers: Ledgers,
    pub(crate) counts: Counts,
    pub(crate) taken: Taken,
    pub(crate) tally: Tally,
    pub(crate) pulse: Pulse,
    pub(crate) is_over: AtomicBool,
    /// How late a request may be.
    pub(crate) grace: Duration,
    overdue: Mutex<Vec<Overdue>>,
}

/// A request that came back late, or failed without a fault: to be judged when it is known how late timers were.
struct Overdue {
    key: String,
    what: String,
    /// From when to when it was waited for.
    waited: (Instant, Instant),
    /// How long the test must have been free for it to be the client's fault.
    free: Duration,
}

impl Load {
    pub(crate) fn new(client: Client, kind: Kind, faults: Arc<FaultLog>, grace: Duration) -> Self {
        Self {
            client,
            kind,
            journal: Journal::new(),
            faults,
            ledgers: Ledgers::default(),
            counts: Counts::default(),
            taken: Taken::default(),
            tally: Tally::default(),
            pulse: Pulse::start(),
            is_over: AtomicBool::new(false),
            grace,
            overdue: Mutex::default(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// True if servers lose nothing that they acknowledged.
    pub(crate) fn is_lossless(&self) -> bool {
        self.kind == Kind::Lossless
    }

    /// Some milliseconds, so that the load leaves time to all others.
    pub(crate) async fn rest(&self, rng: &mut Rng) {
        tokio::time::sleep(Duration::from_micros(rng.u64(..12_000))).await;
    }

    /// Notes that a reply is not one to its request.
    pub(crate) fn crossed(&self, key: &str, expected: impl fmt::Display, got: impl fmt::Debug) {
        let what = format!(
            "a reply that belongs to another request: expected {expected}, got {got:.200?}"
        );
        self.journal.violation(key, what);
    }

    pub(crate) fn late(&self, about: About<'_>, deadline: Instant, end: Instant) {
        let by = end - deadline;
        self.note_overdue(Overdue {
            key: about.key.to_owned(),
            what: format!("{} came back {by:?} after its deadline", about.what),
            waited: (deadline, end),
            free: self.grace,
        });
    }

    pub(crate) fn unexcused(&self, about: About<'_>, error: &Error, start: Instant, end: Instant) {
        let what = format!("no fault excuses that {} failed: {error}", about.what);
        if !error.is_timeout() {
            self.journal.violation(about.key, what);
            return;
        }
        self.note_overdue(Overdue {
            key: about.key.to_owned(),
            what,
            waited: (start, end),
            free: (end - start).mul_f64(FREE),
        });
    }

    fn note_overdue(&self, overdue: Overdue) {
        self.overdue.lock().expect("no panic").push(overdue);
    }

    /// Makes violations of what was late, unless the test itself was. Tells how often it was.
    pub(crate) fn judge_overdue(&self) -> usize {
        let mut starved = 0;
        for overdue in self.overdue.lock().expect("no panic").drain(..) {
            let (start, end) = overdue.waited;
            let free = self.pulse.free(start, end);
            if free > overdue.free {
                let what = format!("{}; timers were in time for {free:?}", overdue.what);
                self.journal.violation(&overdue.key, what);
            } else {
                starved += 1;
            }
        }
        starved
    }
}

/// How many requests came to what.
#[derive(Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    left: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    pub(crate) fn count<T>(&self, outcome: &Outcome<T>) {
        match outcome {
            Outcome::Done(_) => _ = self.done.fetch_add(1, Ordering::Relaxed),
            Outcome::Left { .. } => _ = self.left.fetch_add(1, Ordering::Relaxed),
            Outcome::Failed(error) => {
                let code = error.server_error().map(|error| error.code().to_owned());
                let cause = code.unwrap_or_else(|| format!("{:?}", error.kind()));
                let mut failed = self.failed.lock().expect("no panic");
                *failed.entry(cause).or_default() += 1;
            }
        }
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left.load(Ordering::Relaxed);
        let failed = self.failed.lock().expect("no panic");
        write!(f, "{} done, {left} left, failed {failed:?}", self.done())
    }
}
