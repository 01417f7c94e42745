//! What the outages showed, as Markdown.

mod figures;
mod promise;
mod tables;

use self::figures::without_success;
use self::promise::Verdict;
use super::scenario::Scenario;
use super::trial::Outcome;
use super::{Plan, Results};

/// Everything.
pub(super) fn markdown(plan: &Plan, results: &Results) -> String {
    [
        tables::head(plan, results),
        tables::glance(plan, results),
        tables::promises(results),
        tables::scenarios(results),
        tables::clients(plan),
    ]
    .join("\n")
}

/// How many of this crate's promises it did not keep.
pub(super) fn broken_promises(results: &Results) -> usize {
    let rows = results.rows.iter();
    let verdicts = rows.flat_map(|row| Verdict::all(row, results.full_coverage));
    verdicts
        .filter(|verdict| verdict.counts && !verdict.is_kept)
        .count()
}

/// One trial in a line.
pub(super) fn in_brief(scenario: Scenario, outcome: &Outcome) -> String {
    let [healthy, affected] = outcome.account.sides();
    let error = healthy.first_error.iter().chain(&affected.first_error);
    format!(
        "errors {} healthy, {} affected; {} without success; {} of {} tasks stuck; {} connections; load {}; servers {:.2} \
         s{}",
        healthy.errors,
        affected.errors,
        tables::seconds(without_success(scenario.fault, outcome)),
        healthy.stuck + affected.stuck,
        healthy.tasks + affected.tasks,
        outcome.connections,
        outcome
            .load
            .map_or_else(|| "–".to_owned(), |load| format!("{load:.2}")),
        outcome.action,
        error
            .take(1)
            .map(|error| format!("; {error}"))
            .collect::<String>(),
    )
}
