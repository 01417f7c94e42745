//! The breaker of one node, shared by everything that is connected to it.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::circuits::Circuits;
use super::layer::Settings;
use super::passage::Passage;
use super::state::{BreakerState, Open, State, Ticket};
use super::trace;
use crate::addr::NodeAddr;
use crate::command::{BlockTime, Command};
use crate::error::{Error, ErrorKind};
use crate::metrics::Counters;

/// The breaker of one node. It lives as long as a service for its node does, or a request under way there.
pub(super) struct Circuit {
    addr: NodeAddr,
    settings: Settings,
    circuits: Arc<Circuits>,
    /// What of the state matters to nearly every request, which reads this and writes nothing. It is changed under the
    /// lock only. Relaxed: being a little late with it lets a few more requests through, or refuses a few more.
    trouble: AtomicU8,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    last_ticket: Ticket,
    opened: Option<Opened>,
}

/// No failure since the last answer.
const NONE: u8 = 0;
/// Closed, with failures.
const FAILING: u8 = 1;
/// Open or half open.
const BROKEN: u8 = 2;

impl Circuit {
    /// A breaker in this state: what is remembered of the node.
    pub(super) fn new(
        addr: NodeAddr,
        state: State,
        settings: Settings,
        circuits: Arc<Circuits>,
    ) -> Self {
        let is_open = matches!(state, State::Open(_));
        let opened = is_open.then(|| Opened::new(settings.counters.clone()));
        Self {
            trouble: AtomicU8::new(trouble_of(&state)),
            addr,
            settings,
            circuits,
            inner: Mutex::new(Inner {
                state,
                last_ticket: Ticket::MIN,
                opened,
            }),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn shown(&self) -> BreakerState {
        self.inner.lock().state.shown()
    }

    // ===== on the way in =====

    /// True if it is open or half open.
    pub(super) fn is_broken(&self) -> bool {
        self.trouble.load(Ordering::Relaxed) == BROKEN
    }

    /// Whether a request might be let through now, or why not.
    pub(super) fn expect_probe(&self) -> Result<(), Error> {
        let inner = self.inner.lock();
        let now = Instant::now();
        match &inner.state {
            State::Open(open) if !open.is_probe_due(false, &self.settings.rules, now) => {
                Err(self.refusal(open, now))
            }
            _ => Ok(()),
        }
    }

    /// The error of a request that is not to wait until the node is ready; none if the breaker has closed.
    pub(super) fn refusal_if_open(&self) -> Option<Error> {
        match &self.inner.lock().state {
            State::Open(open) => Some(self.refusal(open, Instant::now())),
            State::Closed { .. } => None,
        }
    }

    /// Lets a request pass, be it as the probe, or says why not.
    pub(super) fn enter(self: &Arc<Self>, command: &Command) -> Result<Passage, Error> {
        if self.is_broken() {
            return self.enter_broken(command);
        }
        Ok(Passage::new(Arc::clone(self), None))
    }

    #[cold]
    fn enter_broken(self: &Arc<Self>, command: &Command) -> Result<Passage, Error> {
        let is_blocking = command.block_time() != BlockTime::NotBlocking;
        let now = Instant::now();
        let mut inner = self.inner.lock();
        let ticket = inner.last_ticket.checked_add(1).unwrap_or(Ticket::MIN);
        match &mut inner.state {
            State::Closed { .. } => return Ok(Passage::new(Arc::clone(self), None)),
            State::Open(open) if open.is_probe_due(is_blocking, &self.settings.rules, now) => {
                open.begin_probe(ticket, now);
            }
            State::Open(open) => return Err(self.refusal(open, now)),
        }
        inner.last_ticket = ticket;
        drop(inner);
        trace::probing(&self.addr);
        Ok(Passage::new(Arc::clone(self), Some(ticket)))
    }

    pub(super) fn count_refusal(&self) {
        self.settings.counters.breaker_refusals().increment();
    }

    fn refusal(&self, open: &Open, now: Instant) -> Error {
        let millis = now.duration_since(open.since).as_millis();
        let message = format!("the node does not answer: its breaker opened {millis} ms ago");
        Error::not_sent(ErrorKind::Unavailable, message).with_node(self.addr.clone())
    }

    // ===== on the way out =====

    /// The node has answered, whichever request it was.
    pub(super) fn succeed(&self) {
        if self.trouble.load(Ordering::Relaxed) != NONE {
            self.close();
        }
    }

    #[cold]
    fn close(&self) {
        let mut inner = self.inner.lock();
        let state = mem::take(&mut inner.state);
        let opened = inner.opened.take();
        self.trouble.store(NONE, Ordering::Relaxed);
        drop(inner);
        drop(opened);
        if let State::Open(open) = state {
            trace::closed(&self.addr, open.since.elapsed());
        }
    }

    /// The node has not answered the request with this ticket, or one without.
    #[cold]
    pub(super) fn fail(&self, ticket: Option<Ticket>, error: Option<&Error>) {
        let mut inner = self.inner.lock();
        let opens = inner
            .state
            .fail(ticket, &self.settings.rules, Instant::now());
        self.trouble
            .store(trouble_of(&inner.state), Ordering::Relaxed);
        if !opens {
            return;
        }
        if inner.opened.is_some() {
            drop(inner);
            trace::still_open(&self.addr, error);
            return;
        }
        inner.opened = Some(Opened::new(self.settings.counters.clone()));
        drop(inner);
        self.settings.counters.breakers_opened().increment();
        trace::opened(&self.addr, error);
    }

    /// The probe with this ticket ended and told nothing.
    pub(super) fn release(&self, ticket: Ticket) {
        self.inner.lock().state.release(ticket);
    }
}

impl Drop for Circuit {
    fn drop(&mut self) {
        let state = mem::take(&mut self.inner.get_mut().state);
        self.circuits.leave(&self.addr, state);
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit")
            .field("addr", &self.addr)
            .field("state", &self.shown())
            .finish_non_exhaustive()
    }
}

fn trouble_of(state: &State) -> u8 {
    match state {
        State::Closed { failures: 0, .. } => NONE,
        State::Closed { .. } => FAILING,
        State::Open(_) => BROKEN,
    }
}

/// Counts a breaker as open until dropped: when it closes, or nothing is connected to its node.
struct Opened(Counters);

impl Opened {
    fn new(counters: Counters) -> Self {
        counters.breakers_open().increment();
        Self(counters)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.breakers_open().decrement();
    }
}
