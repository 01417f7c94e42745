//! A lane: the exclusive connections to one node, and those who wait for one.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Once, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{self, Handle};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tower::BoxError;
use tower::util::BoxCloneService;

use super::leased::{Leased, Open};
use super::{dial, idle};
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::{Lifecycle, shut_down};
use crate::metrics::Counters;
use crate::task::AbortOnDrop;

/// What makes the connections of a lane.
pub(super) type Make<S> = BoxCloneService<NodeAddr, S, BoxError>;

/// What the layer sets.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) max: usize,
    pub(super) max_waiting: usize,
    pub(super) idle_timeout: Duration,
    pub(super) counters: Counters,
    pub(super) lifecycle: Lifecycle,
}

/// The exclusive connections to one node.
///
/// It lives as long as somebody can use it: a service for its node, a leased connection, or one who waits for one. So
/// the bound and the order of those who wait outlast the shared connection, and a node that left takes its lane along.
///
/// Invariants:
/// - Nobody waits while a connection is idle: what is given back goes to the first who waits.
/// - There are never more connections, those being made included, than the bound.
/// - While somebody waits, a connection is being made for each of them, unless the bound is reached; then one is in
///   use, whose return serves or dials for the next.
///
/// What is sent to those who wait is sent without the lock: one who has gone drops it, and it comes back here.
pub(super) struct Lane<S> {
    addr: NodeAddr,
    settings: Settings,
    /// Locked only to be cloned: it need not be `Sync`.
    make: Mutex<Make<S>>,
    /// [`dial::start`], known from where `S` is known to be `Send`. Giving a connection back, which is a drop and
    /// cannot ask for that, may have to dial for who waits.
    start_dial: fn(&Arc<Self>, &Handle),
    /// Its end tells the dials under way.
    alive: watch::Sender<()>,
    state: Mutex<State<S>>,
}

struct State<S> {
    /// How many services lead here. Without one, nothing is kept.
    entrances: usize,
    /// In the order in which they were given back.
    idle: Vec<Idle<S>>,
    /// Leased, idle and being made.
    open: usize,
    dialling: usize,
    next_ticket: Ticket,
    /// By ticket, so in the order of their arrival.
    waiting: BTreeMap<Ticket, Waiter<S>>,
    /// Closes what was idle for too long.
    sweeper: Option<AbortOnDrop>,
}

type Ticket = u64;

struct Idle<S> {
    connection: Open<S>,
    since: Instant,
}

struct Waiter<S> {
    sender: oneshot::Sender<Result<Leased<S>, Error>>,
    /// Where to dial for it.
    runtime: Handle,
}

/// Where one who wants a connection stands.
pub(super) enum Acquired<S> {
    /// It was idle.
    Idle(Leased<S>),
    Waiting(Waiting<S>),
}

