//! What a cache knows: the services that are connected, and the addresses that are not.

use std::collections::HashMap;
use std::sync::{Arc, Once, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::departures::{Departures, Nodes};
use super::idleness::Idleness;
use super::stored::Stored;
use super::trace;
use super::waiters::Waiters;
use crate::addr::{ByAddr, NodeAddr};
use crate::error::{Error, ErrorKind};
use crate::lifecycle::{Lifecycle, shut_down};
use crate::metrics::Counters;
use crate::task::AbortOnDrop;

/// The entries of one cache. An address is in one of four states:
///
/// ```text
///              a request              made
///   (absent) ------------> Dialling --------> Connected
///                           ^    |
///       a request, when the |    | failed
///        backoff is over or |    v
///               nearly over BackingOff
/// ```
///
/// From `Connected` it is absent again when a `poll_ready` fails, from `Connected` and `BackingOff` when nobody asks
/// for it any more, and from everywhere when the node departs.
///
/// Connected addresses are in `connected` and all others in `pending`, never in both. `connected` is replaced
/// whole, and only while `pending` is locked; reading it takes no lock. Code that is not ours (a service's
/// `Clone` and `Drop`, a waker) does not run under the lock, so that it may come back to the cache; the predicate
/// of `retain` is the exception, and is told so.
pub(super) struct Pool<S> {
    connected: ArcSwap<Connected<S>>,
    pending: Mutex<HashMap<NodeAddr, Pending<S>>>,
    pub(super) settings: Settings,
    pub(super) departures: Departures,
    pub(super) idleness: Idleness,
    /// Whether it is closed when its life ends.
    is_mortal: Once,
}

type Connected<S> = ByAddr<Arc<Stored<S>>>;

/// Services taken out, and the map they were in if there are any.
type Extracted<S> = (Vec<Arc<Stored<S>>>, Option<Arc<Connected<S>>>);

/// What the layer sets.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) backoff: Backoff,
    pub(super) patience: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) counters: Counters,
    pub(super) lifecycle: Lifecycle,
}

/// What those who wait for a dial are told.
pub(super) type Outcome<S> = Result<Arc<Stored<S>>, Error>;

enum Pending<S> {
    Dialling {
        /// The task owns its waiters: if it ends in any way without an answer, they see that at once.
        waiters: Weak<Waiters<S>>,
        _task: AbortOnDrop,
    },
    BackingOff {
        failures: u32,
        until: Instant,
        error: Error,
    },
}

/// Where a request that found no connected service stands.
pub(super) enum Miss<S> {
    /// Another thread stored one in between.
    Connected(Arc<Stored<S>>),
    Waiting(oneshot::Receiver<Outcome<S>>),
    Refused(Error),
}

/// A dial that has been decided on.
pub(super) struct Dial<S> {
    pub(super) addr: NodeAddr,
    /// How long to wait before it begins.
    pub(super) delay: Duration,
    /// Attempts that failed in a row before this one.
    pub(super) failures: u32,
    /// Why the last of them failed.
    pub(super) last_error: Option<Error>,
    pub(super) waiters: Arc<Waiters<S>>,
}

