//! What the clones of a service know in common: since when it has not been ready.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};
use crate::metrics::Counters;

/// Since when a service has not been ready, and whether its requests fail for that.
///
/// ```text
///          found not ready           the time is over
///   READY ────────────────> since ──────────────────> since | FAILING
///     ^                       │                              │
///     └────── found ready ────┴──────────────────────────────┘
/// ```
///
/// Whoever finds the service ready, as nearly all do, looks at one word and writes nothing.
pub(super) struct Readiness {
    after: Duration,
    node: Option<NodeAddr>,
    counters: Counters,
    epoch: Instant,
    /// `READY`, or the time since the epoch in microseconds and one, shifted to leave a bit for `FAILING`. Relaxed: it
    /// stands for nothing else, and being a little late with it makes the time a little longer.
    word: AtomicU64,
    /// Set while `FAILING` is. Both change together, under this lock.
    failing: Mutex<Option<Failing>>,
}

const READY: u64 = 0;
const FAILING: u64 = 1;

impl Readiness {
    pub(super) fn new(after: Duration, node: Option<NodeAddr>, counters: Counters) -> Self {
        Self {
            after,
            node,
            counters,
            epoch: Instant::now(),
            word: AtomicU64::new(READY),
            failing: Mutex::new(None),
        }
    }

    /// Notes that the service was found ready.
    #[inline]
    pub(super) fn note_ready(&self) {
        let word = self.word.load(Ordering::Relaxed);
        if word != READY {
            self.end(word);
        }
    }

    /// Notes that the service was found not ready. Until when to wait; `None` if requests are to fail.
    pub(super) fn note_not_ready(&self) -> Option<Instant> {
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if word & FAILING != 0 {
                return None;
            }
            let now = Instant::now();
            if word == READY {
                let begun = self.word_of(now);
                // If it fails, another was quicker, and its time counts.
                let _ = self.exchange(READY, begun);
                continue;
            }
            let end = self.since(word) + self.after;
            if now < end {
                return Some(end);
            }
            self.begin_to_fail(word);
        }
    }

    #[cold]
    fn begin_to_fail(&self, word: u64) {
        let mut failing = self.failing.lock();
        // Found ready meanwhile, or failing already, it is not the caller's to change.
        if self.exchange(word, word | FAILING) {
            *failing = Some(Failing::new(self.counters.clone()));
            drop(failing);
            tracing::warn!(
                server.address = self.node.as_ref().map(NodeAddr::server_address),
                server.port = self.node.as_ref().and_then(NodeAddr::server_port),
                after = ?self.after,
                "a node is not ready: its requests fail at once"
            );
        }
    }

    #[cold]
    fn end(&self, word: u64) {
        let mut failing = self.failing.lock();
        self.word.store(READY, Ordering::Relaxed);
        let ended = failing.take();
        drop(failing);
        if ended.is_some() {
            tracing::info!(
                server.address = self.node.as_ref().map(NodeAddr::server_address),
                server.port = self.node.as_ref().and_then(NodeAddr::server_port),
                elapsed = ?self.since(word).elapsed(),
                "a node is ready again"
            );
        }
    }

    /// Counts a request that fails; the error it fails with.
    pub(super) fn refuse(&self) -> Error {
        self.counters.failed_fast().increment();
        let word = self.word.load(Ordering::Relaxed);
        let message: Cow<'static, str> = match word {
            // It is now, which comes too late for a request that was told before.
            READY => "the node was not ready for too long".into(),
            _ => {
                let millis = self.since(word).elapsed().as_millis();
                format!("the node has not been ready for {millis} ms").into()
            }
        };
        let error = Error::not_sent(ErrorKind::Unavailable, message);
        match &self.node {
            Some(addr) => error.with_node(addr.clone()),
            None => error,
        }
    }

    fn exchange(&self, old: u64, new: u64) -> bool {
        self.word
            .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn word_of(&self, since: Instant) -> u64 {
        let micros = since.duration_since(self.epoch).as_micros() as u64;
        (micros + 1) << 1
    }

    fn since(&self, word: u64) -> Instant {
        self.epoch + Duration::from_micros((word >> 1).saturating_sub(1))
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Readiness")
            .field("node", &self.node)
            .field("after", &self.after)
            .field("is_ready", &(word == READY))
            .field("is_failing", &(word & FAILING != 0))
            .finish_non_exhaustive()
    }
}

/// Counts a service as unavailable until dropped: when it is ready again, or gone.
struct Failing(Counters);

impl Failing {
    fn new(counters: Counters) -> Self {
        counters.nodes_unavailable().increment();
        Self(counters)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.0.nodes_unavailable().decrement();
    }
}