impl<S> Lane<S> {
    pub(super) fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.settings.counters
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.settings.lifecycle
    }

    pub(super) fn make(&self) -> Make<S> {
        self.make.lock().clone()
    }

    /// Changes, into an error, when the lane is gone.
    pub(super) fn alive(&self) -> watch::Receiver<()> {
        self.alive.subscribe()
    }

    /// Takes back a connection on which nothing is left: for the next who waits, or to be kept for a while.
    pub(super) fn give_back(self: &Arc<Self>, connection: Open<S>) {
        let mut state = self.state.lock();
        if let Some((_, waiter)) = state.waiting.pop_first() {
            drop(state);
            let _gone = waiter.sender.send(Ok(Leased::new(self, connection)));
        } else if state.entrances > 0 {
            let since = Instant::now();
            state.idle.push(Idle { connection, since });
        } else {
            state.open -= 1;
        }
    }

    /// Takes note that a leased connection was closed.
    pub(super) fn closed(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.open -= 1;
        let wanted = state.wanted(&self.settings);
        drop(state);
        self.dial_if_wanted(wanted);
    }

    /// Takes note that a connection was made.
    pub(super) fn dialled(self: &Arc<Self>, connection: S) {
        self.state.lock().dialling -= 1;
        self.give_back(Open::new(connection, self.counters().clone()));
    }

    /// Takes note that a connection could not be made: the first who waits is told why.
    pub(super) fn dial_failed(self: &Arc<Self>, error: Error) {
        let mut state = self.state.lock();
        state.dialling -= 1;
        state.open -= 1;
        let first = state.waiting.pop_first();
        let wanted = state.wanted(&self.settings);
        drop(state);
        if let Some((_, waiter)) = first {
            let _gone = waiter.sender.send(Err(error));
        }
        self.dial_if_wanted(wanted);
    }

    /// Takes note that a dial was ended by the end of its runtime. Nobody can dial for those who wait there, and those on
    /// other runtimes get a dial of their own.
    pub(super) fn dial_ended(self: &Arc<Self>, runtime: runtime::Id) {
        let mut state = self.state.lock();
        state.dialling -= 1;
        state.open -= 1;
        let (ended, others) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|(_, waiter)| waiter.runtime.id() == runtime);
        state.waiting = others;
        let wanted = state.wanted(&self.settings);
        drop(state);
        let ended: BTreeMap<Ticket, Waiter<S>> = ended;
        for waiter in ended.into_values() {
            let error = Error::not_sent(
                ErrorKind::Shutdown,
                "the connection attempt was ended by a shutdown",
            );
            let _gone = waiter.sender.send(Err(error));
        }
        self.dial_if_wanted(wanted);
    }

    fn dial_if_wanted(self: &Arc<Self>, runtime: Option<Handle>) {
        if let Some(runtime) = runtime {
            (self.start_dial)(self, &runtime);
        }
    }

    /// Closes what was idle for too long. Says when to look again; `None` if nothing is open, and nobody will.
    pub(super) fn sweep(&self) -> Option<Duration> {
        let timeout = self.settings.idle_timeout;
        let now = Instant::now();
        let mut state = self.state.lock();
        let left = |idle: &Idle<S>| (idle.since + timeout).saturating_duration_since(now);
        let expired = state.idle.partition_point(|idle| left(idle).is_zero());
        let expired: Vec<_> = state.idle.drain(..expired).collect();
        state.open -= expired.len();
        let next = match state.idle.first() {
            Some(idle) => Some(left(idle)),
            None if state.open > 0 => Some(timeout),
            None => {
                state.sweeper = None;
                None
            }
        };
        drop(state);
        for _ in &expired {
            self.counters().exclusive_closed_idle().increment();
        }
        next
    }

    /// Closes what is idle, and refuses those who wait.
    fn close(&self) {
        let mut state = self.state.lock();
        let idle = std::mem::take(&mut state.idle);
        state.open -= idle.len();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(idle);
        for waiter in waiting.into_values() {
            let _gone = waiter.sender.send(Err(shut_down()));
        }
    }

    fn enter(&self) {
        self.state.lock().entrances += 1;
    }

    fn leave(&self) {
        let mut state = self.state.lock();
        state.entrances -= 1;
        if state.entrances == 0 {
            let idle = std::mem::take(&mut state.idle);
            state.open -= idle.len();
            drop(state);
            drop(idle);
        }
    }
}

impl<S: Send + 'static> Lane<S> {
    fn new(addr: NodeAddr, make: Make<S>, settings: Settings) -> Self {
        Self {
            addr,
            settings,
            make: Mutex::new(make),
            start_dial: dial::start,
            alive: watch::Sender::new(()),
            state: Mutex::new(State {
                entrances: 0,
                idle: Vec::new(),
                open: 0,
                dialling: 0,
                next_ticket: 0,
                waiting: BTreeMap::new(),
                sweeper: None,
            }),
        }
    }

    /// The connection given back last, as the likeliest to be alive; or a turn to wait for one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Overloaded`] if too many wait, [`ErrorKind::Shutdown`] if its life has ended.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(super) fn acquire(self: &Arc<Self>) -> Result<Acquired<S>, Error> {
        let mut state = self.state.lock();
        // Under the lock that `close` takes: nobody queues after it.
        if self.lifecycle().is_closed() {
            return Err(shut_down());
        }
        // The runtime that it was started on may have gone since.
        if state.sweeper.as_ref().is_none_or(AbortOnDrop::is_finished) {
            let sweep = idle::sweep(Arc::downgrade(self), self.settings.idle_timeout);
            state.sweeper = Some(AbortOnDrop::new(self.lifecycle().spawn(sweep)));
        }
        if let Some(Idle { connection, .. }) = state.idle.pop() {
            drop(state);
            return Ok(Acquired::Idle(Leased::new(self, connection)));
        }
        let Settings {
            max, max_waiting, ..
        } = self.settings;
        if state.waiting.len() >= max_waiting {
            return Err(Error::not_sent(
                ErrorKind::Overloaded,
                format!(
                    "all {max} exclusive connections are in use, and {max_waiting} requests wait for one already"
                ),
            ));
        }
        let (sender, receiver) = oneshot::channel();
        let runtime = Handle::current();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.insert(ticket, Waiter { sender, runtime });
        let wanted = state.wanted(&self.settings);
        drop(state);
        self.dial_if_wanted(wanted);
        self.counters().exclusive_waiting().increment();
        Ok(Acquired::Waiting(Waiting {
            lane: Arc::clone(self),
            ticket,
            receiver,
        }))
    }
}

