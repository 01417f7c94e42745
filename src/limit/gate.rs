//! The gate: how many are inside with how many bytes, and who waits for a place.
//!
//! Two queues wait. *Turns* are requests already called, which got no place: a place that gets free goes to the
//! first of them directly. *Visitors* are services not ready yet: they are only told that there is a place, since
//! nothing may be reserved for a service that might never be called.
//!
//! A place is free while both bounds, that on requests and that on bytes, are not reached. How many bytes a request has
//! does not matter for that: whoever comes before the bound is reached may enter, so that none is too large to, and none
//! is passed by smaller ones for ever.
//!
//! Nearly always there are free places and nobody waits: then entering and leaving are one atomic operation each.
//! Whoever is to wait says so in the same word that counts who is inside, and from then on who leaves takes the lock.
//! The same word is made to look full when the gate is closed, so that being open costs nothing.
//!
//! ```text
//!   63       62 ... 25                24 ... 1    0
//!   CLOSED   bytes, in units of 64    requests    AWAITED
//! ```
//!
//! Invariants:
//! - While a turn waits, no place is free.
//! - While a visitor waits, somebody is inside, whose leaving wakes a visitor for each place free then; the last
//!   to leave wakes them all. So a visitor that was woken and does not come cannot hold up the others for longer
//!   than the next leaves take.
//! - While anybody waits, or the gate is closed, `AWAITED` is set. Both are changed under the lock only.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, AtomicU64, Mutex, Ordering};
use crate::error::Error;
use crate::lifecycle::{Lifecycle, Requests, shut_down};

/// A shared bound.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max: u64,
    max_units: u64,
    // Who is inside, and whether somebody waits; see the module docs. Whoever enters sees what those did who left before:
    // that a place is free must hold for what it stands for, too.
    occupancy: AtomicU64,
    lifecycle: Lifecycle,
    // Held for a few instructions at a time; nothing is woken or dropped under it that could come back here.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: Ticket,
    // By ticket, so by order of arrival.
    turns: BTreeMap<Ticket, Waiting>,
    visitors: BTreeMap<Ticket, Waker>,
}

type Ticket = u64;

#[derive(Debug)]
struct Waiting {
    weight: u64,
    // None until the future is first polled.
    waker: Option<Waker>,
}

/// The bit of the occupancy that says that somebody waits, or is about to.
const AWAITED: u64 = 1;
/// One more inside.
const ONE: u64 = 2;
/// 64 more bytes inside.
const UNIT: u64 = 1 << 25;
const UNIT_BYTES: usize = 64;
/// The bit that says that nobody is let in any more. Above the bytes, it makes them too many.
const CLOSED: u64 = 1 << 63;

/// The largest number of requests that there is room to count.
const MAX_REQUESTS: usize = (UNIT / ONE - 1) as usize;
/// As many bytes are no bound. With what a request may have at most, they are still counted.
const MAX_UNITS: u64 = 1 << 36;
const MAX_UNITS_OF_ONE: u64 = 1 << 36;

/// What a request with so many bytes adds to the occupancy.
#[inline]
fn weight(bytes: usize) -> u64 {
    let units = (bytes / UNIT_BYTES) as u64 + 1;
    ONE + UNIT * units.min(MAX_UNITS_OF_ONE)
}

/// How many are told of a place at once. Should there be more places, whoever leaves next tells others.
const MAX_WOKEN: usize = 64;

/// Why a place was not given.
#[derive(Debug)]
pub(super) enum Denied {
    /// There is none now.
    Turn(Turn),
    /// There never will be.
    Closed(Error),
}

impl Gate {
    pub(super) fn new(max: usize, max_bytes: usize, lifecycle: &Lifecycle) -> Self {
        let shared = Arc::new(Shared {
            max: max.min(MAX_REQUESTS) as u64,
            max_units: (max_bytes.div_ceil(UNIT_BYTES) as u64).clamp(1, MAX_UNITS),
            occupancy: AtomicU64::new(0),
            lifecycle: lifecycle.clone(),
            state: Mutex::default(),
        });
        let requests = Arc::downgrade(&shared);
        lifecycle.bound(requests);
        Self { shared }
    }

    /// Takes a place for a request of so many bytes, if there is one.
    #[inline]
    pub(super) fn try_enter(&self, bytes: usize) -> Option<Place> {
        let weight = weight(bytes);
        self.shared.try_enter(weight).then(|| self.place(weight))
    }

    /// Takes a place, or a turn if there is still none.
    pub(super) fn enter(&self, bytes: usize) -> Result<Place, Denied> {
        let weight = weight(bytes);
        let mut state = self.shared.state.lock();
        if self.shared.is_closed() {
            return Err(Denied::Closed(shut_down()));
        }
        self.shared.await_leaves();
        if self.shared.try_enter(weight) {
            self.shared.end_wait(&state);
            return Ok(self.place(weight));
        }
        let ticket = state.ticket();
        let waker = None;
        state.turns.insert(ticket, Waiting { weight, waker });
        Err(Denied::Turn(Turn {
            gate: Some(self.clone()),
            ticket,
            weight,
        }))
    }

    #[inline]
    fn place(&self, weight: u64) -> Place {
        let gate = self.clone();
        Place { gate, weight }
    }

