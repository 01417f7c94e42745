//! A batch in flight: several commands that are one unit to their caller and on the wire.
//!
//! ```text
//!   pipeline      [ASKING] command, [ASKING] command, ...
//!   transaction   [ASKING] MULTI, command, ..., EXEC
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use super::queue;
use super::reply::Promise;
use super::transaction::Transaction;
use super::write_buffer::WriteBuffer;
use crate::command::{Batch, Command};
use crate::error::{Delivery, Error};
use crate::value::Value;

/// A batch that was encoded, and of which replies are due.
pub(super) struct Unit {
    promise: Promise,
    /// What the next replies answer. Not empty.
    due: VecDeque<Part>,
    /// `None` for a pipeline.
    transaction: Option<Transaction>,
    commands: usize,
    may_be_silent: bool,
}

/// One command on the wire.
struct Part {
    role: Role,
    /// The position of its first byte.
    start: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Asking,
    Multi,
    /// A command, by itself or in a transaction.
    Command,
    Exec,
}

/// The parts of a unit while they are encoded.
struct Parts<'a> {
    buffer: &'a mut WriteBuffer,
    /// How long the buffer was, and where its end was in the stream.
    before: usize,
    position: u64,
    due: VecDeque<Part>,
}

/// What became of a unit when one more reply had come.
pub(super) enum Progress {
    /// More replies are due; the next is for what starts at this position.
    Due(u64, Box<Unit>),
    /// Its caller has been answered.
    Answered,
    /// The reply makes no sense, and is not counted.
    Malformed(Error, Box<Unit>),
}

/// Why a connection ends, as it is told to whom it concerns.
pub(super) struct Lost {
    /// Bytes written until then.
    pub(super) written: u64,
    pub(super) not_sent: Error,
    pub(super) unknown: Error,
}

impl Unit {
    /// Encodes the commands of a batch, side by side. `position` is where the buffer's end is in the stream.
    pub(super) fn encode(
        command: &Command,
        batch: &Arc<Batch>,
        promise: Promise,
        may_be_silent: bool,
        buffer: &mut WriteBuffer,
        position: u64,
    ) -> Self {
        let mut parts = Parts {
            before: buffer.len(),
            buffer,
            position,
            due: VecDeque::with_capacity(batch.commands().len() + 3),
        };
        let is_asking = command.is_asking();
        let commands = batch.commands().iter();
        if batch.is_transaction() {
            // Within a transaction, servers keep the flag until `EXEC`.
            if is_asking || commands.clone().any(Command::is_asking) {
                parts.begin(Role::Asking).encode_asking();
            }
            parts.begin(Role::Multi).encode_multi();
            for command in commands {
                parts.begin(Role::Command).encode_alone(command);
            }
            parts.begin(Role::Exec).encode_exec();
        } else {
            // cluster spec: ASK redirection; the flag is for one command.
            for command in commands {
                if is_asking || command.is_asking() {
                    parts.begin(Role::Asking).encode_asking();
                }
                parts.begin(Role::Command).encode_alone(command);
            }
        }
        Self {
            promise,
            due: parts.due,
            transaction: batch
                .is_transaction()
                .then(|| Transaction::of(batch.commands().len())),
            commands: queue::weight(command),
            may_be_silent,
        }
    }

    /// How many commands it counts for.
    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// True if the caller waits, and is prepared to hear nothing for longer than what makes others suspicious.
    pub(super) fn may_be_silent(&self) -> bool {
        self.may_be_silent && self.is_waited_for()
    }

    pub(super) fn promise(&self) -> &Promise {
        &self.promise
    }

    /// True if the caller waits.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.promise.is_abandoned()
    }

    /// Takes the reply to its next part.
    pub(super) fn accept(mut self: Box<Self>, reply: Value) -> Progress {
        let Some(part) = self.due.pop_front() else {
            unreachable!("a unit is given up with its last reply");
        };
        let accepted = match (part.role, &mut self.transaction) {
            // What it was asked for says whether it was of use.
            (Role::Asking, _) => Ok(()),
            (Role::Multi, Some(transaction)) => transaction.opened(&reply),
            (Role::Command, Some(transaction)) => transaction.queued(&reply),
            (Role::Exec, Some(transaction)) => match transaction.executed(reply) {
                Ok(result) => {
                    self.promise.fulfil(result);
                    return Progress::Answered;
                }
                Err(error) => Err(error),
            },
            (_, None) => {
                self.promise.gather(reply);
                Ok(())
            }
        };
        if let Err(error) = accepted {
            self.due.push_front(part);
            return Progress::Malformed(error, self);
        }
        match self.due.front() {
            Some(next) => Progress::Due(next.start, self),
            None => {
                self.promise
                    .fulfil_gathered(|gathered| Ok(gathered.into_reply()));
                Progress::Answered
            }
        }
    }

    /// Tells the caller that the connection was lost, and what that means for each command.
    pub(super) fn fail(self, lost: &Lost) {
        match &self.transaction {
            Some(transaction) => {
                let error = self.transaction_lost(transaction, lost);
                self.promise.fulfil(Err(error));
            }
            None => self.pipeline_lost(lost),
        }
    }

    fn pipeline_lost(self, lost: &Lost) {
        let mut starts = self
            .due
            .iter()
            .filter(|part| part.role == Role::Command)
            .map(|part| part.start);
        let is_whole = starts.clone().count() == self.commands;
        if is_whole && starts.clone().all(|start| !lost.is_written(start)) {
            return self.promise.fulfil(Err(lost.not_sent.clone()));
        }
        self.promise.fulfil_gathered(|gathered| {
            gathered.record(|| {
                let start = starts.next();
                lost.error(start.is_some_and(|start| lost.is_written(start)))
            });
            Err(lost.unknown.clone())
        });
    }

    fn transaction_lost(&self, transaction: &Transaction, lost: &Lost) -> Error {
        let first = |role| self.due.iter().find(|part| part.role == role);
        let is_written = |role| first(role).is_none_or(|part| lost.is_written(part.start));
        let is_harmless = match first(Role::Multi) {
            Some(multi) if !lost.is_written(multi.start) => return lost.not_sent.clone(),
            // A server that refuses `MULTI` would apply the commands behind it.
            Some(_) => !is_written(Role::Command) && !is_written(Role::Exec),
            // What it has queued, it discards when the connection ends.
            None => transaction.is_open() && !is_written(Role::Exec),
        };
        if is_harmless {
            return lost.not_sent.clone().with_delivery(Delivery::NotApplied);
        }
        lost.unknown.clone()
    }
}

impl Parts<'_> {
    /// Takes note of what is encoded next.
    fn begin(&mut self, role: Role) -> &mut WriteBuffer {
        let start = self.position + (self.buffer.len() - self.before) as u64;
        self.due.push_back(Part { role, start });
        self.buffer
    }
}

impl Lost {
    pub(super) fn is_written(&self, start: u64) -> bool {
        start < self.written
    }

    /// The error of a command of which something was written, or nothing.
    pub(super) fn error(&self, is_written: bool) -> Error {
        if is_written {
            self.unknown.clone()
        } else {
            self.not_sent.clone()
        }
    }
}
