//! Who dials, who waits to, and when they may.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::{Bucket, Rate};
use super::pacer::Pacer;
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::shut_down;
use crate::metrics::Counters;
use crate::task::AbortOnDrop;

/// What the layer sets.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) all: Limit,
    pub(super) per_node: Limit,
    pub(super) max_waiting: usize,
    pub(super) counters: Counters,
}

/// A bound on dials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) max: usize,
    pub(super) rate: Rate,
}

/// The dials of one layer's service and its clones.
///
/// Who waits is let in by who comes, and by the [pacer](Pacer) when time has passed or a dial has ended: in the order in
/// which they came, except that those whose node is at its bound are passed over. Whoever is let in is taken out of
/// `waiting` and has its place from then on, polled or not.
#[derive(Debug)]
pub(super) struct Queue {
    settings: Settings,
    /// Nothing is woken or dropped under it that could come back here.
    state: Mutex<State>,
    /// Told when somebody may have been waiting for what just happened.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    all: Usage,
    /// Of nodes that are being dialled or were lately.
    nodes: HashMap<NodeAddr, Usage>,
    next_ticket: Ticket,
    /// By ticket, so in the order of arrival.
    waiting: BTreeMap<Ticket, Waiter>,
    /// Runs while somebody waits.
    pacer: Option<AbortOnDrop>,
}

type Ticket = u64;

#[derive(Debug)]
struct Usage {
    dialling: usize,
    bucket: Bucket,
}

#[derive(Debug)]
struct Waiter {
    addr: NodeAddr,
    /// None until it is first polled.
    waker: Option<Waker>,
}

/// What is next.
pub(super) enum Next {
    /// A token at this time; `None` if all who wait do so for a dial to end.
    At(Option<Instant>),
    /// Nobody waits.
    Nobody,
}

impl Queue {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: Mutex::new(State {
                all: Usage::new(Instant::now()),
                nodes: HashMap::new(),
                next_ticket: 0,
                waiting: BTreeMap::new(),
                pacer: None,
            }),
            changed: Arc::new(Notify::new()),
        }
    }

    /// A place to dial from, or a turn to wait for one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Overloaded`] if too many wait.
    pub(super) fn enter(self: &Arc<Self>, addr: &NodeAddr) -> Result<Result<Place, Turn>, Error> {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.forget_idle(now);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let waiter = Waiter {
            addr: addr.clone(),
            waker: None,
        };
        state.waiting.insert(ticket, waiter);
        let (admitted, _) = state.admit(&self.settings, now);
        let must_wait = state.waiting.contains_key(&ticket);
        let max_waiting = self.settings.max_waiting;
        let is_refused = must_wait && state.waiting.len() > max_waiting;
        if is_refused {
            state.waiting.remove(&ticket);
        }
        drop(state);
        admitted.into_iter().for_each(Waker::wake);
        if is_refused {
            let message = format!("{max_waiting} connections wait to be made already");
            return Err(Error::not_sent(ErrorKind::Overloaded, message).with_node(addr.clone()));
        }
        let queue = Arc::clone(self);
        let addr = addr.clone();
        if !must_wait {
            return Ok(Ok(Place { queue, addr }));
        }
        self.settings.counters.dials_delayed().increment();
        let queue = Some(queue);
        Ok(Err(Turn {
            queue,
            addr,
            ticket,
        }))
    }

    /// Lets in who may be, and says what is next.
    pub(super) fn pace(&self) -> Next {
        let mut state = self.state.lock();
        let (admitted, next) = state.admit(&self.settings, Instant::now());
        let is_over = state.waiting.is_empty();
        if is_over {
            state.pacer = None;
        }
        drop(state);
        admitted.into_iter().for_each(Waker::wake);
        match is_over {
            true => Next::Nobody,
            false => Next::At(next),
        }
    }

    /// Not under the lock: a runtime that was shut down drops the task at once, which comes back to the queue. False if it
    /// did.
    fn start_pacer(self: &Arc<Self>) -> bool {
        let pacer = Pacer::new(Arc::downgrade(self), Arc::clone(&self.changed));
        let task = tokio::spawn(pacer.run()).abort_handle();
        let runs = !task.is_finished();
        let other = self.state.lock().pacer.replace(AbortOnDrop::new(task));
        drop(other);
        runs
    }

    /// Takes note that the pacer has ended though somebody waits, since its runtime was shut down. They start another.
    pub(super) fn pacer_ended(&self) {
        let mut state = self.state.lock();
        let wakers = state.waiting.values_mut().filter_map(|w| w.waker.take());
        let wakers: Vec<_> = wakers.collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_waiting(&self, ticket: Ticket) -> bool {
        self.state.lock().waiting.contains_key(&ticket)
    }

    fn leave(&self, addr: &NodeAddr) {
        let mut state = self.state.lock();
        state.all.dialling -= 1;
        if let Some(node) = state.nodes.get_mut(addr) {
            node.dialling -= 1;
        }
        let is_awaited = !state.waiting.is_empty();
        drop(state);
        if is_awaited {
            self.changed.notify_one();
        }
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.state.lock().nodes.len()
    }
}