impl<S> State<S> {
    /// Reserves a place for one more connection if somebody waits for whom none is being made. It is to be made on
    /// the runtime given.
    fn wanted(&mut self, settings: &Settings) -> Option<Handle> {
        if self.dialling >= self.waiting.len() || self.open >= settings.max {
            return None;
        }
        let (_, waiter) = self.waiting.iter().nth(self.dialling)?;
        self.dialling += 1;
        self.open += 1;
        Some(waiter.runtime.clone())
    }
}

// ===== Waiting =====

/// A turn: the next connection that becomes free after those before were served.
///
/// Dropped, it leaves the queue. The connection that is being made for it goes to the next, or is kept.
pub(super) struct Waiting<S> {
    lane: Arc<Lane<S>>,
    ticket: Ticket,
    receiver: oneshot::Receiver<Result<Leased<S>, Error>>,
}

impl<S> Future for Waiting<S> {
    type Output = Result<Leased<S>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|outcome| {
            outcome.unwrap_or_else(|_| unreachable!("only who is told is taken out of the queue"))
        })
    }
}

impl<S> Drop for Waiting<S> {
    fn drop(&mut self) {
        self.lane.counters().exclusive_waiting().decrement();
        let left = self.lane.state.lock().waiting.remove(&self.ticket);
        drop(left);
    }
}

// ===== Lanes =====

/// The lanes of all nodes that are in use.
pub(super) struct Lanes<S> {
    lanes: Mutex<HashMap<NodeAddr, Weak<Lane<S>>>>,
    settings: Settings,
    /// Whether they are closed when their life ends.
    are_mortal: Once,
}

impl<S: Send + 'static> Lanes<S> {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            lanes: Mutex::default(),
            settings,
            are_mortal: Once::new(),
        }
    }

    /// A way into the lane of this node.
    pub(super) fn enter(self: &Arc<Self>, addr: &NodeAddr, make: Make<S>) -> Entrance<S> {
        self.are_mortal.call_once(|| {
            let lanes = Arc::downgrade(self);
            self.settings.lifecycle.on_close(move || {
                if let Some(lanes) = lanes.upgrade() {
                    lanes.close();
                }
            });
        });
        let mut lanes = self.lanes.lock();
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = lanes.get(addr).and_then(Weak::upgrade);
        let lane = lane.unwrap_or_else(|| {
            let lane = Arc::new(Lane::new(addr.clone(), make, self.settings.clone()));
            lanes.insert(addr.clone(), Arc::downgrade(&lane));
            lane
        });
        lane.enter();
        Entrance(lane)
    }
}

impl<S> Lanes<S> {
    fn close(&self) {
        let lanes: Vec<_> = self
            .lanes
            .lock()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for lane in lanes {
            lane.close();
        }
    }
}

/// A way into a lane. With the last, what is idle is closed, and what is in use will be when it is given back.
pub(super) struct Entrance<S>(Arc<Lane<S>>);

impl<S> Entrance<S> {
    pub(super) fn lane(&self) -> &Arc<Lane<S>> {
        &self.0
    }
}

impl<S> Drop for Entrance<S> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
