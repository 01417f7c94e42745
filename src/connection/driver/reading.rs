//! What comes in: replies are decoded, and each is given to whom it is for.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Due, InFlight, lost};
use crate::connection::unit::{Progress, Unit};
use crate::error::{Error, ErrorKind};
use crate::value::{ServerError, Value};

/// After this many reads in a row it is time to write: input without end must not keep commands waiting.
const READS: usize = 32;

/// A connection younger than this is not replaced for want of credentials: its successor would be no better off.
const RETIRES_AFTER: Duration = Duration::from_secs(1);

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    /// Reads what there is, and hands out the replies. True if there may be more to read at once.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
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
                self.silence.progressed();
            }
        }
        Ok(true)
    }

    /// Reads what the peer may have answered before it left, as far as is reasonable.
    pub(super) fn read_the_rest(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        for _ in 0..READS {
            if !self.poll_read(cx)? {
                break;
            }
        }
        Ok(())
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
                            self.coalescing.answered();
                            released.0 += 1;
                            released.1 += bytes;
                            promise.fulfil(Ok(value));
                        }
                        Due::Unit(unit) => {
                            let commands = unit.commands();
                            match unit.accept(value) {
                                Progress::Due(start, unit) => self.put_back(unit, start, bytes),
                                Progress::Answered => {
                                    self.coalescing.answered();
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
                    break Err(Error::not_sent(
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
        let error = Error::not_sent(
            ErrorKind::Connection,
            "the server asks for credentials again, and the connection is replaced",
        )
        .with_node(self.queue.addr().clone());
        let pending = self.queue.retire(error.clone());
        let taken = std::mem::take(&mut self.taken);
        for promise in taken.into_promises().chain(pending.into_promises()) {
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
        Error::not_sent(ErrorKind::Connection, message)
    }
}

fn unasked() -> Error {
    Error::not_sent(
        ErrorKind::Protocol,
        "the server sent a reply that no command asked for",
    )
}
