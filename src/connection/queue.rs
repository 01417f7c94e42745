//! What the handles and the driver of a connection share: the commands not yet taken, and the bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::config::Config;
use super::outgoing::{Outgoing, SmallCommand};
use super::reply::{self, Promise, Reply};
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::stripe::Apart;

/// The queue in front of the driver.
pub(super) struct Queue {
    addr: NodeAddr,
    max_in_flight: usize,
    max_bytes: usize,
    state: AtomicState,
    /// Told when the state is no longer `Full` or `Suspect`.
    pub(super) room: Arc<Notify>,
    /// Written for every command, where the rest is only read.
    inner: Apart<Mutex<Inner>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Takes commands.
    Open = 0,
    /// A bound is reached.
    Full = 1,
    /// Nothing arrives although replies are due.
    Suspect = 2,
    /// Finished; `Inner::closed` says why.
    Closed = 3,
}

/// A copy of the state outside of the lock, so that readiness takes no lock.
struct AtomicState(AtomicU8);

struct Inner {
    pending: Outgoing,
    /// `AUTH`, on its way to the server ahead of everything. It counts for nothing.
    credentials: Option<(Command, Promise)>,
    /// Commands queued or written and not yet answered.
    in_flight: usize,
    /// Their bytes.
    bytes: usize,
    /// Calls made since a bound was reached.
    excess: usize,
    /// The driver's waker while it waits for commands.
    driver: Option<Waker>,
    /// No handle is left, or the connection was [retired](Queue::retire): what is in flight is answered, then it ends.
    is_draining: bool,
    is_suspect: bool,
    closed: Option<Error>,
}

/// What the driver got from the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// More commands.
    Some,
    /// Credentials are to be [taken](Queue::take_credentials) first.
    Credentials,
    /// None now; the driver will be woken.
    Nothing,
    /// None ever again.
    Finished,
}

impl Inner {
    /// Keeps the driver's waker. Mostly it is there from the last time, and need not be cloned.
    fn wakes(&mut self, driver: &Waker) {
        match &mut self.driver {
            Some(waker) => waker.clone_from(driver),
            None => self.driver = Some(driver.clone()),
        }
    }

    /// The bounds are reached: whoever calls now has not asked first, or was overtaken by others.
    #[cold]
    fn exceed(&mut self, max: usize) -> Result<(), Error> {
        // Calls, not commands: one large batch must not have those refused that found it ready as well.
        if self.excess >= max {
            return Err(Error::not_sent(
                ErrorKind::Overloaded,
                "too many commands in flight on the connection; wait for poll_ready before each call",
            ));
        }
        self.excess += 1;
        Ok(())
    }
}

impl Queue {
    pub(super) fn new(addr: NodeAddr, config: &Config) -> Self {
        Self {
            addr,
            max_in_flight: config.max_in_flight,
            max_bytes: config.max_bytes,
            state: AtomicState(AtomicU8::new(State::Open as u8)),
            room: Arc::new(Notify::new()),
            inner: Apart(Mutex::new(Inner {
                pending: Outgoing::default(),
                credentials: None,
                in_flight: 0,
                bytes: 0,
                excess: 0,
                driver: None,
                is_draining: false,
                is_suspect: false,
                closed: None,
            })),
        }
    }

