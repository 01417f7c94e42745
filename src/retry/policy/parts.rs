//! Which commands of a pipeline are sent again.

use super::RetryPolicy;
use crate::command::{Batch, Command, Outcome};
use crate::error::{Error, ErrorKind};
use crate::retry::backoff::Backoff;
use crate::retry::failure::Failure;
use crate::retry::setback::Setback;
use crate::value::Value;

impl RetryPolicy {
    /// Has those commands of a pipeline sent again of which that is safe.
    pub(super) fn retry_parts<E: Failure>(
        &mut self,
        command: &Command,
        batch: &Batch,
        result: &mut Result<Value, E>,
    ) -> Option<Backoff> {
        let mut parts = Setbacks::of(command, batch, result);
        if parts.is_empty() {
            self.has_ended(result.is_ok());
        }
        let backoff = self.next_of_parts(command, batch, &mut parts);
        if backoff.is_some()
            && let Some(setback) = parts.merged()
        {
            self.remember(setback);
        }
        match (&mut *result, &backoff) {
            (Ok(reply), Some(_)) => {
                parts.keep_replies(self, batch, std::mem::replace(reply, Value::Nil));
            }
            (Ok(_), None) => self.conclude_parts(batch, result),
            (Err(error), Some(_)) => parts.keep_outcomes(self, batch, &error.to_ours()),
            (Err(error), None) => {
                Setbacks::default().keep_outcomes(self, batch, &error.to_ours());
            }
        }
        backoff
    }

    /// What the commands of a pipeline came to, those included that were to be sent again.
    pub(super) fn settle_parts<E: Failure>(&self, batch: &Batch) -> Result<Value, E> {
        let results = batch.outcomes().into_iter().map(|outcome| match outcome {
            Outcome::Final(result) => result,
            Outcome::Again(error) => match error.server_error() {
                Some(reply) => Ok(Value::Error(reply.clone())),
                None => Err(error),
            },
            Outcome::Unsent => Err(Error::not_sent(ErrorKind::Other, "it was never tried")),
        });
        let results = self.in_hindsight(batch, results).collect();
        batch.conclude(results).map_err(E::from_ours)
    }

    /// As [`next`](Self::next), for a pipeline of which these commands are to be sent again. What was counted out is
    /// taken from them.
    fn next_of_parts(
        &mut self,
        command: &Command,
        batch: &Batch,
        parts: &mut Setbacks,
    ) -> Option<Backoff> {
        let is_counted = |setback: &Setback| self.is_counted(command, setback);
        if self.counted >= self.settings.retries {
            parts.retain(|setback| !is_counted(setback));
        }
        if parts.parts.len() < batch.commands().len() && !batch.is_resumable() {
            // There is no `Route` below: the others would be sent again as well.
            return None;
        }
        let any_counted = parts.iter().any(is_counted);
        // One that can wait for the budget makes all wait: they are one request.
        let is_patient = !parts.iter().all(is_counted);
        let merged = parts.merged()?;
        self.pause(command, &merged, any_counted, is_patient)
    }
}

/// The setbacks of an attempt at a pipeline, by the position of the command.
#[derive(Default)]
struct Setbacks {
    parts: Vec<(usize, Setback)>,
}

impl Setbacks {
    fn of<E: Failure>(command: &Command, batch: &Batch, result: &Result<Value, E>) -> Self {
        let is_idempotent = |part: &Command| command.is_idempotent() || part.is_idempotent();
        match result {
            Ok(Value::Array(replies)) if replies.len() == batch.commands().len() => {
                let replies = replies.iter().zip(batch.commands());
                Self::collect(replies.map(|(reply, part)| match reply {
                    Value::Error(reply) => Setback::of_reply(part, is_idempotent(part), reply),
                    _ => None,
                }))
            }
            Ok(Value::Error(reply)) => {
                // A layer refused all that was still to be sent.
                let outcomes = batch.outcomes().into_iter().zip(batch.commands());
                Self::collect(outcomes.map(|(outcome, part)| match outcome {
                    Outcome::Final(_) => None,
                    Outcome::Unsent | Outcome::Again(_) => {
                        Setback::of_reply(part, is_idempotent(part), reply)
                    }
                }))
            }
            Ok(_) => Self::default(),
            Err(error) => {
                let whole = error.to_ours();
                let outcomes = batch.outcomes().into_iter().zip(batch.commands());
                Self::collect(outcomes.map(|(outcome, part)| {
                    Setback::of(part, is_idempotent(part), &result_of(outcome, &whole))
                }))
            }
        }
    }

    fn collect(setbacks: impl Iterator<Item = Option<Setback>>) -> Self {
        let parts = setbacks
            .enumerate()
            .filter_map(|(part, setback)| Some((part, setback?)));
        Self {
            parts: parts.collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &Setback> {
        self.parts.iter().map(|(_, setback)| setback)
    }

    fn retain(&mut self, is_kept: impl Fn(&Setback) -> bool) {
        self.parts.retain(|(_, setback)| is_kept(setback));
    }

    /// One setback for the retry of all: of those that want the longest pause, the first.
    fn merged(&self) -> Option<Setback> {
        let first = self.iter().next()?;
        let longest = self.iter().find(|setback| !setback.is_closed_before_sent());
        Some(Setback {
            error: longest.unwrap_or(first).error.clone(),
            is_unready: self.iter().any(|setback| setback.is_unready),
            was_sent: self.iter().any(|setback| setback.was_sent),
            is_unreachable: self.iter().any(|setback| setback.is_unreachable),
        })
    }

    /// Records the replies of an attempt, but for those that are setbacks.
    fn keep_replies(self, policy: &RetryPolicy, batch: &Batch, reply: Value) {
        let outcomes = match reply {
            Value::Array(replies) => {
                let replies = policy.in_hindsight(batch, replies.into_iter().map(Ok));
                replies.map(Outcome::Final).collect()
            }
            _ => batch.outcomes(),
        };
        self.record(batch, outcomes);
    }

    /// Records what came of an attempt that failed with the error `whole`: each command's own outcome, but for the
    /// setbacks.
    fn keep_outcomes(self, policy: &RetryPolicy, batch: &Batch, whole: &Error) {
        let results = batch.outcomes().into_iter();
        let results = results.map(|outcome| result_of(outcome, whole));
        let results = policy.in_hindsight(batch, results);
        let outcomes = results.map(Outcome::Final).collect();
        self.record(batch, outcomes);
    }

    fn record(self, batch: &Batch, mut outcomes: Vec<Outcome>) {
        if self.is_empty() {
            return batch.record(outcomes);
        }
        for (part, setback) in self.parts {
            outcomes[part] = Outcome::Again(setback.error);
        }
        batch.record_for_next(outcomes);
    }
}

/// What came of a command in an attempt that failed with the error `whole`, which may not have come as far as to tell
/// one command from another.
fn result_of(outcome: Outcome, whole: &Error) -> Result<Value, Error> {
    match outcome {
        Outcome::Final(result) => result,
        Outcome::Unsent | Outcome::Again(_) => Err(whole.clone()),
    }
}
