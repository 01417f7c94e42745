//! The task that owns the socket.
//!
//! It reads and writes in one future, so that neither waits for the other, and is woken by the socket, by the
//! first command after it ran dry, by the clock of the silence and by the probe of a suspect connection.

mod silent;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::config::Config;
use super::fence::Fence;
use super::future;
use super::queue::{self, Entry, Queue, Taken};
use super::read_buffer::ReadBuffer;
use super::reply::Promise;
use super::silence::Silence;
use super::suspicion::{ProbePace, Prober, Suspicion};
use super::trickle::Trickle;
use super::unit::{Lost, Progress, Unit};
use super::write_buffer::WriteBuffer;
use crate::cache::task::AbortOnDrop;
use crate::command::{BlockTime, Command};
use crate::error::{Delivery, Error, ErrorKind};
use crate::resp::Decoder;
use crate::route::Suspicions;
use crate::value::{ServerError, Value};

/// No more commands are encoded while this many bytes wait for the socket: those that are not can still be
/// withdrawn by their callers.
const WRITE_BUFFER: usize = 256 * 1024;

/// After this many reads in a row it is time to write: input without end must not keep commands waiting.
const READS: usize = 32;

/// No more yields than this before a flush: commands without end must not keep the first ones waiting.
const YIELDS: u8 = 4;

/// A connection younger than this is not replaced for want of credentials: its successor would be no better off.
const RETIRES_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Driver<IO> {
    io: IO,
    queue: Arc<Queue>,
    /// Taken from the queue, not yet encoded.
    taken: VecDeque<Entry>,
    write_buffer: WriteBuffer,
    /// Encoded, not yet answered, in the order of their replies.
    in_flight: VecDeque<InFlight>,
    read_buffer: ReadBuffer,
    /// What the handshake left unread has yet to be looked at.
    has_unread: bool,
    /// Bytes encoded since the connection began.
    encoded: u64,
    /// Bytes written since the connection began.
    written: u64,
    /// Calls answered since the last flush: how many callers may be about to send their next command.
    answered: usize,
    /// Yields to the scheduler since the last flush.
    yields: u8,
    /// What `encoded` was at the last yield.
    encoded_at_yield: u64,
    /// The socket may hold back bytes that it was given, as a TLS stream does.
    is_unflushed: bool,
    /// The socket took nothing the last time.
    is_blocked: bool,
    /// What was encoded last is due from when the socket is offered it: nothing was due before.
    begins: bool,
    /// Commands may have waited for so long that nobody wants them any more.
    has_waited: bool,
    silence: Silence,
    /// Set while the connection is suspect: nothing new is written then.
    suspicion: Option<Suspicion>,
    prober: Option<Prober>,
    probe_pace: ProbePace,
    suspicions: Option<Suspicions>,
    trickle: Trickle,
    fence: Fence,
    since: Instant,
    /// The task that renews the credentials.
    _renewal: Option<AbortOnDrop>,
}

struct InFlight {
    due: Due,
    /// The position of the first byte of what the next reply is for, as counted by `Driver::encoded`.
    start: u64,
    bytes: usize,
}

/// What each command in flight costs in memory, in bytes.
#[cfg(test)]
pub(super) const IN_FLIGHT: usize = size_of::<InFlight>();

