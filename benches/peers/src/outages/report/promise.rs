//! What this crate promises for outages, and whether it keeps it.

use super::figures::{Figure, Figures};
use crate::outages::Row;
use crate::outages::scenario::Fault;

/// A bound, and what it was measured against.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) what: &'static str,
    pub(super) bound: String,
    /// By which it is decided.
    pub(super) measured: f64,
    pub(super) is_kept: bool,
    /// False of what is not up to the client alone.
    pub(super) counts: bool,
}

/// From the promotion to the first success, in seconds.
const BACK: f64 = 0.3;

/// Two timeouts of a second, and one second.
const REPLACED: f64 = 3.0;

const LOAD: f64 = 1.2;

/// Of the healthy shards' p99, to what it was before.
const P99: f64 = 1.2;

/// What must never be.
const AMISS: &str = "failed rounds, wrong replies, tasks stuck at the end, errors in the last 2 s";

impl Verdict {
    /// Those of this crate; none if it did not run.
    pub(super) fn all(row: &Row, full_coverage: bool) -> Vec<Self> {
        let Some(series) = row.series.iter().find(|series| series.client.is_this()) else {
            return Vec::new();
        };
        let failed = series.rounds.iter().filter(|round| round.is_err()).count();
        let mut amiss = failed as f64;
        let mut verdicts = Vec::new();
        if let Some(figures) = Figures::of(row.scenario, series) {
            let at_the_end = [&figures.wrong, &figures.stuck, &figures.last_errors];
            amiss += at_the_end.map(Figure::most).iter().flatten().sum::<f64>();
            verdicts = of(row, &figures, full_coverage);
        }
        verdicts.insert(0, Self::at_most(AMISS, amiss, 0.0));
        verdicts
    }

    fn at_most(what: &'static str, measured: f64, bound: f64) -> Self {
        Self {
            what,
            bound: format!("≤ {bound}"),
            measured,
            is_kept: measured <= bound,
            counts: true,
        }
    }
}

/// Counts are those of the worst round, and times and ratios medians.
fn of(row: &Row, figures: &Figures, full_coverage: bool) -> Vec<Verdict> {
    let worst = |what, figure: &Figure| {
        let most = figure.most().unwrap_or(f64::INFINITY);
        Verdict::at_most(what, most, 0.0)
    };
    let middle = |what, figure: &Figure, bound| {
        let median = figure.median().unwrap_or(f64::INFINITY);
        Verdict::at_most(what, median, bound)
    };
    let fault = row.scenario.fault;
    let without = &figures.without_success;
    let mut verdicts = match fault {
        Fault::Stop | Fault::Kill => vec![
            middle("s from the promotion to the first success", without, BACK),
            Verdict {
                // No shard is healthy from when the primary counts as failed until the promotion, half a second and more.
                counts: !full_coverage,
                ..worst("errors on healthy shards", &figures.errors_healthy)
            },
        ],
        Fault::Failover | Fault::Reshard => vec![worst("errors", &figures.errors)],
        Fault::BlackHole => vec![
            middle("s without success on the affected shard", without, REPLACED),
            worst("errors on healthy shards", &figures.errors_healthy),
        ],
        Fault::Disconnect => Vec::new(),
    };
    if row.scenario.is_patient() || fault == Fault::Disconnect {
        let what = "errors, but of writes that may have been applied";
        verdicts.push(worst(what, &figures.errors_without_effect));
    }
    verdicts.push(middle("times the usual load", &figures.load, LOAD));
    let p99 = figures.usual_p99.median().zip(figures.outage_p99.median());
    if let Some((usual, outage)) = p99.filter(|_| fault.needs_election()) {
        verdicts.push(Verdict {
            // The machine has less to do meanwhile, or more.
            counts: false,
            ..Verdict::at_most("times the usual p99 on healthy shards", outage / usual, P99)
        });
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::{AMISS, Verdict};
    use crate::clients::Client;
    use crate::outages::application::{Account, Side};
    use crate::outages::trial::Outcome;
    use crate::outages::{Row, Scenario, Series};

    /// Of a SIGSTOP.
    fn outcome(back_after: f64, errors_on_healthy: u64) -> Outcome {
        Outcome {
            account: Account {
                healthy: Side {
                    errors: errors_on_healthy,
                    ..Side::default()
                },
                affected: Side {
                    tasks: 1,
                    back_after: Some(back_after),
                    ..Side::default()
                },
            },
            election: 4.0,
            action: 4.0,
            connections: 3,
            load: Some(1.0),
            server: String::new(),
        }
    }

    fn broken(rounds: Vec<Result<Outcome, String>>, full_coverage: bool) -> Vec<&'static str> {
        let row = Row {
            scenario: Scenario::all().remove(0),
            series: vec![Series {
                client: Client::This,
                rounds,
            }],
        };
        let verdicts = Verdict::all(&row, full_coverage).into_iter();
        let broken = verdicts.filter(|verdict| verdict.counts && !verdict.is_kept);
        broken.map(|verdict| verdict.what).collect()
    }

    #[test]
    fn times_are_medians_and_errors_those_of_the_worst_round() {
        let rounds = |errors| {
            let rounds = [outcome(0.1, 0), outcome(0.2, errors), outcome(5.0, 0)];
            rounds.map(Ok).to_vec()
        };
        assert!(broken(rounds(0), false).is_empty());
        assert_eq!(broken(rounds(1), false), ["errors on healthy shards"]);
        // The servers refuse everything then, whatever a client does.
        assert!(broken(rounds(1), true).is_empty());
    }

    #[test]
    fn a_round_that_fails_keeps_nothing() {
        let rounds = vec![Ok(outcome(0.1, 0)), Err("it hangs".to_owned())];
        assert_eq!(broken(rounds, false), [AMISS]);
    }
}
