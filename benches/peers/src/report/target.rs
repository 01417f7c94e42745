//! What this crate is meant to reach.

use std::time::Duration;

use super::figures::{Metric, errors};
use crate::run::Row;
use crate::workload::{Group, Workload};

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// At least so many times the best other.
    AtLeast(Metric, f64),
    /// At most so many times the best other.
    AtMost(Metric, f64),
    /// At least this part of what the round trip allows: one request per task and round trip.
    OfRoundTrips(f64),
}

/// Whether a target is met, with the figures that say so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) this: f64,
    /// The best other, or what the round trip allows.
    pub(crate) measure: f64,
    pub(crate) is_met: bool,
}

impl Target {
    pub(crate) fn of(workload: &Workload) -> Vec<Self> {
        let Workload {
            group,
            tasks,
            value_size,
            delay,
            ..
        } = *workload;
        match group {
            Group::TwoWorkers | Group::OneWorker => {
                let throughput = match tasks {
                    ..8 => 1.15,
                    8..64 => 1.4,
                    _ => 2.0,
                };
                let mut targets = vec![Self::AtLeast(Metric::Throughput, throughput)];
                if tasks >= 64 {
                    targets.push(Self::AtMost(Metric::Cpu, 0.45));
                }
                if matches!(tasks, 64 | 512) {
                    targets.push(Self::AtMost(Metric::P99, 0.6));
                }
                targets
            }
            Group::Values if value_size >= 16 << 10 => vec![
                Self::AtLeast(Metric::Throughput, 1.2),
                Self::AtMost(Metric::Cpu, 0.7),
            ],
            Group::RoundTrips if delay == 10 && tasks == 4096 => vec![Self::OfRoundTrips(0.9)],
            Group::Values | Group::Batches | Group::RoundTrips => Vec::new(),
        }
    }

    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::AtLeast(metric, _) | Self::AtMost(metric, _) => metric,
            Self::OfRoundTrips(_) => Metric::Throughput,
        }
    }

    /// None if there is nothing to compare. Where requests of this crate failed, it is missed.
    pub(crate) fn verdict(self, row: &Row, round_trip: Option<Duration>) -> Option<Verdict> {
        let metric = self.metric();
        let this = metric.this(row)?;
        let measure = match self {
            Self::AtLeast(..) | Self::AtMost(..) => metric.best_other(row)?,
            Self::OfRoundTrips(_) => row.workload.tasks as f64 / round_trip?.as_secs_f64(),
        };
        let ratio = this / measure;
        let is_within = match self {
            Self::AtLeast(_, bound) | Self::OfRoundTrips(bound) => ratio >= bound,
            Self::AtMost(_, bound) => ratio <= bound,
        };
        let mut own = row.series.iter().filter(|series| series.client.is_this());
        let is_met = is_within && own.all(|series| errors(series).0 == 0);
        Some(Verdict {
            this,
            measure,
            is_met,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metric, Target};
    use crate::cell::Measured;
    use crate::clients::Client;
    use crate::run::{Outcome, Row, Series};
    use crate::workload::Workload;

    fn outcome(requests: u64, errors: u64) -> Outcome {
        Outcome {
            measured: Measured {
                seconds: 1.0,
                requests,
                errors,
                first_error: None,
                cpu: 1.0,
                p50: 1.0,
                p99: 1.0,
                p999: 1.0,
                peak_rss: 1,
                threads: 1,
            },
            server_cpu: 1.0,
            connections: 3,
        }
    }

    fn row(this: Outcome, others: [u64; 2]) -> Row {
        let series = |client, outcome| Series {
            client,
            rounds: vec![Ok(outcome)],
        };
        Row {
            workload: Workload::all().swap_remove(2),
            series: vec![
                series(Client::This, this),
                series(Client::Fred, outcome(others[0], 0)),
                series(Client::Rustis, outcome(others[1], 0)),
            ],
            unsupported: Vec::new(),
        }
    }

    #[test]
    fn ratio_is_to_the_best_other() {
        let target = Target::AtLeast(Metric::Throughput, 2.0);
        let is_met = |row| target.verdict(&row, None).map(|verdict| verdict.is_met);
        assert_eq!(is_met(row(outcome(200, 0), [50, 100])), Some(true));
        assert_eq!(is_met(row(outcome(199, 0), [50, 100])), Some(false));
    }

    #[test]
    fn target_is_missed_if_requests_failed() {
        let target = Target::AtLeast(Metric::Throughput, 2.0);
        let verdict = target.verdict(&row(outcome(200, 1), [50, 100]), None);
        assert_eq!(verdict.map(|verdict| verdict.is_met), Some(false));
    }

    #[test]
    fn round_trips_bound_what_tasks_can_do() {
        // 64 tasks, 10 ms: 6,400 a second.
        let target = Target::OfRoundTrips(0.9);
        let verdict = |requests| {
            let row = row(outcome(requests, 0), [50, 100]);
            let verdict = target.verdict(&row, Some(Duration::from_millis(10)));
            verdict.map(|verdict| (verdict.measure.round(), verdict.is_met))
        };
        assert_eq!(verdict(5760), Some((6400.0, true)));
        assert_eq!(verdict(5759), Some((6400.0, false)));
    }
}
