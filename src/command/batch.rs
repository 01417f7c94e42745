//! Several commands that travel as one request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Command;
use crate::error::{Delivery, Error};
use crate::value::Value;

/// The commands of a [`Command::pipeline`] or a [`Command::transaction`].
///
/// Layers see it with [`Command::batch`]. At every seam a pipeline is answered with an [array](Value::Array) of as
/// many replies as it has commands, in their order, error replies among them; a transaction with what `EXEC`
/// answers. A failure of the service is one of the whole: what is known of each command is kept here.
///
/// That is why a command with a batch is for one request. [`Cluster`](crate::Cluster) and the
/// [`ScatterGatherLayer`](crate::ScatterGatherLayer) make of each clone a request of its own.
pub struct Batch {
    is_transaction: bool,
    commands: Arc<[Command]>,
    /// Whether it belongs to a request already. The outcomes are those of one.
    is_claimed: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Empty until an attempt has failed in part.
    outcomes: Vec<Outcome>,
    /// How far each command got at most in the attempts before this one; empty if there were none.
    reached: Vec<Delivery>,
    round: Round,
    /// Whether who sends it sends only what has no final outcome.
    is_resumable: bool,
}

/// Which attempt it is, counted by who has the commands sent again. A layer may have made several of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round(u64);

/// What is known of one command of a pipeline, after an attempt that failed in part.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// To be sent; nothing more is known.
    Unsent,
    /// To be sent again: it failed like this, and that was safe.
    Again(Error),
    /// Answered, or failed for good. Not to be sent again.
    Final(Result<Value, Error>),
}

impl Batch {
    fn new(is_transaction: bool, commands: impl IntoIterator<Item = Command>) -> Self {
        Self {
            is_transaction,
            commands: commands.into_iter().collect(),
            is_claimed: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    pub(super) fn pipeline(commands: impl IntoIterator<Item = Command>) -> Self {
        Self::new(false, commands)
    }

    pub(super) fn transaction(commands: impl IntoIterator<Item = Command>) -> Self {
        Self::new(true, commands)
    }

    /// Takes it for a request, or if that was done before, makes another one of the same commands.
    pub(super) fn claim(&self) -> Result<(), Self> {
        match self.is_claimed.swap(true, Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Self {
                is_transaction: self.is_transaction,
                commands: Arc::clone(&self.commands),
                is_claimed: AtomicBool::new(true),
                known: Mutex::default(),
            }),
        }
    }

    /// The commands, in order.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// True if the commands are between `MULTI` and `EXEC`, and applied all together or not at all.
    pub fn is_transaction(&self) -> bool {
        self.is_transaction
    }

    /// True if there is nothing to send. A transaction without commands is still sent: it tells of conflicts.
    pub(crate) fn is_empty_pipeline(&self) -> bool {
        !self.is_transaction && self.commands.is_empty()
    }

    /// What is known of each command; [`Outcome::Unsent`] for all until something was recorded.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.known.lock().outcomes(self.commands.len())
    }

    /// What is known of each command as another attempt begins, by who sends only those that have no final outcome. Until
    /// it is over, nothing is claimed of these: whoever looks meanwhile learns from the attempt's own failure how far they
    /// may have got.
    ///
    /// If all are final, nobody has asked for a part of them: the application sends the whole anew.
    pub(crate) fn begin(&self) -> (Vec<Outcome>, Round) {
        let mut known = self.known.lock();
        known.is_resumable = true;
        if known.outcomes.iter().all(Outcome::is_final) && !known.outcomes.is_empty() {
            known.outcomes.clear();
            known.reached.clear();
            known.round.0 += 1;
        }
        let before = known.outcomes(self.commands.len());
        for outcome in &mut known.outcomes {
            if let Outcome::Again(_) = outcome {
                *outcome = Outcome::Unsent;
            }
        }
        (before, known.round)
    }

    /// True if an attempt has [begun](Self::begin), so that in the next one what has a final outcome is not sent again.
    pub(crate) fn is_resumable(&self) -> bool {
        self.known.lock().is_resumable
    }

    /// True if nothing is known but that no command was sent, which is forgotten then: all may be sent anew.
    pub(crate) fn forget_unsent(&self) -> bool {
        let mut known = self.known.lock();
        let is_unsent = known.outcomes.iter().all(|outcome| match outcome {
            Outcome::Unsent => true,
            Outcome::Again(error) | Outcome::Final(Err(error)) => {
                error.delivery() == Delivery::NotSent
            }
            Outcome::Final(Ok(_)) => false,
        });
        if is_unsent {
            known.outcomes.clear();
        }
        is_unsent
    }

    /// Replaces what is known of each command.
    pub(crate) fn record(&self, outcomes: Vec<Outcome>) {
        debug_assert_eq!(outcomes.len(), self.commands.len());
        self.known.lock().outcomes = outcomes;
    }

    /// Replaces what is known of each command, for those that are to be sent again. What earlier attempts have to
    /// say from now on is of no interest: it was decided without them.
    pub(crate) fn record_for_next(&self, outcomes: Vec<Outcome>) {
        debug_assert_eq!(outcomes.len(), self.commands.len());
        let mut known = self.known.lock();
        known.reached.resize(outcomes.len(), Delivery::NotSent);
        for (reached, outcome) in known.reached.iter_mut().zip(&outcomes) {
            if let Outcome::Again(error) = outcome {
                *reached = reached.at_most(error.delivery());
            }
        }
        known.outcomes = outcomes;
        known.round.0 += 1;
    }