    pub(super) fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        self.state.get()
    }

    /// Why the connection is finished.
    pub(super) fn closed(&self) -> Error {
        let closed = self.inner.0.lock().closed.clone();
        closed.unwrap_or_else(|| Error::not_sent(ErrorKind::Connection, "connection closed"))
    }

    /// Adds a command, also while the queue is full or suspect: a few callers may have found it ready at the same time.
    ///
    /// # Errors
    ///
    /// If the connection is finished, or has been full for so many calls that they cannot all have asked first.
    pub(super) fn push(&self, command: Command) -> Result<Reply, Error> {
        let bytes = command.encoded_len();
        let commands = weight(&command);
        let deadline = command.deadline();
        // Allocated before the lock is taken.
        let command = Box::new(command);
        self.add(commands, bytes, deadline, |pending, promise| {
            pending.push(command, promise, bytes);
        })
    }

    /// As [`push`](Self::push), a small command.
    ///
    /// # Errors
    ///
    /// The same.
    #[inline]
    pub(super) fn push_small(
        &self,
        small: SmallCommand<'_>,
        deadline: Option<Instant>,
    ) -> Result<Reply, Error> {
        self.add(1, small.bytes(), deadline, |pending, promise| {
            pending.push_small(small, promise);
        })
    }

    #[inline]
    fn add(
        &self,
        commands: usize,
        bytes: usize,
        deadline: Option<Instant>,
        push: impl FnOnce(&mut Outgoing, Promise),
    ) -> Result<Reply, Error> {
        let (promise, reply) = reply::pair(deadline);
        let mut inner = self.inner.0.lock();
        if let Some(error) = &inner.closed {
            return Err(error.clone());
        }
        if !self.has_room(&inner) {
            inner.exceed(self.max_in_flight)?;
        }
        push(&mut inner.pending, promise);
        inner.in_flight += commands;
        inner.bytes += bytes;
        if !self.has_room(&inner) && !inner.is_suspect {
            self.state.set(State::Full);
        }
        let driver = inner.driver.take();
        drop(inner);
        // Outside of the lock: it may take a system call, and the driver wants the lock next.
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(reply)
    }

    /// Has credentials sent as soon as may be.
    ///
    /// # Errors
    ///
    /// If the connection is finished.
    pub(super) fn push_credentials(&self, command: Command) -> Result<Reply, Error> {
        let (promise, reply) = reply::pair(None);
        let mut inner = self.inner.0.lock();
        if let Some(error) = &inner.closed {
            return Err(error.clone());
        }
        inner.credentials = Some((command, promise));
        let driver = inner.driver.take();
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(reply)
    }

    pub(super) fn take_credentials(&self) -> Option<(Command, Promise)> {
        self.inner.0.lock().credentials.take()
    }

    /// Moves all commands to `outgoing`, which is empty. Leaves the driver's waker where there are none.
    pub(super) fn take(
        &self,
        outgoing: &mut Outgoing,
        driver: &Waker,
        admits_credentials: bool,
    ) -> Taken {
        outgoing.clear();
        let mut inner = self.inner.0.lock();
        if inner.credentials.is_some() && admits_credentials && !inner.is_draining {
            return Taken::Credentials;
        }
        if !inner.pending.is_empty() {
            std::mem::swap(&mut inner.pending, outgoing);
            return Taken::Some;
        }
        if inner.is_draining {
            return Taken::Finished;
        }
        inner.wakes(driver);
        Taken::Nothing
    }

    /// Takes note that so many commands of so many bytes are no longer in flight.
    pub(super) fn release(&self, commands: usize, bytes: usize) {
        let mut inner = self.inner.0.lock();
        inner.in_flight -= commands;
        inner.bytes -= bytes;
        if self.has_room(&inner) && self.state.get() == State::Full {
            inner.excess = 0;
            self.state.set(State::Open);
            drop(inner);
            self.room.notify_waiters();
        }
    }

    /// Says whether nothing arrives although replies are due.
    pub(super) fn set_suspect(&self, is_suspect: bool) {
        let mut inner = self.inner.0.lock();
        inner.is_suspect = is_suspect;
        if inner.closed.is_some() {
            // Retired: what is left to come changes nothing for those who ask.
            return;
        }
        let state = match is_suspect {
            true => State::Suspect,
            false if self.has_room(&inner) => State::Open,
            false => State::Full,
        };
        self.state.set(state);
        if state == State::Open {
            inner.excess = 0;
            drop(inner);
            self.room.notify_waiters();
        }
    }

    /// True if no handle is left; otherwise the driver will be woken then.
    pub(super) fn is_let_go(&self, driver: &Waker) -> bool {
        let mut inner = self.inner.0.lock();
        if !inner.is_draining {
            inner.wakes(driver);
        }
        inner.is_draining
    }

    /// Looks at the commands that were not taken, under the lock.
    pub(super) fn look_at_each(&self, look: impl FnMut(&Promise)) {
        let inner = self.inner.0.lock();
        inner.pending.promises().for_each(look);
    }

    fn has_room(&self, inner: &Inner) -> bool {
        inner.in_flight < self.max_in_flight && inner.bytes < self.max_bytes
    }

    /// How many commands of how many bytes are in flight.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> (usize, usize) {
        let inner = self.inner.0.lock();
        (inner.in_flight, inner.bytes)
    }

    /// No handle is left.
    pub(super) fn drain(&self) {
        let mut inner = self.inner.0.lock();
        inner.is_draining = true;
        if let Some(driver) = inner.driver.take() {
            driver.wake();
        }
    }

    /// Takes no more commands, for this reason. Those not taken are handed back; what is in flight is answered.
    pub(super) fn retire(&self, error: Error) -> Outgoing {
        self.inner.0.lock().is_draining = true;
        self.close(error)
    }

    /// Ends the connection: whoever asks from now on gets `error`. Commands not taken are handed back.
    pub(super) fn close(&self, error: Error) -> Outgoing {
        let mut inner = self.inner.0.lock();
        let pending = std::mem::take(&mut inner.pending);
        inner.closed.get_or_insert(error);
        self.state.set(State::Closed);
        drop(inner);
        self.room.notify_waiters();
        pending
    }
}

/// How many commands it counts for.
#[inline]
pub(super) fn weight(command: &Command) -> usize {
    match command.batch() {
        None => 1,
        Some(batch) if batch.is_transaction() => batch.commands().len() + 2,
        Some(batch) => batch.commands().len(),
    }
}

impl AtomicState {
    #[inline]
    fn get(&self) -> State {
        // Acquire: who sees `Closed` finds the reason, which was stored before.
        match self.0.load(Ordering::Acquire) {
            0 => State::Open,
            1 => State::Full,
            2 => State::Suspect,
            _ => State::Closed,
        }
    }

    fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Release);
    }
}