impl State {
    /// Lets in who may be. Gives their wakers, and when the next may be let in for time's sake.
    fn admit(&mut self, settings: &Settings, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let Self {
            all,
            nodes,
            waiting,
            ..
        } = self;
        let mut admitted = Vec::new();
        let mut next: Option<Instant> = None;
        waiting.retain(|_, waiter| {
            let Some(of_all) = all.next(settings.all, now) else {
                return true;
            };
            let node = nodes
                .entry(waiter.addr.clone())
                .or_insert_with(|| Usage::new(now));
            let Some(of_node) = node.next(settings.per_node, now) else {
                return true;
            };
            let at = of_all.max(of_node);
            if at > now {
                next = Some(next.map_or(at, |next| next.min(at)));
                return true;
            }
            all.begin(settings.all, now);
            node.begin(settings.per_node, now);
            admitted.extend(waiter.waker.take());
            false
        });
        (admitted, next)
    }

    /// Forgets the nodes of which nothing is to be remembered.
    fn forget_idle(&mut self, now: Instant) {
        self.nodes
            .retain(|_, node| node.dialling > 0 || !node.bucket.is_full(now));
    }
}

impl Usage {
    fn new(now: Instant) -> Self {
        Self {
            dialling: 0,
            bucket: Bucket::full(now),
        }
    }

    /// When the next dial may begin; `None` if one has to end first.
    fn next(&self, limit: Limit, now: Instant) -> Option<Instant> {
        (self.dialling < limit.max).then(|| self.bucket.next(limit.rate, now))
    }

    fn begin(&mut self, limit: Limit, now: Instant) {
        self.dialling += 1;
        self.bucket.take(limit.rate, now);
    }
}

/// The right to dial, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<Queue>,
    addr: NodeAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.leave(&self.addr);
    }
}

/// The right to a place after those who came before. Dropped, it leaves the queue.
#[derive(Debug)]
pub(super) struct Turn {
    // None once it has become a place.
    queue: Option<Arc<Queue>>,
    addr: NodeAddr,
    ticket: Ticket,
}

impl Turn {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(super) fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Result<Place, Error>> {
        let queue = self.queue.take().expect("a turn becomes a place once");
        let mut state = queue.state.lock();
        let Some(waiter) = state.waiting.get_mut(&self.ticket) else {
            drop(state);
            let addr = self.addr.clone();
            return Poll::Ready(Ok(Place { queue, addr }));
        };
        let old = waiter.waker.replace(cx.waker().clone());
        let has_pacer = (state.pacer.as_ref()).is_some_and(|pacer| !pacer.is_finished());
        drop(state);
        if !has_pacer && !queue.start_pacer() && queue.is_waiting(self.ticket) {
            // Dropped, the turn leaves the queue.
            self.queue = Some(queue);
            return Poll::Ready(Err(shut_down().with_node(self.addr.clone())));
        }
        if old.is_none() {
            // The pacer may sleep for longer than this one has to wait.
            queue.changed.notify_one();
        }
        drop(old);
        self.queue = Some(queue);
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let left = queue.state.lock().waiting.remove(&self.ticket);
        if left.is_none() {
            // It had been let in, and never looked.
            queue.leave(&self.addr);
        } else {
            // Perhaps nobody waits any more.
            queue.changed.notify_one();
        }
    }
}
