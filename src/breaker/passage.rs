//! The passage of one request through a breaker.

use std::sync::Arc;

use tower::BoxError;

use super::circuit::Circuit;
use super::outcome::Outcome;
use super::state::Ticket;
use crate::retry::Failure;
use crate::value::Value;

/// A request that was let through. Dropped before it has an outcome, a probe makes way for the next.
#[derive(Debug)]
pub(super) struct Passage {
    circuit: Arc<Circuit>,
    /// Of a probe without an outcome yet.
    ticket: Option<Ticket>,
}

impl Passage {
    pub(super) fn new(circuit: Arc<Circuit>, ticket: Option<Ticket>) -> Self {
        Self { circuit, ticket }
    }

    /// Tells the breaker what became of the request.
    pub(super) fn end(&mut self, result: &Result<Value, BoxError>) {
        let judge = self.circuit.settings().judge.as_deref();
        let (outcome, error) = match (result, judge) {
            (Ok(_), None) => return self.circuit.succeed(),
            (Ok(value), Some(judge)) => (judge(Ok(value)), None),
            (Err(error), judge) => {
                let error = error.to_ours();
                (judge.unwrap_or(&Outcome::of)(Err(&error)), Some(error))
            }
        };
        match outcome {
            Outcome::Success => self.circuit.succeed(),
            Outcome::Failure => self.circuit.fail(self.ticket.take(), error.as_ref()),
            Outcome::Neither => self.release(),
        }
    }

    fn release(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.circuit.release(ticket);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.release();
    }
}