/// Whose the reply is.
enum Due {
    /// Nobody's: it is to an `ASKING`, or to a `PING` of the driver's own.
    Nobody,
    /// The renewal's: it is to an `AUTH`.
    Credentials(Promise),
    One {
        promise: Promise,
        /// Its caller is prepared to hear nothing for longer than what makes others suspicious.
        may_be_silent: bool,
        /// The server answers it when something happens, and not when it can.
        blocks: bool,
    },
    /// A batch's, of which more may be due.
    Unit(Box<Unit>),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    pub(super) fn new(
        io: IO,
        queue: Arc<Queue>,
        decoder: Decoder,
        unread: BytesMut,
        config: &Config,
        prober: Option<Prober>,
        renewal: Option<AbortOnDrop>,
    ) -> Self {
        Self {
            io,
            queue,
            taken: VecDeque::new(),
            write_buffer: WriteBuffer::default(),
            in_flight: VecDeque::new(),
            has_unread: !unread.is_empty(),
            read_buffer: ReadBuffer::new(decoder, unread),
            encoded: 0,
            written: 0,
            answered: 0,
            yields: 0,
            encoded_at_yield: 0,
            is_unflushed: false,
            is_blocked: false,
            begins: false,
            has_waited: false,
            silence: Silence::new(config),
            suspicion: None,
            prober,
            probe_pace: ProbePace::default(),
            suspicions: config.suspicions.clone(),
            trickle: Trickle::default(),
            fence: Fence::default(),
            since: Instant::now(),
            _renewal: renewal,
        }
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.poll_read(cx)? {
                cx.waker().wake_by_ref();
            }
            let taken = self.fill(cx);
            if self.write_buffer.is_empty() && !self.is_unflushed {
                return match taken {
                    Taken::Finished if self.is_over() => {
                        // Whatever the peer makes of it, nothing is left to lose.
                        let _ = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
                        Poll::Ready(Ok(()))
                    }
                    _ => self.poll_silence(cx).map(Err),
                };
            }
            if self.expects_more() {
                self.yields += 1;
                self.encoded_at_yield = self.encoded;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // The peer may have answered something before it left.
                    for _ in 0..READS {
                        if !self.poll_read(cx)? {
                            break;
                        }
                    }
                    return Poll::Ready(Err(lost("writing to the connection failed", error)));
                }
                Poll::Pending => return self.poll_silence(cx).map(Err),
            }
            self.yields = 0;
            self.answered = 0;
        }
    }

    /// True while other callers are likely to add to what is about to be written. A yield to the scheduler lets
    /// them: on a busy connection that is worth far more than the write costs to wait, and so is another one as
    /// long as they do. Alone, it would only add latency.
    fn expects_more(&self) -> bool {
        let is_alone = self.answered <= 1 && self.in_flight.len() <= 1;
        !is_alone && self.yields < YIELDS && self.encoded > self.encoded_at_yield
    }

    /// Takes commands from the queue and encodes them, as far as the write buffer goes; none for a peer that is silent.
    fn fill(&mut self, cx: &Context<'_>) -> Taken {
        if self.suspicion.is_some() {
            return Taken::Some;
        }
        let mut skipped = (0, 0);
        let was_idle = self.in_flight.is_empty();
        let late = self.has_waited.then(Instant::now);
        let outcome = loop {
            if self.write_buffer.len() >= WRITE_BUFFER || self.fence.is_up() {
                self.has_waited = true;
                break Taken::Some;
            }
            let Some(entry) = self.taken.pop_front() else {
                let admits_credentials = self.fence.admits_credentials();
                match (self.queue).take(&mut self.taken, cx.waker(), admits_credentials) {
                    Taken::Some => continue,
                    Taken::Credentials => {
                        self.encode_credentials();
                        continue;
                    }
                    outcome => {
                        self.has_waited = false;
                        break outcome;
                    }
                }
            };
            let Entry {
                command,
                promise,
                bytes,
            } = entry;
            if late.is_some_and(|now| command.deadline().is_some_and(|deadline| deadline <= now)) {
                let error = future::expired(Delivery::NotSent);
                promise.fulfil(Err(error.with_node(self.queue.addr().clone())));
                skipped.0 += queue::weight(&command);
                skipped.1 += bytes;
                continue;
            }
            let is_wanted = match command.batch() {
                Some(batch) if !batch.is_transaction() => promise.take_to_gather(batch),
                _ => promise.take(),
            };
            if !is_wanted {
                skipped.0 += queue::weight(&command);
                skipped.1 += bytes;
                continue;
            }
            let start = self.encoded;
            let before = self.write_buffer.len();
            let due = self.encode(&command, promise);
            self.encoded += (self.write_buffer.len() - before) as u64;
            self.in_flight.push_back(InFlight { due, start, bytes });
        };
        if skipped.0 > 0 {
            self.queue.release(skipped.0, skipped.1);
        }
        self.begins |= was_idle && !self.in_flight.is_empty();
        outcome
    }

    fn encode_credentials(&mut self) {
        let Some((command, promise)) = self.queue.take_credentials() else {
            return;
        };
        if !promise.take() {
            return;
        }
        let start = self.encoded;
        let before = self.write_buffer.len();
        self.write_buffer.encode_alone(&command);
        self.encoded += (self.write_buffer.len() - before) as u64;
        self.in_flight.push_back(InFlight {
            due: Due::Credentials(promise),
            start,
            bytes: 0,
        });
        self.fence.raise();
    }

    fn encode(&mut self, command: &Command, promise: Promise) -> Due {
        if command.is_exclusive() {
            // It may have opened a transaction, in which a command of the driver's own has no place.
            self.silence.bear_idleness();
            self.fence.note(command);
        }
        let blocks = command.block_time() != BlockTime::NotBlocking;
        let may_be_silent = blocks || self.is_patient(command);
        if let Some(batch) = command.batch() {
            let buffer = &mut self.write_buffer;
            let unit = Unit::encode(command, batch, promise, may_be_silent, buffer, self.encoded);
            return Due::Unit(Box::new(unit));
        }
        if command.is_asking() {
            self.in_flight.push_back(InFlight {
                due: Due::Nobody,
                start: self.encoded,
                bytes: 0,
            });
        }
        self.write_buffer.encode(command);
        Due::One {
            promise,
            may_be_silent,
            blocks,
        }
    }

    /// True if the caller gave the command, by itself and with somebody who keeps the time, longer than it takes to become
    /// suspicious.
    fn is_patient(&self, command: &Command) -> bool {
        let is_longer = |timeout| self.silence.is_shorter_than(timeout);
        command.deadline().is_some() && command.own_timeout().is_some_and(is_longer)
    }

    /// True if nobody waits for a reply, and none need be waited for: none is due to a caller, or a command blocks on the
    /// server. What the server would pop for it would be lost, so the connection is closed rather than drained.
    fn is_over(&self) -> bool {
        let mut is_due = false;
        let mut is_blocking = false;
        for InFlight { due, .. } in &self.in_flight {
            match due {
                Due::Nobody | Due::Credentials(_) => {}
                Due::One { promise, .. } if !promise.is_abandoned() => return false,
                Due::One { blocks, .. } => {
                    is_due = true;
                    is_blocking |= blocks;
                }
                // It does not block, and its commands are not given up while they can be answered.
                Due::Unit(_) => return false,
            }
        }
        is_blocking || !is_due
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.begins) {
            self.silence.restart();
        }
        while !self.write_buffer.is_empty() {
            let Poll::Ready(written) = self.write_buffer.poll_write(cx, &mut self.io) else {
                self.is_blocked = true;
                return Poll::Pending;
            };
            self.written += written? as u64;
            self.is_unflushed = true;
            if std::mem::take(&mut self.is_blocked) {
                // The peer has taken what was before this: it is alive, and a large command may take it long.
                // A write that never had to wait proves nothing.
                self.heard();
            }
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Reads what there is, and hands out the replies. True if there may be more to read at once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if std::mem::take(&mut self.has_unread) {
            self.hand_out()?;
        }
        for _ in 0..READS {
            match self.read_buffer.poll_read(cx, &mut self.io) {
                Poll::Ready(Ok(0)) => return Err(self.closed_by_peer()),
                Poll::Ready(Ok(bytes)) => self.trickle.read(bytes),
                Poll::Ready(Err(error)) => {
                    return Err(lost("reading from the connection failed", error));
                }
                Poll::Pending => return Ok(false),
            }
            self.stirred();
            self.hand_out()?;
            if self.trickle.take_progress() {
                self.silence.restart();
            }
        }
        Ok(true)
    }

    /// Decodes what was read, and gives each reply to whom it is for.
    fn hand_out(&mut self) -> Result<(), Error> {
        let mut released = (0, 0);
        let mut has_replies = false;
        let outcome = loop {
            match self.read_buffer.decode() {
                Ok(Some(Value::Push(_))) => {
                    if let Err(error) = self.trickle.pushed() {
                        break Err(error);
                    }
                }
                Ok(Some(value)) => {
                    let Some(InFlight { due, start, bytes }) = self.pop_written() else {
                        break Err(unasked());
                    };
                    has_replies = true;
                    if (value.as_error()).is_some_and(ServerError::is_unauthenticated) {
                        self.retire();
                    }
                    match due {
                        Due::Nobody => {}
                        Due::Credentials(promise) => {
                            if let Err(error) = self.fence.lower(&value) {
                                break Err(error);
                            }
                            promise.fulfil(Ok(value));
                        }
                        Due::One { promise, .. } => {
                            self.answered += 1;
                            released.0 += 1;
                            released.1 += bytes;
                            promise.fulfil(Ok(value));
                        }
                        Due::Unit(unit) => {
                            let commands = unit.commands();
                            match unit.accept(value) {
                                Progress::Due(start, unit) => self.put_back(unit, start, bytes),
                                Progress::Answered => {
                                    self.answered += 1;
                                    released.0 += commands;
                                    released.1 += bytes;
                                }
                                Progress::Malformed(error, unit) => {
                                    self.put_back(unit, start, bytes);
                                    break Err(error);
                                }
                            }
                        }
                    }
                }
                // Whole, it would be the reply to what is asked meanwhile.
                Ok(None) if !self.is_written() && self.read_buffer.has_begun_reply() => {
                    break Err(unasked());
                }
                Ok(None) => break Ok(()),
                Err(error) => {
                    break Err(Error::new(
                        ErrorKind::Protocol,
                        "the server sent something that is not RESP",
                    )
                    .with_source(error));
                }
            }
        };
        if released.0 > 0 {
            self.queue.release(released.0, released.1);
        }
        if has_replies {
            self.trickle.replied();
        }
        outcome
    }

    /// Takes no more commands: the server no longer knows who we are. What was not sent is for another connection.
    fn retire(&mut self) {
        if self.since.elapsed() < RETIRES_AFTER {
            return;
        }
        let error = Error::new(
            ErrorKind::Connection,
            "the server asks for credentials again, and the connection is replaced",
        )
        .with_node(self.queue.addr().clone());
        let pending = self.queue.retire(error.clone());
        for Entry { promise, .. } in self.taken.drain(..).chain(pending) {
            promise.fulfil(Err(error.clone()));
        }
    }

    /// Keeps a unit of which more replies are due.
    fn put_back(&mut self, unit: Box<Unit>, start: u64, bytes: usize) {
        let due = Due::Unit(unit);
        self.in_flight.push_front(InFlight { due, start, bytes });
    }

    /// The command that the next reply is for. One of which no byte is written cannot be.
    fn pop_written(&mut self) -> Option<InFlight> {
        self.is_written().then(|| self.in_flight.pop_front())?
    }

    /// True if something is written that the next reply may be for.
    fn is_written(&self) -> bool {
        (self.in_flight.front()).is_some_and(|first| first.start < self.written)
    }

    fn closed_by_peer(&self) -> Error {
        let message = if self.in_flight.is_empty() && self.read_buffer.is_empty() {
            "the server closed the connection"
        } else {
            "the server closed the connection before the reply"
        };
        Error::new(ErrorKind::Connection, message)
    }
}

