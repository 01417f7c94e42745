//! What the last outcome cannot know: how far the command got in the attempts before.

use super::RetryPolicy;
use crate::command::{Batch, Command};
use crate::error::{Delivery, Error};
use crate::retry::failure::Failure;
use crate::value::{ServerError, Value};

impl RetryPolicy {
    /// Writes it into the last outcome. A refusal of the last attempt is an error reply, which cannot say that an attempt
    /// before it may have applied the command: it becomes an error that can.
    pub(in crate::retry) fn conclude<E: Failure>(
        &mut self,
        command: &Command,
        result: &mut Result<Value, E>,
    ) {
        match result {
            Err(error) => {
                if let Some(error) = error.ours_mut() {
                    self.annotate(error);
                }
            }
            Ok(Value::Error(reply)) if self.reached == Delivery::Unknown => {
                if let Some(error) = self.doubted(command, reply) {
                    *result = Err(E::from_ours(error));
                }
            }
            Ok(_) => {}
        }
    }

    /// As [`conclude`](Self::conclude), for the replies to a pipeline.
    pub(super) fn conclude_parts<E: Failure>(&self, batch: &Batch, result: &mut Result<Value, E>) {
        let Ok(Value::Array(replies)) = result else {
            return;
        };
        let mut replies_of_parts = replies.iter().zip(batch.commands()).enumerate();
        if !replies_of_parts.any(|(part, (reply, _))| self.is_doubted(batch, part, reply)) {
            return;
        }
        let results = std::mem::take(replies).into_iter().enumerate();
        let results = results.map(|(part, reply)| self.in_hindsight(batch, part, Ok(reply)));
        *result = batch.conclude(results.collect()).map_err(E::from_ours);
    }

    /// What a command of a pipeline came to, given what it may have come to before.
    pub(super) fn in_hindsight(
        &self,
        batch: &Batch,
        part: usize,
        result: Result<Value, Error>,
    ) -> Result<Value, Error> {
        let reached = self.reached_by(part);
        match result {
            Ok(Value::Error(reply)) if reached == Delivery::Unknown => {
                let doubted = self.doubted(&batch.commands()[part], &reply);
                doubted.map_or(Ok(Value::Error(reply)), Err)
            }
            Err(error) => {
                let reached = error.delivery().at_most(reached);
                Err(error.with_delivery(reached))
            }
            result => result,
        }
    }

    /// How far a command of a pipeline got at most in the attempts before this one.
    pub(super) fn reached_by(&self, part: usize) -> Delivery {
        let reached = self.reached_by_part.iter();
        let reached = reached.filter(|(of, _)| *of == part);
        reached.fold(Delivery::NotSent, |most, (_, reached)| {
            most.at_most(*reached)
        })
    }

    fn is_doubted(&self, batch: &Batch, part: usize, reply: &Value) -> bool {
        matches!(reply, Value::Error(reply) if self.reached_by(part) == Delivery::Unknown
            && self.doubted(&batch.commands()[part], reply).is_some())
    }

    /// The error that takes the place of an error reply, if the reply says too much.
    fn doubted(&self, command: &Command, reply: &ServerError) -> Option<Error> {
        let is_true = command.is_read_only() || reply.delivery() == Delivery::Unknown;
        (!is_true).then(|| {
            Error::server(reply.clone())
                .with_delivery(Delivery::Unknown)
                .with_attempts(self.attempts)
        })
    }
}
