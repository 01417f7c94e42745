//! Which primaries there is reason to doubt.
//!
//! A failure to reach a primary, or a connection that is lost or suspect, is reason enough; of timeouts it takes three, since one command may be slow. A doubt is over when there was no more evidence for a
//! while, or when a refresh shows that the node is no longer a primary.
//!
//! Only failures come here. What succeeds reads and writes nothing of it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};
use crate::metrics::Counters;

/// How many timeouts make a doubt, and within which time.
const TIMEOUTS: usize = 3;
const TIMEOUTS_WITHIN: Duration = Duration::from_secs(10);

/// How long a doubt lasts without more evidence. Longer than the pauses between evidence: retries are at most half a
/// second apart, and connecting takes up to two.
const LASTING: Duration = Duration::from_secs(3);

/// How late a deadline may be noticed. It is noticed within 10 ms by a runtime that is not starved; beyond this, what
/// did not answer is ourselves.
const PUNCTUAL: Duration = Duration::from_millis(50);

/// What a failed exchange with a node says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing.
    None,
    /// Something has changed, though the node answers.
    Change,
    /// A command got no reply in time. `is_connecting` while there was no connection for it.
    Timeout { is_connecting: bool },
    /// It could not be reached, or the connection to it was lost.
    Failure,
}

impl Evidence {
    /// Weighs an error. `overdue` is how long ago the command's deadline was, if it has passed.
    pub(super) fn of(error: &Error, overdue: Option<Duration>, is_connecting: bool) -> Self {
        match error.kind() {
            ErrorKind::Timeout => match overdue {
                Some(overdue) if overdue > PUNCTUAL => Self::None,
                // Not the command's deadline, then, but that of a layer which bounds the time to connect.
                None if is_connecting => Self::Failure,
                _ => Self::Timeout { is_connecting },
            },
            ErrorKind::Connect | ErrorKind::Connection => Self::Failure,
            // A node that is merely full is not ready either; a silent one shows itself otherwise, too.
            ErrorKind::Authentication | ErrorKind::Unavailable => Self::Change,
            ErrorKind::Shutdown => Self::None,
            // The node is not to blame for these.
            ErrorKind::Overloaded | ErrorKind::Config | ErrorKind::InvalidCommand
                if is_connecting =>
            {
                Self::Change
            }
            _ if is_connecting => Self::Failure,
            _ => Self::None,
        }
    }
}

/// The primaries in doubt, and those that timeouts are counted of.
pub(super) struct Doubts {
    nodes: Mutex<HashMap<NodeAddr, Entry>>,
    begun: Notify,
    counters: Counters,
}

#[derive(Default)]
struct Entry {
    doubt: Option<Doubt>,
    /// The times of the last timeouts, the earliest first.
    timeouts: [Option<Instant>; TIMEOUTS],
}

#[derive(Clone, Copy)]
struct Doubt {
    since: Instant,
    last_evidence: Instant,
}

impl Doubts {
    pub(super) fn new(counters: Counters) -> Self {
        Self {
            nodes: Mutex::new(HashMap::new()),
            begun: Notify::new(),
            counters,
        }
    }

    /// Takes note of a failure of this primary. True if the doubt begins with it.
    pub(super) fn failed(&self, addr: &NodeAddr, now: Instant) -> bool {
        let is_new = {
            let mut nodes = self.nodes.lock();
            let is_new = nodes.entry(addr.clone()).or_default().doubt(now);
            self.count(is_new)
        };
        self.begun_if(is_new, addr)
    }

    /// Takes note of a timeout of this primary. True if the doubt begins with it.
    pub(super) fn timed_out(&self, addr: &NodeAddr, now: Instant) -> bool {
        let is_new = {
            let mut nodes = self.nodes.lock();
            let entry = nodes.entry(addr.clone()).or_default();
            entry.timeouts.rotate_left(1);
            entry.timeouts[TIMEOUTS - 1] = Some(now);
            let is_enough = entry.timeouts[0].is_some_and(|at| now - at <= TIMEOUTS_WITHIN);
            let is_new = (is_enough || entry.doubt.is_some()) && entry.doubt(now);
            self.count(is_new)
        };
        self.begun_if(is_new, addr)
    }