impl<S> Pool<S> {
    pub(super) fn new(settings: Settings, nodes: Option<Nodes>) -> Self {
        Self {
            connected: ArcSwap::default(),
            pending: Mutex::default(),
            departures: Departures::new(nodes),
            idleness: Idleness::new(settings.idle_timeout),
            is_mortal: Once::new(),
            settings,
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.settings.counters
    }

    /// Applies `with` to the service connected to `addr`, if there is one, which is then not idle. Takes no lock.
    #[inline]
    pub(super) fn connected<T>(
        &self,
        addr: &NodeAddr,
        with: impl FnOnce(&Arc<Stored<S>>) -> T,
    ) -> Option<T> {
        self.connected.load().get(addr).map(|stored| {
            stored.touch();
            with(stored)
        })
    }

    /// True while a dial of `addr` is under way, or would come too early.
    pub(super) fn is_left_alone(&self, addr: &NodeAddr) -> bool {
        match self.pending.lock().get(addr) {
            None => false,
            Some(Pending::Dialling { waiters, .. }) => waiters.strong_count() > 0,
            Some(Pending::BackingOff { until, .. }) => Instant::now() < *until,
        }
    }

    /// Joins the dial of `addr` that is under way, or has `spawn` start one, unless it is too early.
    ///
    /// `spawn` runs under the lock and must do no more than spawn a task.
    pub(super) fn join(
        &self,
        addr: NodeAddr,
        spawn: impl FnOnce(Dial<S>) -> AbortHandle,
    ) -> Miss<S> {
        let mut pending = self.pending.lock();
        if let Some(stored) = self.connected(&addr, Arc::clone) {
            return Miss::Connected(stored);
        }
        let (delay, failures, last_error) = match pending.get(&addr) {
            None => (Duration::ZERO, 0, None),
            Some(Pending::Dialling { waiters, .. }) => match waiters.upgrade() {
                Some(waiters) => {
                    return match waiters.join() {
                        Ok(receiver) => {
                            self.counters().dials_shared().increment();
                            Miss::Waiting(receiver)
                        }
                        Err(error) => {
                            self.counters().dials_refused().increment();
                            Miss::Refused(error)
                        }
                    };
                }
                // The task's runtime was shut down under it.
                None => (Duration::ZERO, 0, None),
            },
            Some(Pending::BackingOff {
                failures,
                until,
                error,
            }) => {
                let left = until.saturating_duration_since(Instant::now());
                if left > self.settings.patience {
                    self.counters().dials_refused().increment();
                    return Miss::Refused(error.clone());
                }
                (left, *failures, Some(error.clone()))
            }
        };
        let (waiters, receiver) = Waiters::with_first();
        let waiters = Arc::new(waiters);
        let entry = Pending::Dialling {
            waiters: Arc::downgrade(&waiters),
            _task: AbortOnDrop::new(spawn(Dial {
                addr: addr.clone(),
                delay,
                failures,
                last_error,
                waiters,
            })),
        };
        pending.insert(addr, entry);
        Miss::Waiting(receiver)
    }

    /// Stores the service a dial has made, and only then tells those who wait.
    pub(super) fn succeeded(self: &Arc<Self>, dial: &Dial<S>, service: S) {
        let (stored, replaced) = {
            let mut pending = self.pending.lock();
            if !dial.is_current(&pending) {
                // The node departed while this dial was finishing: nobody waits, and nothing is stored.
                return;
            }
            let stored = Arc::new(Stored::new(self, dial.addr.clone(), service));
            let mut connected = ByAddr::clone(&self.connected.load());
            connected.insert(dial.addr.clone(), Arc::clone(&stored));
            let replaced = self.connected.swap(Arc::new(connected));
            pending.remove(&dial.addr);
            (stored, replaced)
        };
        drop(replaced);
        dial.waiters.tell(&Ok(stored));
    }

    /// Remembers that a dial has failed, and only then tells those who wait.
    pub(super) fn failed(&self, dial: &Dial<S>, error: Error) {
        let failures = dial.failures.saturating_add(1);
        let replaced = {
            let mut pending = self.pending.lock();
            if !dial.is_current(&pending) {
                return;
            }
            pending.insert(
                dial.addr.clone(),
                Pending::BackingOff {
                    failures,
                    until: Instant::now() + self.settings.backoff.delay(failures),
                    error: error.clone(),
                },
            )
        };
        drop(replaced);
        dial.waiters.tell(&Err(error));
    }

    /// Removes `stored`, if it is still what its address leads to; a successor stays.
    pub(super) fn evict(&self, stored: &Arc<Stored<S>>, error: &Error) {
        let replaced = {
            let _pending = self.pending.lock();
            let current = self.connected.load();
            if !current
                .get(&stored.addr)
                .is_some_and(|current| Arc::ptr_eq(current, stored))
            {
                return;
            }
            let mut connected = ByAddr::clone(&current);
            connected.remove(&stored.addr);
            self.connected.swap(Arc::new(connected))
        };
        drop(replaced);
        match error.kind() {
            ErrorKind::Timeout => self.counters().evicted_stalled().increment(),
            _ => self.counters().evicted_closed().increment(),
        }
        trace::evicted(&stored.addr, error);
    }

    /// Removes every address that is not `wanted`: connected services, dials under way and backoffs.
    pub(super) fn retain(&self, wanted: impl Fn(&NodeAddr) -> bool) {
        let departed = self.remove(wanted, || {
            Error::not_sent(
                ErrorKind::Topology,
                "the node left the cluster while it was being connected to",
            )
        });
        for stored in departed {
            self.counters().evicted_departed().increment();
            trace::departed(&stored.addr);
        }
    }

    /// Removes every address. None comes back: a dial ends as it begins.
    fn close(&self) {
        drop(self.remove(|_| false, shut_down));
    }

    /// Removes every address that is not `wanted`, and gives what was connected. Those who wait for a dial are told why.
    fn remove(
        &self,
        wanted: impl Fn(&NodeAddr) -> bool,
        why: impl Fn() -> Error,
    ) -> Vec<Arc<Stored<S>>> {
        let (departed, abandoned, replaced) = {
            let mut pending = self.pending.lock();
            // The waiters are taken hold of under the lock: once it is released, a dial that finishes finds itself
            // abandoned, and lets go of them.
            let abandoned: Vec<_> = pending
                .extract_if(|addr, _| !wanted(addr))
                .map(|(addr, entry)| (addr, entry.waiters(), entry))
                .collect();
            let (departed, replaced) = self.extract(&pending, |addr, _| !wanted(addr));
            (departed, abandoned, replaced)
        };
        drop(replaced);
        for (addr, waiters, _entry) in abandoned {
            if let Some(waiters) = waiters {
                waiters.tell(&Err(why().with_node(addr)));
            }
        }
        departed
    }

    /// Removes what nobody asked for since the last sweep, an `interval` ago: connected services, and backoffs that
    /// ended before it.
    pub(super) fn sweep(&self, interval: Duration) {
        let now = Instant::now();
        let (idle, forgotten, replaced) = {
            let mut pending = self.pending.lock();
            let is_forgotten = |_: &NodeAddr, entry: &mut Pending<S>| match entry {
                Pending::BackingOff { until, .. } => {
                    now.saturating_duration_since(*until) > interval
                }
                Pending::Dialling { .. } => false,
            };
            let forgotten: Vec<_> = pending.extract_if(is_forgotten).collect();
            let (idle, replaced) = self.extract(&pending, |_, stored| stored.is_idle());
            (idle, forgotten, replaced)
        };
        drop((replaced, forgotten));
        for stored in idle {
            self.counters().evicted_idle().increment();
            trace::idle(&stored.addr, interval);
        }
    }

    /// Takes out the connected services that are `unwanted`. `pending` shows that the lock is held; the caller
    /// drops what it is given when it is not any more.
    fn extract(
        &self,
        _pending: &MutexGuard<'_, HashMap<NodeAddr, Pending<S>>>,
        unwanted: impl Fn(&NodeAddr, &Stored<S>) -> bool,
    ) -> Extracted<S> {
        let mut connected = ByAddr::clone(&self.connected.load());
        let extracted: Vec<_> = connected
            .extract_if(|addr, stored| unwanted(addr, stored))
            .map(|(_, stored)| stored)
            .collect();
        let replaced = (!extracted.is_empty()).then(|| self.connected.swap(Arc::new(connected)));
        (extracted, replaced)
    }

    /// How many are kept that wait for the dial of this address, those included that have gone.
    #[cfg(test)]
    pub(super) fn waiters(&self, addr: &NodeAddr) -> usize {
        let waiters = self.pending.lock().get(addr).and_then(Pending::waiters);
        waiters.map_or(0, |waiters| waiters.len())
    }

    /// The number of addresses connected, and of those in any other state.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.connected.load().len(), self.pending.lock().len())
    }
}

