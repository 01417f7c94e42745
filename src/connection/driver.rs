//! The task that owns the socket.
//!
//! It reads and writes in one future, so that neither waits for the other, and is woken by the socket, by the
//! first command after it ran dry, by the timers of the deadlines and of the silence, and by the probe of a suspect
//! connection.

mod overdue;
mod reading;
mod silent;
mod writing;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::coalescing::Coalescing;
use super::config::Config;
use super::deadlines::Deadlines;
use super::fence::Fence;
use super::handshake::Established;
use super::outgoing::Outgoing;
use super::queue::Queue;
use super::read_buffer::ReadBuffer;
use super::reply::Promise;
use super::silence::Silence;
use super::suspicion::{ProbePace, Prober, Suspicion};
use super::trickle::Trickle;
use super::unit::{Lost, Unit};
use super::write_buffer::WriteBuffer;
use crate::error::{Delivery, Error, ErrorKind};
use crate::route::Suspicions;
use crate::task::AbortOnDrop;

pub(super) struct Driver<IO> {
    io: IO,
    failed_writes: FailedWrites,
    queue: Arc<Queue>,
    /// Taken from the queue, not yet encoded.
    taken: Outgoing,
    write_buffer: WriteBuffer,
    /// Encoded, not yet answered, in the order of their replies.
    in_flight: VecDeque<InFlight>,
    read_buffer: ReadBuffer,
    /// What the handshake left unread has yet to be looked at.
    has_unread: bool,
    /// Bytes encoded since the connection began.
    encoded: u64,
    /// Bytes written since the connection began, at most.
    written: u64,
    coalescing: Coalescing,
    /// The socket may hold back bytes that it was given, as a TLS stream does.
    is_unflushed: bool,
    /// The socket took nothing the last time.
    is_blocked: bool,
    /// What was encoded last is due from when the socket is offered it: nothing was due before.
    begins: bool,
    /// Commands may have waited for so long that nobody wants them any more.
    has_waited: bool,
    silence: Silence,
    deadlines: Deadlines,
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

/// What became of the bytes that a stream was offered, and failed to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FailedWrites {
    /// None was written: a socket tells how many it took.
    WriteNothing,
    /// Some may have been: a stream that writes in several steps, as TLS does a record at a time, forgets those before the
    /// one that fails.
    MayWrite,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    pub(super) fn new(
        io: IO,
        failed_writes: FailedWrites,
        queue: Arc<Queue>,
        established: Established,
        config: &Config,
        prober: Option<Prober>,
        renewal: Option<AbortOnDrop>,
    ) -> Self {
        let Established {
            decoder, unread, ..
        } = established;
        Self {
            io,
            failed_writes,
            queue,
            taken: Outgoing::default(),
            write_buffer: WriteBuffer::default(),
            in_flight: VecDeque::new(),
            has_unread: !unread.is_empty(),
            read_buffer: ReadBuffer::new(decoder, unread),
            encoded: 0,
            written: 0,
            coalescing: Coalescing::default(),
            is_unflushed: false,
            is_blocked: false,
            begins: false,
            has_waited: false,
            silence: Silence::new(config),
            deadlines: Deadlines::default(),
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
            let is_finished = self.fill(cx);
            if self.write_buffer.is_empty() && !self.is_unflushed {
                if is_finished && self.is_over() {
                    // Whatever the peer makes of it, nothing is left to lose.
                    let _ = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
                    return Poll::Ready(Ok(()));
                }
                return self.poll_silence(cx).map(Err);
            }
            if (self.coalescing).expects_more(self.in_flight.len(), self.encoded) {
                self.coalescing.yielded(self.encoded);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    if self.failed_writes == FailedWrites::MayWrite {
                        self.written = self.encoded;
                    }
                    self.read_the_rest(cx)?;
                    return Poll::Ready(Err(lost("writing to the connection failed", error)));
                }
                Poll::Pending => return self.poll_silence(cx).map(Err),
            }
            self.coalescing.flushed();
        }
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
        let taken = std::mem::take(&mut self.taken);
        for promise in taken.into_promises().chain(pending.into_promises()) {
            promise.fulfil(Err(lost.not_sent.clone()));
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Future for Driver<IO> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Poll::Ready(outcome) = self.poll_drive(cx) else {
            self.see_to_deadlines(cx);
            return Poll::Pending;
        };
        let error = match outcome {
            Ok(()) => Error::not_sent(
                ErrorKind::Shutdown,
                "the connection was closed, having no handle left",
            ),
            Err(error) => {
                let addr = self.queue.addr();
                tracing::debug!(
                    server.address = addr.server_address(),
                    server.port = addr.server_port(),
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
        self.fail(Error::not_sent(
            ErrorKind::Shutdown,
            "the connection was ended by a shutdown",
        ));
    }
}

fn lost(what: &'static str, error: io::Error) -> Error {
    Error::not_sent(ErrorKind::Connection, what).with_source(error)
}
