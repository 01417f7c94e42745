//! Counters of what the stack does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stripe::Striped;

macro_rules! counters {
    ($($(#[doc = $help:literal])* $name:ident: $counter:ident,)*) => {
        /// A snapshot of the counters; see [`Counters::snapshot`].
        ///
        /// Counters only grow; gauges, whose description says "now", come and go. [`iter`](Self::iter) tells which is
        /// which, so that an exporter need not know them by name. Here in the text format of Prometheus:
        ///
        /// ```
        /// use std::fmt::Write;
        /// use tower_redis_cluster::{Metric, MetricKind, Metrics};
        ///
        /// fn exposition(metrics: &Metrics) -> String {
        ///     let mut text = String::new();
        ///     for Metric { name, kind, help, value, .. } in metrics.iter() {
        ///         let (suffix, kind) = match kind {
        ///             MetricKind::Gauge => ("", "gauge"),
        ///             _ => ("_total", "counter"),
        ///         };
        ///         let name = format!("redis_client_{name}{suffix}");
        ///         writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}").expect("a string grows");
        ///     }
        ///     text
        /// }
        ///
        /// let text = exposition(&Metrics::default());
        /// assert!(text.contains("# TYPE redis_client_dials_started_total counter\nredis_client_dials_started_total 0\n"));
        /// assert!(text.contains("# TYPE redis_client_open_connections gauge\n"));
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[doc = $help])* pub $name: u64,)*
        }

        impl Metrics {
            /// Each number with its name and what it is, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = Metric> + use<> {
                let metrics = [$(Metric {
                    name: stringify!($name),
                    kind: $counter::KIND,
                    help: concat!($($help),*).trim_ascii_start(),
                    value: self.$name,
                },)*];
                metrics.into_iter()
            }
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
    /// Requests refused at once because the last attempt to connect to their node had just failed, or the one after it
    /// took too long.
    dials_refused: Counter,
    /// Connection attempts that had to wait for others, or because there were too many lately.
    dials_delayed: Counter,
    /// Requests that found a connection ready, in the cache or kept by the route.
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
    open_connections: Gauge,
    /// Attempts to make an exclusive connection.
    exclusive_dials_started: Counter,
    /// Attempts to make an exclusive connection that failed.
    exclusive_dials_failed: Counter,
    /// Exclusive connections there are now: leased and idle.
    exclusive_connections: Gauge,
    /// Exclusive connections leased now.
    exclusive_leased: Gauge,
    /// Requests that wait for an exclusive connection now.
    exclusive_waiting: Gauge,
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
    nodes_unavailable: Gauge,
    /// How often a breaker has opened: the first time, not after a probe that failed.
    breakers_opened: Counter,
    /// Breakers now that are open, of nodes that are connected.
    breakers_open: Gauge,
    /// Requests refused by open breakers.
    breaker_refusals: Counter,
    /// Primaries there is reason to doubt now.
    nodes_in_doubt: Gauge,
    /// Attempts beyond a request's first.
    retries: Counter,
    /// Retries not made, because the retry budget was empty or enough requests waited for their node.
    retries_withheld: Counter,
    /// Requests whose deadline passed.
    timeouts: Counter,
}

/// One number of [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name of the field, such as `dials_started`.
    pub name: &'static str,
    /// How the value behaves.
    pub kind: MetricKind,
    /// What is counted, in a sentence or two.
    pub help: &'static str,
    /// The number itself.
    pub value: u64,
}

/// How a number behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows, from 0 when the stack is built.
    Counter,
    /// It says how many there are now.
    Gauge,
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
    const KIND: MetricKind = MetricKind::Counter;

    #[inline]
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    const KIND: MetricKind = MetricKind::Gauge;

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
    const KIND: MetricKind = MetricKind::Counter;

    #[inline]
    pub(crate) fn increment(&self) {
        self.0.own().increment();
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_by_name_with_what_it_is() {
        let counters = Counters::new();
        counters.retries().increment();
        counters.open_connections().increment();
        let metrics: Vec<_> = counters.snapshot().iter().collect();
        let of = |name| metrics.iter().find(|metric| metric.name == name).copied();
        let retries = of("retries").expect("there is one");
        assert_eq!((retries.kind, retries.value), (MetricKind::Counter, 1));
        assert_eq!(retries.help, "Attempts beyond a request's first.");
        let open = of("open_connections").expect("there is one");
        assert_eq!((open.kind, open.value), (MetricKind::Gauge, 1));
        for metric in metrics {
            let is_now = metric.help.contains(" now");
            assert_eq!(is_now, metric.kind == MetricKind::Gauge, "{metric:?}");
        }
    }
}
