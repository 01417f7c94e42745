//! A [`Connection`] to one node: multiplexed, auto-pipelined, cheap to clone.
//!
//! Many callers share one socket. Commands go out in the order in which they were called, as many in one write
//! as have come together, and replies are matched to them by position. A task of the connection's own, the
//! driver, reads and writes; it ends when the last handle is dropped and what was in flight is answered, or
//! when the connection is lost.
//!
//! Rules that never break:
//!
//! - A caller that goes away leaves its place: its late reply is read and dropped. If the driver had not yet taken its
//!   command for writing, it is never sent.
//! - A command is written whole, or the connection ends. `ASKING` and its command are adjacent, and so are the
//!   commands of a [batch](#batches).
//! - When the connection ends, each caller learns whether its command was [sent](crate::Delivery). Replies that
//!   were read are delivered.
//! - Reading never waits for writing, nor writing for reading.
//! - Commands and bytes in flight are [bounded](Config). While a bound is reached, `poll_ready` is pending.
//! - Nothing new is written to a peer that is [silent](#suspicion) although replies are due.
//! - A command whose deadline passed while it waited for its turn is not written.
//! - Anything malformed ends the connection.
//!
//! # Credentials
//!
//! When [credentials change](crate::connect::CredentialsProvider) while the connection is in use, the new ones go out as
//! `AUTH`, and nothing behind it until its reply has come. If the server answers a command with `NOAUTH`, as some do when
//! what they were given has ended, the connection takes no more commands: those in flight get their replies, and those
//! not yet written are [not sent](crate::Delivery::NotSent). So that a server which lets nobody in is not dialled
//! without end, this is for connections older than a second.
//!
//! # Deadlines
//!
//! Whoever waits for the reply to a command that has a [deadline](crate::Command::set_deadline) is woken when it has passed,
//! 10 ms after it at the latest, and then gets an error of kind [`Timeout`](crate::ErrorKind::Timeout) that tells how far the
//! command got. The driver looks at the deadlines of all its commands with one timer, so that a
//! [`Timeout`](crate::TimeoutLayer) around it sets none for a request that waits for nothing else.
//!
//! # Batches
//!
//! A [pipeline](crate::Command::pipeline) or a [transaction](crate::Command::transaction) is one call and one
//! unit: it is withdrawn as a whole or written as a whole, with nothing of others in between, and has one answer.
//!
//! - A pipeline is answered with an array of all replies. Each command that needs an `ASKING` gets its own.
//!   Without commands it is answered at once with an empty array.
//! - A transaction goes out as `MULTI`, the commands and `EXEC`, behind one `ASKING` where asked for. It is answered
//!   with the reply to `EXEC`: nil if a watched key was changed. If the server refused to queue a command, the answer
//!   is that first error, which says more than the `EXECABORT` that follows it. Without commands it is sent all
//!   the same: the answer tells whether what was watched has changed. While the slot moves, servers want all keys of a
//!   transaction in one place, and `EXEC` is answered with `TRYAGAIN` until they are.
//! - If `MULTI` itself is refused (an ACL without it), the commands behind it may have been applied one by one:
//!   unless all were refused, that is an error with [`Delivery::Unknown`](crate::Delivery::Unknown).
//! - When the connection is lost or the deadline passes, replies to a pipeline's commands that were read are not
//!   lost: the batch keeps what is known of each command. A transaction of which `EXEC` was not written is
//!   [not applied](crate::Delivery::NotApplied), if the server had begun to queue it.
//!
//! Blocking commands are refused in a batch, and so are batches.
//!
//! # Readiness
//!
//! `poll_ready` reserves nothing. Callers that were told at the same moment that the connection is ready may
//! exceed the bounds by their number, up to as many as the bound on commands; beyond that, calls are refused. An
//! error means that the connection is finished. A batch counts with all its commands, and one that is larger than the
//! bounds passes when they are not reached.
//!
//! # Suspicion
//!
//! Replies that are due and do not come may be late because of the server, which is stopped, busy or slow, or because of
//! the connection, whose packets are dropped on the way. From [`Config::suspect_after`] on without a byte, the connection
//! is *suspect*: `poll_ready` is pending, and what was called all the same is held back, to be withdrawn by its callers as
//! [not sent](crate::Delivery::NotSent). One byte ends that.
//!
//! Meanwhile a connection that a [`Connector`](crate::Connector) made finds out which it is. It makes another to the same
//! node, only to let go of it, and not more than one at a time:
//!
//! - A server that is stopped or busy answers neither. That costs it one connection, however long it lasts. Attempts that
//!   fail are repeated after pauses of 200 ms at first and 2 s at most.
//! - If the server makes the handshake there and still nothing arrives here for 100 ms, this connection ends with an error
//!   of kind [`Timeout`](crate::ErrorKind::Timeout): the next `poll_ready` says so, and the cache makes another. While
//!   somebody waits for the reply that is next, it has twice the time of `suspect_after`: servers do hold back replies on
//!   one connection alone, as for writes during a failover.
//! - If neither can be said, [`Config::stall_timeout`] ends the connection.
//!
//! Silence is no reason for suspicion while the command whose turn it is blocks by its own wish, or was given a
//! [timeout of its own](crate::Command::timeout) that is longer, and its caller waits. A slow command of a module that
//! runs beside the server's own thread should be given one.
//!
//! A process that did not get to run has no ears: the socket is looked at before the clock, and after a timer that was
//! late the silence begins anew, once and for a quarter of the time. On an idle connection, a `PING` now and then
//! ([`Config::ping_interval`]) makes replies due.
//!
//! # When not to use it
//!
//! Commands that change the state of a connection (`SUBSCRIBE`, `MULTI`, `SELECT`, ...) are refused: it has
//! other users. Blocking commands such as `BLPOP` are accepted, but **the server answers nothing else on this
//! connection while one blocks**. An [`ExclusiveLaneLayer`](crate::ExclusiveLaneLayer) in the stack, as in the
//! builder's, gives connections of their own to both.
//!
//! When the last handle is gone while a command blocks for nobody, the connection is closed at once, so that the server
//! stops waiting; otherwise what is in flight is answered first. If the connection is suspect, or once it becomes so, it
//! ends when it has lasted twice as long, and those who wait learn that their fate is [unknown](crate::Delivery::Unknown).

