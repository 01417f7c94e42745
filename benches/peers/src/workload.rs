//! What is measured: one row of the report each.

use crate::peer::Request;

/// A workload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) group: Group,
    pub(crate) request: Request,
    /// In bytes.
    pub(crate) value_size: usize,
    pub(crate) tasks: usize,
    /// Threads of the runtime.
    pub(crate) workers: usize,
    /// Added to the round trip, in milliseconds.
    pub(crate) delay: u64,
}

/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    TwoWorkers,
    OneWorker,
    Values,
    Batches,
    RoundTrips,
}

impl Group {
    pub(crate) const ALL: [Self; 5] = [
        Self::TwoWorkers,
        Self::OneWorker,
        Self::Values,
        Self::Batches,
        Self::RoundTrips,
    ];
}

const TASKS: [usize; 5] = [1, 8, 64, 512, 4096];

impl Workload {
    const BASE: Self = Self {
        group: Group::TwoWorkers,
        request: Request::Single,
        value_size: 64,
        tasks: 64,
        workers: 2,
        delay: 0,
    };

    /// All workloads, in the order of the report.
    pub(crate) fn all() -> Vec<Self> {
        let base = Self::BASE;
        let two_workers = TASKS.map(|tasks| Self {
            tasks,
            ..base.clone()
        });
        let one_worker = TASKS.map(|tasks| Self {
            group: Group::OneWorker,
            tasks,
            workers: 1,
            ..base.clone()
        });
        let values =
            [(1 << 10, 64), (16 << 10, 64), (1 << 20, 16)].map(|(value_size, tasks)| Self {
                group: Group::Values,
                value_size,
                tasks,
                ..base.clone()
            });
        let batches = [
            Request::Pipeline(100),
            Request::Mget(100),
            Request::Mget(1000),
        ]
        .map(|request| Self {
            group: Group::Batches,
            request,
            tasks: 8,
            ..base.clone()
        });
        let round_trips = [
            (1, 64),
            (1, 512),
            (1, 4096),
            (10, 64),
            (10, 1024),
            (10, 4096),
        ]
        .map(|(delay, tasks)| Self {
            group: Group::RoundTrips,
            tasks,
            delay,
            ..base.clone()
        });
        [
            two_workers.as_slice(),
            &one_worker,
            &values,
            &batches,
            &round_trips,
        ]
        .concat()
    }

    /// The name by which it is chosen.
    pub(crate) fn name(&self) -> String {
        let what = match self.request {
            Request::Single => size(self.value_size),
            Request::Pipeline(commands) => format!("pipeline{commands}"),
            Request::Mget(keys) => format!("mget{keys}"),
        };
        let delay = match self.delay {
            0 => String::new(),
            millis => format!("-{millis}ms"),
        };
        format!("{what}{delay}-t{}-w{}", self.tasks, self.workers)
    }

    /// What one request carries, in bytes of values.
    pub(crate) fn payload(&self) -> usize {
        self.value_size * self.commands()
    }

    /// Commands, or keys, in one request.
    pub(crate) fn commands(&self) -> usize {
        match self.request {
            Request::Single => 1,
            Request::Pipeline(count) | Request::Mget(count) => count,
        }
    }
}

/// A size as people write it.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}KiB", bytes >> 10),
        _ => format!("{}MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Workload;

    #[test]
    fn each_workload_has_a_name_of_its_own() {
        let all = Workload::all();
        let names: BTreeSet<_> = all.iter().map(Workload::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