impl<IO> Driver<IO> {
    /// Ends the connection, and tells everyone who waits how far their command got.
    fn fail(&mut self, error: Error) {
        let error = error.with_node(self.queue.addr().clone());
        let not_sent = error.with_delivery(Delivery::NotSent);
        let lost = Lost {
            written: self.written,
            unknown: not_sent.clone().with_delivery(Delivery::Unknown),
            not_sent,
        };
        let pending = self.queue.close(lost.not_sent.clone());
        for InFlight { due, start, .. } in self.in_flight.drain(..) {
            match due {
                // Whom it concerns ends with us.
                Due::Nobody | Due::Credentials(_) => {}
                Due::One { promise, .. } => promise.fulfil(Err(lost.error(lost.is_written(start)))),
                Due::Unit(unit) => unit.fail(&lost),
            }
        }
        for Entry { promise, .. } in self.taken.drain(..).chain(pending) {
            promise.fulfil(Err(lost.not_sent.clone()));
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Future for Driver<IO> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let error = match ready!(self.poll_drive(cx)) {
            Ok(()) => Error::new(
                ErrorKind::Shutdown,
                "the connection was closed, having no handle left",
            ),
            Err(error) => {
                let addr = self.queue.addr();
                tracing::debug!(
                    server.address = addr.host(),
                    server.port = addr.port(),
                    in_flight = self.in_flight.len(),
                    %error,
                    "connection lost"
                );
                error
            }
        };
        self.fail(error);
        Poll::Ready(())
    }
}

impl<IO> Drop for Driver<IO> {
    fn drop(&mut self) {
        // The runtime or the client is shutting down, unless the driver has ended by itself and nobody waits any more.
        self.fail(Error::new(
            ErrorKind::Shutdown,
            "the connection was ended by a shutdown",
        ));
    }
}

fn unasked() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the server sent a reply that no command asked for",
    )
}

fn lost(what: &'static str, error: io::Error) -> Error {
    Error::new(ErrorKind::Connection, what).with_source(error)
}
