//! The gate: how many are inside, and who waits for a place.
//!
//! Two queues wait. *Turns* are requests already called, which got no place: a place that gets free goes to the
//! first of them directly. *Visitors* are services not ready yet: they are only told that there is a place, since
//! nothing may be reserved for a service that might never be called.
//!
//! Nearly always there are free places and nobody waits: then entering and leaving are one atomic operation each.
//! Whoever is to wait says so in the same word that counts who is inside, and from then on who leaves takes the lock.
//!
//! Invariants:
//! - While a turn waits, all places are taken.
//! - While a visitor waits, somebody is inside, whose leaving wakes a visitor for each place free then; the last
//!   to leave wakes them all. So a visitor that was woken and does not come cannot hold up the others for longer
//!   than the next leaves take.
//! - While anybody waits, `AWAITED` is set. It is changed under the lock only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// A shared bound.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max: usize,
    // How many are inside, in units of `ONE`, and whether somebody waits. Whoever enters sees what those did who left
    // before: that a place is free must hold for what it stands for, too.
    occupancy: AtomicUsize,
    // Held for a few instructions at a time; nothing is woken or dropped under it that could come back here.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: Ticket,
    // By ticket, so by order of arrival. None until the future is first polled.
    turns: BTreeMap<Ticket, Option<Waker>>,
    visitors: BTreeMap<Ticket, Waker>,
}

type Ticket = u64;

/// The bit of the occupancy that says that somebody waits, or is about to.
const AWAITED: usize = 1;
/// One more inside.
const ONE: usize = 2;

impl Gate {
    pub(super) fn new(max: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                max,
                occupancy: AtomicUsize::new(0),
                state: Mutex::default(),
            }),
        }
    }

    /// Takes a place, or a turn if there is none.
    pub(super) fn enter(&self) -> Result<Place, Turn> {
        if self.shared.try_enter() {
            return Ok(Place(self.clone()));
        }
        let mut state = self.shared.state.lock();
        self.shared.await_leaves();
        if self.shared.try_enter() {
            self.shared.end_wait(&state);
            return Ok(Place(self.clone()));
        }
        let ticket = state.ticket();
        state.turns.insert(ticket, None);
        Err(Turn {
            gate: Some(self.clone()),
            ticket,
        })
    }

    fn leave(&self) {
        if !self.shared.try_leave() {
            self.leave_to_others();
        }
    }

    /// Leaves, and passes the place on or tells of it.
    #[cold]
    fn leave_to_others(&self) {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        if let Some((_, waker)) = state.turns.pop_first() {
            shared.end_wait(&state);
            drop(state);
            // The place is its own now, polled or not.
            if let Some(waker) = waker {
                waker.wake();
            }
            return;
        }
        shared.occupancy.fetch_sub(ONE, Ordering::Release);
        let woken = shared.visitors_to_wake(&mut state);
        shared.end_wait(&state);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}

impl Shared {
    fn inside(&self) -> usize {
        self.occupancy.load(Ordering::Relaxed) / ONE
    }

    fn has_vacancy(&self) -> bool {
        self.inside() < self.max
    }

    /// Takes a place if there is one.
    fn try_enter(&self) -> bool {
        self.update(|occupancy| (occupancy / ONE < self.max).then(|| occupancy + ONE))
    }

    /// Gives a place back if nobody waits for one.
    fn try_leave(&self) -> bool {
        self.update(|occupancy| (occupancy & AWAITED == 0).then(|| occupancy - ONE))
    }

    fn update(&self, change: impl Fn(usize) -> Option<usize>) -> bool {
        let change = self
            .occupancy
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, change);
        change.is_ok()
    }

    /// From here on, who leaves takes the lock, which the caller holds. So if there is no place now, there will be none
    /// before the caller has queued.
    fn await_leaves(&self) {
        self.occupancy.fetch_or(AWAITED, Ordering::Relaxed);
    }

    fn end_wait(&self, state: &State) {
        if state.turns.is_empty() && state.visitors.is_empty() {
            self.occupancy.fetch_and(!AWAITED, Ordering::Relaxed);
        }
    }

    fn visitors_to_wake(&self, state: &mut State) -> Vec<Waker> {
        let count = match self.inside() {
            0 => state.visitors.len(),
            inside => self.max - inside,
        };
        let visitors = std::iter::from_fn(|| state.visitors.pop_first());
        visitors.take(count).map(|(_, waker)| waker).collect()
    }
}

/// A place inside, until dropped.
#[derive(Debug)]
pub(super) struct Place(Gate);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The right to the next place after those who came before.
#[derive(Debug)]
pub(super) struct Turn {
    // None once it has become a place.
    gate: Option<Gate>,
    ticket: Ticket,
}

impl Turn {
    pub(super) fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Place> {
        let gate = self.gate.take().expect("a turn becomes a place once");
        let mut state = gate.shared.state.lock();
        if let Some(waker) = state.turns.get_mut(&self.ticket) {
            let old = register(waker, cx);
            drop(state);
            drop(old);
            self.gate = Some(gate);
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(Place(gate))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(gate) = &self.gate else { return };
        let removed = gate.shared.state.lock().turns.remove(&self.ticket);
        if removed.is_none() {
            // It had been given a place that it never looked at.
            gate.leave();
        }
    }
}

/// A service's stake in the gate: it may be waiting to be told of a place.
#[derive(Debug)]
pub(super) struct Visitor {
    gate: Gate,
    // Kept while it waits, also after it was woken in vain: then it waits where it stood before.
    ticket: Option<Ticket>,
}

impl Visitor {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, ticket: None }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Ready while there is a place, which is not reserved by that.
    pub(super) fn poll_vacancy(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &*self.gate.shared;
        if self.ticket.is_none() && shared.has_vacancy() {
            return Poll::Ready(());
        }
        let mut state = shared.state.lock();
        shared.await_leaves();
        if shared.has_vacancy() {
            let old = self
                .ticket
                .take()
                .and_then(|ticket| state.visitors.remove(&ticket));
            shared.end_wait(&state);
            drop(state);
            drop(old);
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| state.ticket());
        let old = state.visitors.insert(ticket, cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

/// The clone waits for nothing.
impl Clone for Visitor {
    fn clone(&self) -> Self {
        Self::new(self.gate.clone())
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let shared = &*self.gate.shared;
        let mut state = shared.state.lock();
        let removed = state.visitors.remove(&ticket);
        let woken = match removed {
            Some(_) => Vec::new(),
            // It had been told of a place and will not come: tell the next.
            None => shared.visitors_to_wake(&mut state),
        };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// Stores the caller's waker; gives back what it replaced, to be dropped without the lock.
fn register(slot: &mut Option<Waker>, cx: &mut Context<'_>) -> Option<Waker> {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => slot.replace(cx.waker().clone()),
    }
}
