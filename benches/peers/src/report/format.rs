//! Figures as people read them.

use super::figures::Metric;
use crate::peer::Request;
use crate::workload::{Group, Workload, size};

/// Three digits.
pub(super) fn digits(figure: f64) -> String {
    match figure {
        f if f >= 100.0 => format!("{f:.0}"),
        f if f >= 10.0 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}

/// The unit in which a metric of a group is given.
pub(super) fn unit(metric: Metric, group: Group) -> &'static str {
    match (metric, group) {
        (Metric::Throughput, Group::Values) => "MiB/s",
        (Metric::Throughput, Group::Batches) => "thousand commands or keys/s",
        (Metric::Throughput, _) => "thousand operations/s",
        (Metric::Cpu, Group::Values) => "µs/MiB",
        (Metric::Cpu, Group::Batches) => "µs/command or key",
        (Metric::Cpu, _) => "µs/operation",
        (Metric::P99, _) => "µs",
    }
}

/// A figure per request, in that unit.
pub(super) fn in_unit(metric: Metric, workload: &Workload, figure: f64) -> f64 {
    let commands = workload.commands() as f64;
    let mib = workload.payload() as f64 / f64::from(1 << 20);
    match (metric, workload.group) {
        (Metric::Throughput, Group::Values) => figure * mib,
        (Metric::Throughput, _) => figure * commands / 1000.0,
        (Metric::Cpu, Group::Values) => figure / mib,
        (Metric::Cpu, _) => figure / commands,
        (Metric::P99, _) => figure,
    }
}

pub(super) fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Throughput => "throughput",
        Metric::Cpu => "client CPU",
        Metric::P99 => "p99",
    }
}

pub(super) fn group(group: Group) -> &'static str {
    match group {
        Group::TwoWorkers => "Small values, 2 worker threads",
        Group::OneWorker => "Small values, 1 worker thread",
        Group::Values => "Larger values",
        Group::Batches => "Pipelines and MGET",
        Group::RoundTrips => "Longer round trips",
    }
}

/// A workload in a few words; within its group if that says the rest.
pub(super) fn workload(workload: &Workload) -> String {
    let tasks = match workload.tasks {
        1 => "1 task".to_owned(),
        tasks => format!("{tasks} tasks"),
    };
    match (workload.group, workload.request) {
        (_, Request::Pipeline(commands)) => format!("pipelines of {commands}, {tasks}"),
        (_, Request::Mget(keys)) => format!("MGET of {keys}, {tasks}"),
        (Group::Values, Request::Single) => format!("{}, {tasks}", size(workload.value_size)),
        (Group::RoundTrips, Request::Single) => format!("+{} ms, {tasks}", workload.delay),
        (Group::OneWorker, Request::Single) => format!("{tasks}, 1 thread"),
        (Group::TwoWorkers | Group::Batches, Request::Single) => tasks,
    }
}
