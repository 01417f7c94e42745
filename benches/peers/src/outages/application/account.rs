//! What the application saw, once it is known when was what.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::recorder::{Recorder, SideRecord, WINDOW, histogram};
use crate::outages::clock::Moment;

/// For how long all has to be well at the end of a run, in milliseconds.
const WELL: usize = 2000;

/// When was what.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// From here to the fault, all is as usual.
    pub(crate) usual: Moment,
    pub(crate) fault: Moment,
    /// When the servers could serve again; at once, unless they had to elect a primary.
    pub(crate) recovered: Moment,
    /// When all that was done to the servers was done.
    pub(crate) done: Moment,
    /// What is compared with the usual ends here.
    pub(crate) calm: Moment,
    pub(crate) over: Moment,
}

/// What the application saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) healthy: Side,
    pub(crate) affected: Side,
}

/// One side: shards that are spared, or those that are not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) tasks: usize,
    /// Requests that failed or were answered wrongly.
    pub(crate) errors: u64,
    /// Those that were no writes that may have been applied.
    pub(crate) errors_without_effect: u64,
    /// Answers other than what was asked for.
    pub(crate) wrong: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) usual: Span,
    /// From the fault until it is calm.
    pub(crate) outage: Span,
    /// From the recovery of the servers to the first success after it, in seconds.
    pub(crate) back_after: Option<f64>,
    /// The longest time without any success from the fault on, in seconds.
    pub(crate) gap: f64,
    /// Tasks without success in the last seconds.
    pub(crate) stuck: usize,
    /// Errors in the last seconds.
    pub(crate) last_errors: u64,
}

/// Some of the time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) successes: u64,
    /// Of the latency, in milliseconds; none without successes.
    pub(crate) p99: Option<f64>,
}

impl Account {
    pub(super) fn of(recorder: &Recorder, marks: &Marks) -> Self {
        let side = |is_affected| {
            let over = recorder.millis(marks.over);
            let tasks = recorder.tasks(is_affected);
            let is_stuck = |last: usize| last + WELL < over;
            let mut side = side(&recorder.side(is_affected), recorder, marks);
            side.tasks = tasks.len();
            side.stuck = tasks
                .iter()
                .filter(|last_success| is_stuck(last_success.load(Ordering::Relaxed)))
                .count();
            side
        };
        Self {
            healthy: side(false),
            affected: side(true),
        }
    }

    pub(crate) fn sides(&self) -> [&Side; 2] {
        [&self.healthy, &self.affected]
    }
}

fn side(record: &SideRecord, recorder: &Recorder, marks: &Marks) -> Side {
    let [usual, fault, recovered, calm, over] = [
        marks.usual,
        marks.fault,
        marks.recovered,
        marks.calm,
        marks.over,
    ]
    .map(|mark| recorder.millis(mark));
    let back = record.succeeded.times().find(|time| *time > recovered);
    let back = back.filter(|time| *time <= over);
    Side {
        tasks: 0,
        errors: record.failed.sum(0, over),
        errors_without_effect: record.failed_without_effect.sum(0, over) + record.wrong,
        wrong: record.wrong,
        first_error: record.first_error.clone(),
        usual: span(record, usual, fault),
        outage: span(record, fault, calm),
        back_after: back.map(|back| (back - recovered) as f64 / 1e3),
        gap: gap(record, fault, over) as f64 / 1e3,
        stuck: 0,
        last_errors: record.failed.sum(over.saturating_sub(WELL), over),
    }
}

fn span(record: &SideRecord, from: usize, to: usize) -> Span {
    let mut latencies = histogram();
    let windows = from.div_ceil(WINDOW)..to / WINDOW;
    for window in record
        .latencies
        .iter()
        .take(windows.end)
        .skip(windows.start)
    {
        latencies += window;
    }
    Span {
        successes: record.succeeded.sum(from, to),
        p99: (!latencies.is_empty()).then(|| latencies.value_at_quantile(0.99) as f64 / 1e3),
    }
}

/// The longest time without any success, in milliseconds.
fn gap(record: &SideRecord, from: usize, to: usize) -> usize {
    let times = record.succeeded.times();
    let within = times.filter(|time| (from..to).contains(time));
    let mut last = from;
    let mut longest = 0;
    for time in within.chain([to]) {
        longest = longest.max(time - last);
        last = time;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::{SideRecord, gap, span};

    fn record(times: &[usize]) -> SideRecord {
        let mut record = SideRecord::default();
        for time in times {
            record.succeeded.add(*time, 1);
        }
        record
    }

    #[test]
    fn gap_is_the_longest_time_without_success_from_the_fault_on() {
        assert_eq!(gap(&record(&[5, 900, 1000, 1300, 1900]), 1000, 2000), 600);
        // None at all, and none after the first.
        assert_eq!(gap(&record(&[5]), 1000, 2000), 1000);
        assert_eq!(gap(&record(&[1100]), 1000, 2000), 900);
    }

    #[test]
    fn span_counts_what_ended_in_it() {
        let record = record(&[999, 1000, 1500, 2000]);
        assert_eq!(span(&record, 1000, 2000).successes, 2);
    }
}
