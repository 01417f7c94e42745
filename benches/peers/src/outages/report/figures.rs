//! What the rounds of one client in one scenario came to, together.

use std::fmt;

use crate::outages::application::Side;
use crate::outages::scenario::Fault;
use crate::outages::trial::Outcome;
use crate::outages::{Scenario, Series};
use crate::report::median;

/// A figure of several rounds, from the least to the most.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure(Vec<f64>);

/// One client in one scenario.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// All of them.
    pub(super) errors: Figure,
    pub(super) errors_healthy: Figure,
    pub(super) errors_affected: Figure,
    pub(super) errors_without_effect: Figure,
    pub(super) wrong: Figure,
    /// Without success on the affected shard, in seconds; infinite if that was so to the end.
    pub(super) without_success: Figure,
    /// Tasks without success at the end, and of how many.
    pub(super) stuck: Figure,
    pub(super) tasks: usize,
    pub(super) last_errors: Figure,
    /// p99 of the healthy shards, in milliseconds.
    pub(super) usual_p99: Figure,
    pub(super) outage_p99: Figure,
    pub(super) connections: Figure,
    pub(super) load: Figure,
    /// Of the servers, in seconds.
    pub(super) election: Figure,
    pub(super) action: Figure,
    /// Per second, on all shards, before the fault.
    pub(super) usual_rate: Figure,
    pub(super) first_error: Option<String>,
}

impl Figures {
    /// None if no round came to its end.
    pub(super) fn of(scenario: Scenario, series: &Series) -> Option<Self> {
        let outcomes: Vec<_> = series.rounds.iter().flatten().collect();
        let first = outcomes.first()?;
        let figure = |figure: &dyn Fn(&Outcome) -> f64| {
            Figure::new(outcomes.iter().map(|outcome| figure(outcome)))
        };
        let some = |figure: &dyn Fn(&Outcome) -> Option<f64>| {
            Figure::new(outcomes.iter().filter_map(|outcome| figure(outcome)))
        };
        let sum = |of: fn(&Side) -> u64| {
            figure(&move |outcome| outcome.account.sides().map(of).iter().sum::<u64>() as f64)
        };
        let errors = outcomes.iter().flat_map(|outcome| {
            // Those of healthy shards say more.
            outcome.account.sides().map(|side| side.first_error.clone())
        });
        Some(Self {
            errors: sum(|side| side.errors),
            errors_healthy: figure(&|outcome| outcome.account.healthy.errors as f64),
            errors_affected: figure(&|outcome| outcome.account.affected.errors as f64),
            errors_without_effect: sum(|side| side.errors_without_effect),
            wrong: sum(|side| side.wrong),
            without_success: figure(&|outcome| without_success(scenario.fault, outcome)),
            stuck: sum(|side| side.stuck as u64),
            tasks: first.account.sides().map(|side| side.tasks).iter().sum(),
            last_errors: sum(|side| side.last_errors),
            usual_p99: some(&|outcome| outcome.account.healthy.usual.p99),
            outage_p99: some(&|outcome| outcome.account.healthy.outage.p99),
            connections: figure(&|outcome| outcome.connections as f64),
            load: some(&|outcome| outcome.load),
            election: figure(&|outcome| outcome.election),
            action: figure(&|outcome| outcome.action),
            usual_rate: figure(&|outcome| {
                let successes = outcome.account.sides().map(|side| side.usual.successes);
                successes.iter().sum::<u64>() as f64 / crate::outages::trial::USUAL.as_secs_f64()
            }),
            first_error: errors.flatten().next(),
        })
    }
}

/// On the affected shard, in seconds: after an election from its end on, and otherwise at a stretch.
pub(super) fn without_success(fault: Fault, outcome: &Outcome) -> f64 {
    let affected = &outcome.account.affected;
    match (fault.needs_election(), affected.stuck == affected.tasks) {
        (_, true) => f64::INFINITY,
        (true, false) => affected.back_after.unwrap_or(f64::INFINITY),
        (false, false) => affected.gap,
    }
}

impl Figure {
    fn new(rounds: impl Iterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.collect();
        rounds.sort_unstable_by(f64::total_cmp);
        Self(rounds)
    }

    pub(super) fn median(&self) -> Option<f64> {
        median(self.0.iter().copied())
    }

    pub(super) fn most(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// The median, as people read it.
    pub(super) fn middle(&self, show: fn(f64) -> String) -> String {
        self.median().map_or_else(|| "–".to_owned(), show)
    }
}

/// All rounds at once: a count, or from which to which.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => write!(f, "–"),
            [least, .., most] if least != most => write!(f, "{least} to {most}"),
            [same, ..] => write!(f, "{same}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Figure;

    #[test]
    fn counts_are_shown_from_the_least_to_the_most() {
        let shown = |rounds: &[f64]| Figure::new(rounds.iter().copied()).to_string();
        assert_eq!(shown(&[32.0, 0.0, 512.0]), "0 to 512");
        assert_eq!(shown(&[7.0, 7.0]), "7");
        assert_eq!(shown(&[]), "–");
    }
}
