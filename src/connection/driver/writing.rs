//! What goes out: commands are taken from the queue, encoded, and written together.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Driver, Due, InFlight};
use crate::command::{BlockTime, Command};
use crate::connection::future;
use crate::connection::outgoing::{Content, Entry};
use crate::connection::queue::{self, Taken};
use crate::connection::reply::Promise;
use crate::connection::unit::Unit;
use crate::connection::write_buffer::WriteBuffer;
use crate::error::Delivery;

/// No more commands are encoded while this many bytes wait for the socket: those that are not can still be
/// withdrawn by their callers.
const WRITE_BUFFER: usize = 256 * 1024;

impl<IO> Driver<IO> {
    /// Takes commands from the queue and encodes them, as far as the write buffer goes; none for a peer that is silent. True if
    /// none will come any more.
    pub(super) fn fill(&mut self, cx: &Context<'_>) -> bool {
        if self.suspicion.is_some() {
            return false;
        }
        let mut skipped = (0, 0);
        let was_idle = self.in_flight.is_empty();
        let late = self.has_waited.then(Instant::now);
        let is_finished = loop {
            if self.write_buffer.len() >= WRITE_BUFFER || self.fence.is_up() {
                self.has_waited = true;
                break false;
            }
            let Some(entry) = self.taken.pop() else {
                let admits_credentials = self.fence.admits_credentials();
                match (self.queue).take(&mut self.taken, cx.waker(), admits_credentials) {
                    Taken::Some => continue,
                    Taken::Credentials => {
                        self.encode_credentials();
                        continue;
                    }
                    Taken::Nothing => {
                        self.has_waited = false;
                        break false;
                    }
                    Taken::Finished => {
                        self.has_waited = false;
                        break true;
                    }
                }
            };
            let Entry {
                content,
                promise,
                bytes,
            } = entry;
            let command = content.command();
            let commands = command.map_or(1, queue::weight);
            let deadline = promise.deadline();
            if late.is_some_and(|now| deadline.is_some_and(|deadline| deadline <= now)) {
                let error = future::expired(Delivery::NotSent);
                promise.fulfil(Err(error.with_node(self.queue.addr().clone())));
                skipped.0 += commands;
                skipped.1 += bytes;
                continue;
            }
            let is_wanted = match command.and_then(Command::batch) {
                Some(batch) if !batch.is_transaction() => promise.take_to_gather(batch),
                _ => promise.take(),
            };
            if !is_wanted {
                skipped.0 += commands;
                skipped.1 += bytes;
                continue;
            }
            self.deadlines.note(deadline);
            let start = self.encoded;
            let before = self.write_buffer.len();
            let due = match content {
                Content::Encoded(range) => {
                    self.write_buffer.put(self.taken.encoded(range));
                    Due::One {
                        promise,
                        may_be_silent: false,
                        blocks: false,
                    }
                }
                Content::Command(command) => self.encode(&command, promise),
            };
            self.encoded += (self.write_buffer.len() - before) as u64;
            self.in_flight.push_back(InFlight { due, start, bytes });
        };
        if skipped.0 > 0 {
            self.queue.release(skipped.0, skipped.1);
        }
        self.begins |= was_idle && !self.in_flight.is_empty();
        is_finished
    }

    fn encode_credentials(&mut self) {
        let Some((command, promise)) = self.queue.take_credentials() else {
            return;
        };
        if !promise.take() {
            return;
        }
        self.put(Due::Credentials(promise), |buffer| {
            buffer.encode_alone(&command);
        });
        self.fence.raise();
    }

    /// Encodes something that counts for nothing against the bounds.
    pub(super) fn put(&mut self, due: Due, encode: impl FnOnce(&mut WriteBuffer)) {
        let start = self.encoded;
        let before = self.write_buffer.len();
        encode(&mut self.write_buffer);
        self.encoded += (self.write_buffer.len() - before) as u64;
        let bytes = 0;
        self.in_flight.push_back(InFlight { due, start, bytes });
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
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
}