    #[inline]
    fn leave(&self, weight: u64) {
        if !self.shared.try_leave(weight) {
            self.leave_to_others(weight);
        }
    }

    /// Leaves, and passes the place on or tells of it.
    #[cold]
    fn leave_to_others(&self, weight: u64) {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let mut woken = Vec::new();
        let mut left = weight;
        while let Some(first) = state.turns.first_entry() {
            // In one step: nobody else gets in between.
            if !shared.try_exchange(left, first.get().weight) {
                break;
            }
            left = 0;
            // The place is its own now, polled or not.
            woken.extend(first.remove().waker);
        }
        if left > 0 {
            shared.occupancy.fetch_sub(left, Ordering::Release);
        }
        woken.extend(shared.visitors_to_wake(&mut state));
        shared.end_wait(&state);
        let is_over = shared.is_closed() && shared.inside() == 0;
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        if is_over {
            shared.lifecycle.tell();
        }
    }
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}

impl Shared {
    fn inside(&self) -> u64 {
        requests(self.occupancy.load(Ordering::Relaxed))
    }

    #[inline]
    fn has_room(&self, occupancy: u64) -> bool {
        requests(occupancy) < self.max && occupancy / UNIT < self.max_units
    }

    #[inline]
    fn has_vacancy(&self) -> bool {
        self.has_room(self.occupancy.load(Ordering::Relaxed))
    }

    fn is_closed(&self) -> bool {
        self.occupancy.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Takes a place if there is one.
    #[inline]
    fn try_enter(&self, weight: u64) -> bool {
        self.update(|occupancy| self.has_room(occupancy).then(|| occupancy + weight))
    }

    /// Gives places back and takes one, if there is one then. For a turn, who was let in before the gate was closed.
    fn try_exchange(&self, left: u64, weight: u64) -> bool {
        self.update(|occupancy| {
            let rest = occupancy - left;
            self.has_room(rest & !CLOSED).then(|| rest + weight)
        })
    }

    /// Gives a place back if nobody waits for one.
    fn try_leave(&self, weight: u64) -> bool {
        self.update(|occupancy| (occupancy & AWAITED == 0).then(|| occupancy - weight))
    }

    #[inline]
    fn update(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
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
        if state.turns.is_empty() && state.visitors.is_empty() && !self.is_closed() {
            self.occupancy.fetch_and(!AWAITED, Ordering::Relaxed);
        }
    }

    fn visitors_to_wake(&self, state: &mut State) -> Vec<Waker> {
        let count = match self.inside() {
            0 => state.visitors.len(),
            // At the bound on bytes, there is room for few of those who wait for it.
            inside if self.has_vacancy() => ((self.max - inside) as usize).min(MAX_WOKEN),
            _ => 0,
        };
        let visitors = std::iter::from_fn(|| state.visitors.pop_first());
        visitors.take(count).map(|(_, waker)| waker).collect()
    }
}

#[inline]
fn requests(occupancy: u64) -> u64 {
    occupancy % UNIT / ONE
}

impl Requests for Shared {
    fn refuse(&self) {
        let mut state = self.state.lock();
        self.occupancy.fetch_or(CLOSED | AWAITED, Ordering::Relaxed);
        let visitors = std::mem::take(&mut state.visitors);
        drop(state);
        visitors.into_values().for_each(Waker::wake);
    }

    fn in_flight(&self) -> usize {
        let state = self.state.lock();
        self.inside() as usize + state.turns.len()
    }
}

/// A place inside, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    gate: Gate,
    weight: u64,
}

impl Drop for Place {
    #[inline]
    fn drop(&mut self) {
        self.gate.leave(self.weight);
    }
}

/// The right to the next place after those who came before.
#[derive(Debug)]
pub(super) struct Turn {
    // None once it has become a place.
    gate: Option<Gate>,
    ticket: Ticket,
    weight: u64,
}

impl Turn {
    pub(super) fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Place> {
        let gate = self.gate.take().expect("a turn becomes a place once");
        let mut state = gate.shared.state.lock();
        if let Some(waiting) = state.turns.get_mut(&self.ticket) {
            let old = register(&mut waiting.waker, cx);
            drop(state);
            drop(old);
            self.gate = Some(gate);
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(gate.place(self.weight))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(gate) = &self.gate else { return };
        let removed = gate.shared.state.lock().turns.remove(&self.ticket);
        if removed.is_none() {
            // It had been given a place that it never looked at.
            gate.leave(self.weight);
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

    /// True if there is a place, and nothing is to be taken back for having waited for one.
    #[inline]
    pub(super) fn sees_vacancy(&self) -> bool {
        self.ticket.is_none() && self.gate.shared.has_vacancy()
    }

    /// Ready while there is a place, which is not reserved by that.
    ///
    /// # Errors
    ///
    /// If the gate was closed.
    #[cold]
    pub(super) fn poll_vacancy(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shared = &*self.gate.shared;
        let mut state = shared.state.lock();
        if shared.is_closed() {
            // Nobody queues any more.
            self.ticket = None;
            return Poll::Ready(Err(shut_down()));
        }
        shared.await_leaves();
        if shared.has_vacancy() {
            let old = self
                .ticket
                .take()
                .and_then(|ticket| state.visitors.remove(&ticket));
            shared.end_wait(&state);
            drop(state);
            drop(old);
            return Poll::Ready(Ok(()));
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
