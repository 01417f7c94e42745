//! Which faults were in force when, and what errors they excuse.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tower_redis_cluster::{Error, ErrorKind};

/// How long after its end a fault still excuses errors: until connections, topology and the retries' pauses are over it.
const AFTERMATH: Duration = Duration::from_secs(3);

/// What errors a fault excuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allows {
    /// No reply in time.
    pub(crate) late: bool,
    /// Connections lost or not made.
    pub(crate) lost: bool,
    /// Servers that do not serve the slot, or not yet.
    pub(crate) unready: bool,
}

impl Allows {
    pub(crate) const NOTHING: Self = Self::new(false, false, false);
    pub(crate) const LATE: Self = Self::new(true, false, false);
    pub(crate) const LOST: Self = Self::new(true, true, false);
    pub(crate) const ALL: Self = Self::new(true, true, true);

    const fn new(late: bool, lost: bool, unready: bool) -> Self {
        Self {
            late,
            lost,
            unready,
        }
    }

    fn allows(self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Timeout => self.late,
            ErrorKind::Connect | ErrorKind::Connection => self.lost,
            ErrorKind::Unavailable => self.late || self.lost,
            ErrorKind::TooManyRedirects | ErrorKind::Topology => self.unready,
            ErrorKind::Server => self.unready && is_unready(error),
            _ => false,
        }
    }
}

/// True for what passes by itself, so that who has no time for another attempt may be told of it.
pub(crate) fn is_passing(error: &Error) -> bool {
    error.is_timeout() || error.is_server() && is_unready(error)
}

/// True if `WAIT` was sent to a primary of before.
pub(crate) fn is_wait_on_replica(error: &Error) -> bool {
    let said = error.server_error().map(|error| error.message());
    said.is_some_and(|said| said.starts_with(b"WAIT cannot be used with replica"))
}

/// True for what a server says that does not serve the slot, or not yet.
fn is_unready(error: &Error) -> bool {
    let code = error.server_error().map(|error| error.code().to_owned());
    matches!(
        code.as_deref(),
        Some(
            "MOVED"
                | "ASK"
                | "TRYAGAIN"
                | "CLUSTERDOWN"
                | "MASTERDOWN"
                | "LOADING"
                | "READONLY"
                | "UNBLOCKED"
        )
    )
}

/// The faults of a round.
#[derive(Default)]
pub(crate) struct FaultLog {
    entries: Mutex<Vec<Entry>>,
    is_surprised: AtomicBool,
}

struct Entry {
    what: String,
    allows: Allows,
    start: Instant,
    end: Option<Instant>,
}

/// A fault in force; over when this is dropped.
pub(crate) struct InForce<'a> {
    log: &'a FaultLog,
    index: usize,
}

impl FaultLog {
    pub(crate) fn begin(&self, what: impl fmt::Display, allows: Allows) -> InForce<'_> {
        let mut entries = self.entries.lock().expect("no panic");
        entries.push(Entry {
            what: what.to_string(),
            allows,
            start: Instant::now(),
            end: None,
        });
        InForce {
            log: self,
            index: entries.len() - 1,
        }
    }

    /// Notes what the servers did that nobody planned.
    pub(crate) fn surprise(&self, what: impl fmt::Display) {
        self.is_surprised.store(true, Ordering::Relaxed);
        drop(self.begin(what, Allows::ALL));
    }

    pub(crate) fn is_surprised(&self) -> bool {
        self.is_surprised.load(Ordering::Relaxed)
    }

    /// True if a fault that was in force in this time, or shortly before, excuses the error.
    pub(crate) fn excuses(&self, error: &Error, start: Instant, end: Instant) -> bool {
        let entries = self.entries.lock().expect("no panic");
        let mut in_force = entries.iter().filter(|entry| {
            let over = entry.end.map(|end| end + AFTERMATH);
            entry.start <= end && over.is_none_or(|over| over >= start)
        });
        in_force.any(|entry| entry.allows.allows(error))
    }

    pub(crate) fn count(&self) -> usize {
        self.entries.lock().expect("no panic").len()
    }

    /// A line for each fault, with its times since `zero`.
    pub(crate) fn lines(&self, zero: Instant) -> Vec<String> {
        let entries = self.entries.lock().expect("no panic");
        let seconds = |at: Instant| at.saturating_duration_since(zero).as_secs_f64();
        let line = |entry: &Entry| {
            let end = entry
                .end
                .map_or("...".to_owned(), |end| format!("{:.3}", seconds(end)));
            format!("{:.3} to {end} s: {}", seconds(entry.start), entry.what)
        };
        entries.iter().map(line).collect()
    }
}

impl Drop for InForce<'_> {
    fn drop(&mut self) {
        // Also when a fault could not be brought about, which fails the test by itself.
        if let Ok(mut entries) = self.log.entries.lock() {
            entries[self.index].end = Some(Instant::now());
        }
    }
}