    /// How far a command got at most in the attempts before this one.
    pub(super) fn reached_before(&self, part: usize) -> Delivery {
        let known = self.known.lock();
        known
            .reached
            .get(part)
            .copied()
            .unwrap_or(Delivery::NotSent)
    }

    /// Adds what an attempt has to say: to what is known from others that a layer has made of the same one.
    pub(crate) fn record_attempt(&self, round: Round, outcomes: Vec<Outcome>) {
        debug_assert_eq!(outcomes.len(), self.commands.len());
        let mut known = self.known.lock();
        if known.round != round {
            return;
        }
        let before = known.outcomes(self.commands.len());
        let pairs = before.into_iter().zip(outcomes);
        known.outcomes = pairs.map(|(one, other)| one.or_further(other)).collect();
    }
}

impl Known {
    fn outcomes(&self, count: usize) -> Vec<Outcome> {
        if self.outcomes.is_empty() {
            return vec![Outcome::Unsent; count];
        }
        self.outcomes.clone()
    }
}

impl Outcome {
    fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }

    /// Of two attempts at the same time, the one that got further: a command that one has not sent may have been
    /// applied by the other.
    fn or_further(self, other: Self) -> Self {
        match (&self, &other) {
            (_, Self::Unsent) => self,
            (Self::Final(one), Self::Final(other_result)) if !is_further(other_result, one) => self,
            _ => other,
        }
    }
}

fn is_further(one: &Result<Value, Error>, than: &Result<Value, Error>) -> bool {
    let rank = |result: &Result<Value, Error>| {
        let delivery = match result {
            Ok(Value::Error(error)) => error.delivery(),
            Ok(_) => return 3,
            Err(error) => error.delivery(),
        };
        match delivery {
            Delivery::NotSent => 0,
            Delivery::NotApplied => 1,
            Delivery::Unknown => 2,
        }
    };
    rank(one) > rank(than)
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("is_transaction", &self.is_transaction)
            .field("commands", &self.commands)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cmd;

    fn is_unsent(command: &Command) -> bool {
        let outcomes = command.batch().expect("a batch").outcomes();
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Unsent))
    }

    #[test]
    fn clones_of_a_command_that_are_sent_know_nothing_of_each_other() {
        let command = Command::pipeline([cmd("GET").arg("k")]);
        let [mut first, mut second] = [command.clone(), command.clone()];
        first.claim_batch();
        second.claim_batch();
        let answered = vec![Outcome::Final(Ok(Value::Nil))];
        first.batch().expect("a batch").record(answered);
        assert!(is_unsent(&second));
        assert!(
            !is_unsent(&command),
            "whoever kept the command learns of its first request"
        );
    }

    #[test]
    fn of_attempts_side_by_side_the_one_that_got_further_counts() {
        let failed = |delivery| {
            let error = Error::not_sent(crate::ErrorKind::Connection, "closed");
            Outcome::Final(Err(error.with_delivery(delivery)))
        };
        let answered = || Outcome::Final(Ok(Value::Integer(1)));
        let batch = Batch::pipeline([cmd("INCR").arg("k"), cmd("INCR").arg("l")]);
        let (_, round) = batch.begin();
        batch.record_attempt(round, vec![answered(), failed(Delivery::Unknown)]);
        batch.record_attempt(
            round,
            vec![failed(Delivery::NotSent), failed(Delivery::NotSent)],
        );
        let outcomes = batch.outcomes();
        assert!(
            matches!(&outcomes[0], Outcome::Final(Ok(_))),
            "{outcomes:?}"
        );
        let Outcome::Final(Err(error)) = &outcomes[1] else {
            panic!("{outcomes:?}");
        };
        assert_eq!(error.delivery(), Delivery::Unknown);
    }

    #[test]
    fn an_attempt_that_was_given_up_does_not_undo_the_decision_to_send_again() {
        let error = || Error::not_sent(crate::ErrorKind::Timeout, "late");
        let batch = Batch::pipeline([cmd("GET").arg("k")]);
        let (_, round) = batch.begin();
        batch.record_for_next(vec![Outcome::Again(error())]);
        batch.record_attempt(round, vec![Outcome::Final(Err(error()))]);
        assert!(matches!(batch.outcomes()[..], [Outcome::Again(_)]));
    }

    #[test]
    fn what_is_over_is_sent_anew_as_a_whole() {
        let batch = Batch::pipeline([cmd("GET").arg("k"), cmd("GET").arg("l")]);
        batch.record(vec![Outcome::Final(Ok(Value::Nil)); 2]);
        let (before, _) = batch.begin();
        assert!(matches!(before[..], [Outcome::Unsent, Outcome::Unsent]));
    }

    #[test]
    fn outcomes_are_forgotten_only_if_nothing_was_sent() {
        let batch = Batch::pipeline([cmd("GET").arg("k"), cmd("GET").arg("l")]);
        let failed = |delivery| {
            let error = Error::not_sent(crate::ErrorKind::Connection, "closed");
            Outcome::Final(Err(error.with_delivery(delivery)))
        };
        assert!(batch.forget_unsent());
        batch.record(vec![failed(Delivery::NotSent), Outcome::Unsent]);
        assert!(batch.forget_unsent());
        assert!(matches!(batch.outcomes()[0], Outcome::Unsent));
        for sent in [
            failed(Delivery::Unknown),
            failed(Delivery::NotApplied),
            Outcome::Final(Ok(Value::Nil)),
        ] {
            batch.record(vec![failed(Delivery::NotSent), sent]);
            assert!(!batch.forget_unsent());
            assert!(matches!(batch.outcomes()[0], Outcome::Final(_)));
        }
    }
}