    /// Counts a doubt that begins, under the lock: an end is counted after its beginning.
    fn count(&self, is_new: bool) -> bool {
        if is_new {
            self.counters.nodes_in_doubt().increment();
        }
        is_new
    }

    // What tells of it runs code that is not ours, a subscriber of traces or a waker, and so never under the lock.
    fn begun_if(&self, is_new: bool, addr: &NodeAddr) -> bool {
        if is_new {
            tracing::info!(
                server.address = addr.server_address(),
                server.port = addr.server_port(),
                "a primary is in doubt"
            );
            self.begun.notify_one();
        }
        is_new
    }

    /// Signalled when a doubt begins.
    pub(super) fn begun(&self) -> &Notify {
        &self.begun
    }

    /// How long the oldest doubt has lasted; `None` if there is none. Ends those that are over.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        let mut over = Vec::new();
        let oldest = {
            let mut nodes = self.nodes.lock();
            nodes.retain(|addr, entry| {
                let is_over = |doubt: &Doubt| now - doubt.last_evidence >= LASTING;
                if let Some(doubt) = entry.doubt.filter(is_over) {
                    entry.doubt = None;
                    self.counters.nodes_in_doubt().decrement();
                    over.push((addr.clone(), doubt));
                }
                let last_timeout = entry.timeouts[TIMEOUTS - 1];
                entry.doubt.is_some() || last_timeout.is_some_and(|at| now - at <= TIMEOUTS_WITHIN)
            });
            let since = nodes.values().filter_map(|entry| entry.doubt);
            since.map(|doubt| now - doubt.since).max()
        };
        self.ended(over, now, "no more evidence");
        oldest
    }

    /// The nodes in doubt.
    pub(super) fn addrs(&self) -> HashSet<NodeAddr> {
        let nodes = self.nodes.lock();
        let doubted = nodes.iter().filter(|(_, entry)| entry.doubt.is_some());
        doubted.map(|(addr, _)| addr.clone()).collect()
    }

    /// Forgets the nodes that are no primaries.
    pub(super) fn retain(&self, is_primary: impl Fn(&NodeAddr) -> bool, now: Instant) {
        let gone: Vec<_> = {
            let mut nodes = self.nodes.lock();
            let gone = nodes.extract_if(|addr, _| !is_primary(addr));
            gone.filter_map(|(addr, entry)| Some((addr, entry.doubt?)))
                .inspect(|_| self.counters.nodes_in_doubt().decrement())
                .collect()
        };
        self.ended(gone, now, "it is no longer a primary");
    }

    fn ended(&self, doubts: Vec<(NodeAddr, Doubt)>, now: Instant, reason: &str) {
        for (addr, doubt) in doubts {
            tracing::info!(
                server.address = addr.server_address(),
                server.port = addr.server_port(),
                elapsed = ?(now - doubt.since),
                reason,
                "a primary is no longer in doubt"
            );
        }
    }
}

impl Entry {
    /// Takes note of evidence. True if the doubt begins with it.
    fn doubt(&mut self, now: Instant) -> bool {
        let is_new = self.doubt.is_none();
        let doubt = self.doubt.get_or_insert(Doubt {
            since: now,
            last_evidence: now,
        });
        doubt.last_evidence = now;
        is_new
    }
}

