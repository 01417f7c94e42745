//! What the last outcome cannot know: how far the command got in the attempts before.

use super::RetryPolicy;
use crate::command::{Batch, Command, denies_too_much};
use crate::error::{Delivery, Error};
use crate::retry::failure::Failure;
use crate::value::Value;

impl RetryPolicy {
    /// Writes it into the last outcome. A refusal of the last attempt is an error reply, which cannot say that an attempt
    /// before it may have applied the command: it becomes an error that can.
    pub(in crate::retry) fn conclude<E: Failure>(
        &mut self,
        command: &Command,
        result: &mut Result<Value, E>,
    ) {
        if let Some(batch) = command.batch().filter(|batch| !batch.is_transaction()) {
            self.reached = self.reached.at_most(batch.reached());
        }
        match result {
            Err(error) => {
                if let Some(error) = error.ours_mut() {
                    self.annotate(error);
                }
            }
            Ok(Value::Error(reply)) if self.reached == Delivery::Unknown => {
                if denies_too_much(command, reply) {
                    let error = Error::server(reply.clone())
                        .with_delivery(Delivery::Unknown)
                        .with_attempts(self.attempts);
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
        let is_doubted = |(part, reply): (usize, &Value)| {
            (reply.as_error()).is_some_and(|reply| batch.is_doubted(part, reply))
        };
        if !replies.iter().enumerate().any(is_doubted) {
            return;
        }
        let replies = std::mem::take(replies).into_iter().map(Ok);
        let results = self.in_hindsight(batch, replies).collect();
        *result = batch.conclude(results).map_err(E::from_ours);
    }

    /// What the commands of a pipeline came to, given what they may have come to before, and after how many attempts.
    pub(super) fn in_hindsight(
        &self,
        batch: &Batch,
        results: impl Iterator<Item = Result<Value, Error>>,
    ) -> impl Iterator<Item = Result<Value, Error>> {
        let results = batch.in_hindsight(results);
        results.map(|result| {
            result.map_err(|error| {
                // Of several commands, the one whose failure is remembered may have been for another node.
                let earlier = self.earlier.as_ref();
                let earlier = earlier.filter(|earlier| earlier.node() == error.node());
                let error = Self::with_reason(error, earlier);
                match error.attempts() {
                    0 => error.with_attempts(self.attempts),
                    _ => error,
                }
            })
        })
    }
}
