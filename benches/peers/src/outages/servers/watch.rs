//! Asks a node for its counters, again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::counts::Counts;
use super::node::Node;
use crate::outages::clock::Moment;
use crate::peer::Failure;

/// From one answer to the next question.
const PACE: Duration = Duration::from_millis(100);

/// What a node counted over time. It ends with this.
pub(super) struct Watch {
    task: JoinHandle<()>,
    series: Arc<Mutex<Vec<Sample>>>,
}

/// What clients had done until then.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Moment,
    commands: u64,
    connections: u64,
}

impl Watch {
    pub(super) fn start(node: Arc<Node>) -> Self {
        let series = Arc::<Mutex<Vec<Sample>>>::default();
        let shared = series.clone();
        // A node that is killed answers no more, and what it counted until then stands.
        let task = tokio::spawn(async move { drop(watch(&node, &shared).await) });
        Self { task, series }
    }

    /// Connections that were opened since then.
    pub(super) fn connections_since(&self, then: Moment) -> u64 {
        let series = lock(&self.series);
        let before = series.iter().rfind(|sample| sample.at <= then);
        match (before, series.last()) {
            (Some(before), Some(last)) => last.connections - before.connections,
            _ => 0,
        }
    }

    /// Commands of clients until then.
    pub(super) fn commands_at(&self, then: Moment) -> f64 {
        commands_at(&lock(&self.series), then)
    }

    /// Whether it answered after this.
    pub(super) fn has_answered_since(&self, then: Moment) -> bool {
        lock(&self.series).last().is_some_and(|last| last.at > then)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(node: &Node, series: &Mutex<Vec<Sample>>) -> Result<(), Failure> {
    let mut last: Option<(Counts, u64)> = None;
    let mut commands = 0;
    loop {
        let answer = node.answer(&["INFO", "all"]).await?;
        let at = Moment::now()?;
        let counts = Counts::parse(&answer.reply.text()?);
        if let Some((before, asked_before)) = last {
            let own = answer.asked_before - asked_before;
            commands += counts.commands_since(&before).saturating_sub(own);
        }
        last = Some((counts, answer.asked_before));
        lock(series).push(Sample {
            at,
            commands,
            connections: counts.connections,
        });
        tokio::time::sleep(PACE).await;
    }
}

/// As if all came evenly between two samples.
fn commands_at(series: &[Sample], then: Moment) -> f64 {
    let after = series.partition_point(|sample| sample.at <= then);
    match (
        after.checked_sub(1).map(|index| series[index]),
        series.get(after),
    ) {
        (Some(before), Some(after)) => {
            let part = then.since(before.at) / after.at.since(before.at);
            before.commands as f64 + part * (after.commands - before.commands) as f64
        }
        (Some(last), None) => last.commands as f64,
        (None, _) => 0.0,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Sample, commands_at};
    use crate::outages::clock::Moment;

    #[test]
    fn commands_between_samples_are_taken_to_come_evenly() {
        let start = Moment::now().expect("a clock");
        let at = |millis| start.plus(Duration::from_millis(millis));
        let sample = |millis, commands| Sample {
            at: at(millis),
            commands,
            connections: 0,
        };
        let series = [sample(100, 10), sample(200, 30)];
        for (millis, commands) in [(0, 0.0), (100, 10.0), (150, 20.0), (200, 30.0), (900, 30.0)] {
            assert_eq!(commands_at(&series, at(millis)), commands, "at {millis} ms");
        }
    }
}