mod coalescing;
mod config;
mod deadlines;
mod driver;
mod fence;
pub mod future;
pub(crate) mod handshake;
mod outgoing;
mod queue;
mod read_buffer;
mod refused;
mod renewal;
mod reply;
mod silence;
mod suspicion;
mod timer;
mod transaction;
mod trickle;
mod unit;
mod write_buffer;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::futures::OwnedNotified;
use tower::Service;

pub use self::config::Config;
use self::driver::Driver;
pub(crate) use self::driver::FailedWrites;
use self::future::ResponseFuture;
use self::handshake::Established;
use self::outgoing::SmallCommand;
use self::queue::{Queue, State};
pub(crate) use self::refused::{changes_state, check_part};
pub(crate) use self::renewal::Renewal;
pub(crate) use self::suspicion::Prober;
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::Error;
use crate::task::AbortOnDrop;
use crate::value::Value;

/// A connection to one node. See the [module docs](self).
pub struct Connection {
    handle: Arc<Handle>,
    /// Set while the bounds are reached, to be told when there is room.
    waiting: Option<Pin<Box<OwnedNotified>>>,
}

/// What all clones share. Its drop lets the driver end.
struct Handle {
    queue: Arc<Queue>,
}

impl Connection {
    /// A connection over `io`, on which the handshake is done, and its driver task.
    ///
    /// Without a prober, only the stall timeout ends a silent connection. `renewal` has asked for the credentials that were
    /// sent.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn new<IO>(
        io: IO,
        failed_writes: FailedWrites,
        addr: NodeAddr,
        established: Established,
        config: &Config,
        prober: Option<Prober>,
        renewal: Option<Renewal>,
    ) -> Self
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let queue = Arc::new(Queue::new(addr, config));
        let renewal = renewal.filter(Renewal::is_due_ever);
        let renewal = renewal.map(|renewal| {
            AbortOnDrop::new(config.lifecycle.spawn(renewal.run(Arc::clone(&queue))))
        });
        let driver = Driver::new(
            io,
            failed_writes,
            Arc::clone(&queue),
            established,
            config,
            prober,
            renewal,
        );
        config.lifecycle.spawn(driver);
        Self {
            handle: Arc::new(Handle { queue }),
            waiting: None,
        }
    }

    /// The node this is a connection to.
    pub fn addr(&self) -> &NodeAddr {
        self.handle.queue.addr()
    }

    /// True if the connection is finished.
    pub fn is_closed(&self) -> bool {
        self.handle.queue.state() == State::Closed
    }

    /// True while the connection is [suspect](self#suspicion): nothing arrives although replies are due.
    pub fn is_suspect(&self) -> bool {
        self.handle.queue.state() == State::Suspect
    }
}

// ===== impl Connection =====

impl Service<Command> for Connection {
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let queue = &self.handle.queue;
        loop {
            match queue.state() {
                State::Open => {
                    self.waiting = None;
                    return Poll::Ready(Ok(()));
                }
                State::Closed => return Poll::Ready(Err(queue.closed())),
                State::Full | State::Suspect => {}
            }
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(Arc::clone(&queue.room).notified_owned()));
            if waiting.as_mut().poll(cx).is_ready() {
                self.waiting = None;
            } else if matches!(queue.state(), State::Full | State::Suspect) {
                // Looked at after registering: room made in between is not missed.
                return Poll::Pending;
            }
        }
    }

    #[inline]
    fn call(&mut self, command: Command) -> ResponseFuture {
        let Some(small) = SmallCommand::of(&command) else {
            return self.call_by_rules(command);
        };
        let queue = &self.handle.queue;
        ResponseFuture::of(queue.push_small(small, command.deadline()))
    }
}

impl Connection {
    /// Queues any command.
    #[inline(never)]
    fn call_by_rules(&self, command: Command) -> ResponseFuture {
        if let Some(refused) = refused::check(&command) {
            return ResponseFuture::refused(refused);
        }
        if command
            .batch()
            .is_some_and(|batch| batch.is_empty_pipeline())
        {
            return ResponseFuture::empty();
        }
        ResponseFuture::of(self.handle.queue.push(command))
    }
}

impl Clone for Connection {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            // Readiness is each clone's own.
            waiting: None,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("addr", self.addr())
            .field("state", &self.handle.queue.state())
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.drain();
    }
}

#[cfg(test)]
mod tests;