impl<S: Send + Sync + 'static> Pool<S> {
    /// Sees to it that what belongs to a pool in use runs, and ends with its life.
    pub(super) fn live(self: &Arc<Self>) {
        self.departures.follow(self);
        self.idleness.watch(self);
        self.is_mortal.call_once(|| {
            let pool = Arc::downgrade(self);
            self.settings.lifecycle.on_close(move || {
                if let Some(pool) = pool.upgrade() {
                    pool.close();
                }
            });
        });
    }
}

// ===== impl Pending =====

impl<S> Pending<S> {
    /// Those who wait for the dial, unless its task was ended.
    fn waiters(&self) -> Option<Arc<Waiters<S>>> {
        match self {
            Self::Dialling { waiters, .. } => waiters.upgrade(),
            Self::BackingOff { .. } => None,
        }
    }
}

// ===== impl Dial =====

impl<S> Dial<S> {
    /// By identity: after a departure, `pending` may hold another dial of the same address.
    fn is_current(&self, pending: &HashMap<NodeAddr, Pending<S>>) -> bool {
        match pending.get(&self.addr) {
            Some(Pending::Dialling { waiters, .. }) => {
                std::ptr::eq(waiters.as_ptr(), Arc::as_ptr(&self.waiters))
            }
            _ => false,
        }
    }
}
