//! What is known of one command of a pipeline during an attempt.

use crate::addr::NodeAddr;
use crate::command::{Command, Outcome, Slot, Target};
use crate::error::{Delivery, Error};
use crate::value::Value;

/// One command of a pipeline.
pub(super) struct Part {
    pub(super) slot: Option<Slot>,
    /// The application chose the node, so that what it answers is what was asked for.
    is_pinned: bool,
    pub(super) redirects: usize,
    /// How far it got at most in this attempt, with the nodes that it was sent to before.
    reached: Delivery,
    result: Option<Result<Value, Error>>,
}

/// Where a part goes at first.
pub(super) enum Destination {
    Node(NodeAddr),
    /// To the primary of the slot, or without a slot to any primary.
    Primary(Option<Slot>),
}

impl Part {
    /// A part as the attempt before left it.
    pub(super) fn new(outcome: Outcome) -> Self {
        let result = match outcome {
            Outcome::Unsent | Outcome::Again(_) => None,
            Outcome::Final(result) => Some(result),
        };
        Self {
            slot: None,
            is_pinned: false,
            redirects: 0,
            reached: Delivery::NotSent,
            result,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.result.is_some()
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// Where the command, a part of `whole`, is to go.
    pub(super) fn destination(
        &mut self,
        command: &Command,
        whole: &Command,
    ) -> Result<Destination, Error> {
        if command.batch().is_some() {
            return Err(command.invalid(
                "a pipeline or transaction cannot be part of a pipeline; send it by itself",
            ));
        }
        let target = command
            .explicit_target()
            .or_else(|| whole.explicit_target());
        self.slot = match target {
            None => command.slot_for_routing()?,
            Some(Target::Slot(slot)) => Some(*slot),
            Some(Target::AnyPrimary) => None,
            Some(Target::Node(addr)) => {
                self.is_pinned = true;
                return Ok(Destination::Node(addr.clone()));
            }
            Some(Target::AllPrimaries | Target::AllNodes) => {
                return Err(command.for_several_nodes());
            }
        };
        Ok(Destination::Primary(self.slot))
    }

    /// Takes note of a redirect that is followed: a node has seen the command, and refused it.
    pub(super) fn redirected(&mut self, slot: Slot) {
        self.redirects += 1;
        self.reached = self.reached.at_most(Delivery::NotApplied);
        self.slot.get_or_insert(slot);
    }

    pub(super) fn settle(&mut self, reply: Value) {
        self.result = Some(Ok(reply));
    }

    /// Settles it with an error, which is told what became of the command and where.
    pub(super) fn fail(&mut self, error: Error, command: &Command, addr: Option<&NodeAddr>) {
        let delivery = error.delivery().at_most(self.reached);
        let mut error = error.with_delivery(delivery).with_command(command.name());
        if let Some(slot) = self.slot {
            error = error.with_slot(slot);
        }
        if let Some(addr) = addr {
            error = error.with_node(addr.clone());
        }
        self.result = Some(Err(error));
    }

    /// What is known when the attempt is dropped. A part without a result was lost with a layer that panicked.
    pub(super) fn into_outcome(self) -> Outcome {
        self.result.map_or(Outcome::Unsent, Outcome::Final)
    }

    pub(super) fn into_result(self) -> Result<Value, Error> {
        self.result.expect("every part is settled in the end")
    }
}
