//! Counters of what the stack does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stripe::Striped;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $counter:ident,)*) => {
        /// A snapshot of the counters; see [`Counters::snapshot`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        struct Inner {
            $($name: $counter,)*
        }

        impl Counters {
            /// The counters as they stand. Each is read by itself: a snapshot taken under load may be between
            /// two counts that belong together.
            pub fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.inner.$name.value(),)* }
            }

            $(pub(crate) fn $name(&self) -> &$counter { &self.inner.$name })*
        }
    };
}

counters! {
    /// Connection attempts begun.
    dials_started: Counter,
    /// Connection attempts that gave a connection.
    dials_succeeded: Counter,
    /// Connection attempts that failed.
    dials_failed: Counter,
    /// Requests that found another request's connection attempt under way and waited for it.
    dials_shared: Counter,
    /// Requests refused at once because their node's last connection attempt had just failed.
    dials_refused: Counter,
    /// Connection attempts that had to wait for others, or because there were too many lately.
    dials_delayed: Counter,
    /// Requests that found a connection ready.
    cache_hits: StripedCounter,
    /// Connections evicted because they were found closed.
    evicted_closed: Counter,
    /// Connections evicted because nothing arrived on them while replies were due.
    evicted_stalled: Counter,
    /// Connections drained because their node left the cluster.
    evicted_departed: Counter,
    /// Connections drained because nobody asked for them.
    evicted_idle: Counter,
    /// Connections in the cache now.
    open_connections: Counter,
    /// Attempts to make an exclusive connection.
    exclusive_dials_started: Counter,
    /// Attempts to make an exclusive connection that failed.
    exclusive_dials_failed: Counter,
    /// Exclusive connections there are now: leased and idle.
    exclusive_connections: Counter,
    /// Exclusive connections leased now.
    exclusive_leased: Counter,
    /// Requests that wait for an exclusive connection now.
    exclusive_waiting: Counter,
    /// Exclusive connections closed when they were given back, because what was sent on them was not answered, or would
    /// have stayed with the next user.
    exclusive_closed_unclean: Counter,
    /// Exclusive connections closed because nobody used them.
    exclusive_closed_idle: Counter,
    /// Times that a connection was given new credentials, and the server accepted them.
    reauthentications: Counter,
    /// Times that a connection was to have new credentials, and the provider failed or the server refused.
    reauthentications_failed: Counter,
    /// `MOVED` redirects followed.
    redirects_moved: Counter,
    /// `ASK` redirects followed.
    redirects_ask: Counter,
    /// Topology refreshes that gave a new view.
    refreshes_succeeded: Counter,
    /// Topology refreshes in which no node gave a usable view.
    refreshes_failed: Counter,
    /// Requests that failed at once because their node had not been ready for too long.
    failed_fast: Counter,
    /// Connections now whose requests fail at once because their nodes are not ready.
    nodes_unavailable: Counter,
    /// How often a breaker has opened: the first time, not after a probe that failed.
    breakers_opened: Counter,
    /// Breakers now that are open, of nodes that are connected.
    breakers_open: Counter,
    /// Requests refused by open breakers.
    breaker_refusals: Counter,
    /// Primaries there is reason to doubt now.
    nodes_in_doubt: Counter,
    /// Attempts beyond a request's first.
    retries: Counter,
    /// Retries not made because the retry budget was empty.
    retries_withheld: Counter,
    /// Requests whose deadline passed.
    timeouts: Counter,
}

/// The counters of one stack, shared by its layers. Cheap to clone.
///
/// Each layer counts in counters of its own unless given others; the default stack shares one.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    inner: Arc<Inner>,
}

impl Counters {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }
}

/// One count. Relaxed throughout: counts order nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One count, of what every request does.
#[derive(Debug, Default)]
pub(crate) struct StripedCounter(Striped<Counter>);

impl StripedCounter {
    pub(crate) fn increment(&self) {
        self.0.own().increment();
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}
