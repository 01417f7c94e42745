//! Medians over the rounds.

use crate::run::{Outcome, Row, Series};

/// One client at one workload.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) requests_per_second: f64,
    /// Client CPU per request, in microseconds.
    pub(crate) cpu: f64,
    /// CPU of all servers per request, in microseconds.
    pub(crate) server_cpu: f64,
    /// Latency quantiles, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) connections: f64,
    pub(crate) threads: f64,
    /// In MiB.
    pub(crate) peak_memory: f64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Throughput,
    Cpu,
    P99,
}

impl Figures {
    /// None if no round came to its end with a request answered.
    pub(crate) fn of(series: &Series) -> Option<Self> {
        let outcomes: Vec<_> = outcomes(series)
            .filter(|outcome| outcome.measured.requests > 0)
            .collect();
        let median = |figure: &dyn Fn(&Outcome) -> f64| {
            median(outcomes.iter().map(|outcome| figure(outcome)))
        };
        let requests = |outcome: &Outcome| outcome.measured.requests as f64;
        Some(Self {
            requests_per_second: median(&|o| requests(o) / o.measured.seconds)?,
            cpu: median(&|o| o.measured.cpu * 1e6 / requests(o))?,
            server_cpu: median(&|o| o.server_cpu * 1e6 / requests(o))?,
            p50: median(&|o| o.measured.p50)?,
            p99: median(&|o| o.measured.p99)?,
            p999: median(&|o| o.measured.p999)?,
            connections: median(&|o| o.connections as f64)?,
            threads: median(&|o| o.measured.threads as f64)?,
            peak_memory: median(&|o| o.measured.peak_rss as f64 / 1024.0)?,
        })
    }

    pub(crate) fn get(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Throughput => self.requests_per_second,
            Metric::Cpu => self.cpu,
            Metric::P99 => self.p99,
        }
    }
}

impl Metric {
    pub(crate) const ALL: [Self; 3] = [Self::Throughput, Self::Cpu, Self::P99];

    /// The better of two figures.
    fn best(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Throughput => one.max(other),
            Self::Cpu | Self::P99 => one.min(other),
        }
    }

    /// The best of all clients but this crate.
    pub(crate) fn best_other(self, row: &Row) -> Option<f64> {
        let others = row.series.iter().filter(|series| !series.client.is_this());
        let figures = others.filter_map(|series| Some(Figures::of(series)?.get(self)));
        figures.reduce(|one, other| self.best(one, other))
    }

    /// This crate.
    pub(crate) fn this(self, row: &Row) -> Option<f64> {
        let this = row.series.iter().find(|series| series.client.is_this())?;
        Some(Figures::of(this)?.get(self))
    }
}

/// Requests that failed, and rounds that did not come to their end; and what went wrong first.
pub(crate) fn errors(series: &Series) -> (u64, Option<&str>) {
    let failed = series
        .rounds
        .iter()
        .filter_map(|round| round.as_ref().err());
    let in_rounds: u64 = outcomes(series)
        .map(|outcome| outcome.measured.errors)
        .sum();
    let first = outcomes(series).find_map(|outcome| outcome.measured.first_error.as_deref());
    let count = in_rounds + failed.clone().count() as u64;
    (count, failed.map(String::as_str).next().or(first))
}

fn outcomes(series: &Series) -> impl Iterator<Item = &Outcome> {
    series.rounds.iter().flatten()
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    match figures.len() % 2 {
        1 => Some(upper),
        _ => Some((figures[middle - 1] + upper) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median([5.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 9.0].into_iter()), Some(3.0));
        assert_eq!(median([].into_iter()), None);
    }
}