impl Drop for Doubts {
    fn drop(&mut self) {
        for entry in self.nodes.get_mut().values() {
            if entry.doubt.is_some() {
                self.counters.nodes_in_doubt().decrement();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Delivery;

    const SECOND: Duration = Duration::from_secs(1);

    fn addr(port: u16) -> NodeAddr {
        NodeAddr::new("10.0.0.1", port)
    }

    fn doubts() -> (Doubts, Counters) {
        let counters = Counters::new();
        (Doubts::new(counters.clone()), counters)
    }

    #[test]
    fn one_failure_is_a_doubt_until_nothing_more_is_heard_of_it() {
        let (doubts, counters) = doubts();
        let start = Instant::now();
        assert!(doubts.failed(&addr(1), start), "begins");
        assert!(!doubts.failed(&addr(1), start + 2 * SECOND), "goes on");
        assert_eq!(doubts.age(start + 4 * SECOND), Some(4 * SECOND));
        assert_eq!(doubts.addrs(), [addr(1)].into());
        assert_eq!(counters.snapshot().nodes_in_doubt, 1);

        assert_eq!(doubts.age(start + 5 * SECOND), None);
        assert_eq!(counters.snapshot().nodes_in_doubt, 0);
        assert!(doubts.failed(&addr(1), start + 6 * SECOND), "begins anew");
        assert_eq!(doubts.age(start + 7 * SECOND), Some(SECOND));
    }

    #[test]
    fn three_timeouts_shortly_after_each_other_are_a_doubt() {
        let (doubts, _) = doubts();
        let start = Instant::now();
        for (seconds, is_doubt) in [(0, false), (6, false), (12, false), (13, true), (14, false)] {
            let now = start + seconds * SECOND;
            assert_eq!(doubts.timed_out(&addr(1), now), is_doubt, "{seconds}");
        }
        assert_eq!(doubts.age(start + 14 * SECOND), Some(SECOND));
        assert!(!doubts.timed_out(&addr(2), start), "counted by node");
    }

    #[test]
    fn timeouts_without_a_doubt_are_forgotten_in_time() {
        let (doubts, _) = doubts();
        let start = Instant::now();
        doubts.timed_out(&addr(1), start);
        assert_eq!(doubts.age(start + 11 * SECOND), None);
        assert!(doubts.nodes.lock().is_empty());
    }

    #[test]
    fn node_that_is_no_longer_a_primary_is_forgotten() {
        let (doubts, counters) = doubts();
        let start = Instant::now();
        for port in [1, 2] {
            doubts.failed(&addr(port), start);
        }
        doubts.retain(|primary| *primary == addr(2), start);
        assert_eq!(doubts.addrs(), [addr(2)].into());
        assert_eq!(counters.snapshot().nodes_in_doubt, 1);
        drop(doubts);
        assert_eq!(counters.snapshot().nodes_in_doubt, 0);
    }

    #[test]
    fn errors_are_weighed_by_what_they_say_of_the_node() {
        let of = |kind, overdue: Option<u64>, is_connecting| {
            let error = Error::not_sent(kind, "it").with_delivery(Delivery::Unknown);
            Evidence::of(&error, overdue.map(Duration::from_millis), is_connecting)
        };
        for (kind, overdue, is_connecting, evidence) in [
            (ErrorKind::Connection, None, false, Evidence::Failure),
            (ErrorKind::Unavailable, None, false, Evidence::Change),
            (ErrorKind::Connect, None, true, Evidence::Failure),
            (ErrorKind::Other, None, true, Evidence::Failure),
            (ErrorKind::Other, None, false, Evidence::None),
            (ErrorKind::Overloaded, None, false, Evidence::None),
            (ErrorKind::Overloaded, None, true, Evidence::Change),
            (ErrorKind::Authentication, None, true, Evidence::Change),
            (ErrorKind::Shutdown, None, true, Evidence::None),
            // The time to connect was up, not that of the command.
            (ErrorKind::Timeout, None, true, Evidence::Failure),
        ] {
            let weighed = of(kind, overdue, is_connecting);
            assert_eq!(weighed, evidence, "{kind:?} {is_connecting}");
        }
        for is_connecting in [false, true] {
            let timeout = Evidence::Timeout { is_connecting };
            assert_eq!(of(ErrorKind::Timeout, Some(9), is_connecting), timeout);
            // Noticed so late that the runtime was starved.
            assert_eq!(
                of(ErrorKind::Timeout, Some(51), is_connecting),
                Evidence::None
            );
        }
    }
}
