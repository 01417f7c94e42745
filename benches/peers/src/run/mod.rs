//! All cells, interleaved.

mod child;
mod distance;
mod results;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

pub(crate) use self::child::Outcome;
pub(crate) use self::results::{Results, Row, Series};
use self::servers::Servers;
use crate::cell::Cell;
use crate::clients::Client;
use crate::peer::Failure;
use crate::workload::Workload;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) clients: Vec<Client>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// The servers of a run: only those that some workload needs.
struct Places {
    near: Option<Servers>,
    far: Option<Servers>,
}

/// Runs every client at every workload once per round, so that whatever disturbs the machine disturbs all of them alike.
pub(crate) async fn run(plan: &Plan) -> Result<Results, Failure> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let mut places = Places::of(&plan.workloads).await?;
    let mut results = Results {
        rows: plan
            .workloads
            .iter()
            .map(|workload| Row::new(workload, plan))
            .collect(),
        server: String::new(),
        load_before: load.split(' ').next().unwrap_or_default().to_owned(),
        round_trips: BTreeMap::new(),
    };
    for round in 0..plan.rounds {
        for row in &mut results.rows {
            let delay = row.workload.delay;
            let servers = places.at(delay)?;
            if let Some(round_trip) = servers.set_delay(delay)? {
                results.round_trips.insert(delay, round_trip);
            }
            results.server = servers.version().await?;
            // Who is first changes from round to round.
            let count = row.series.len();
            for turn in 0..count {
                let series = &mut row.series[(round + turn) % count];
                let cell = cell(series.client, &row.workload, servers, plan)?;
                let outcome = child::run(&cell, servers)
                    .await
                    .map_err(|error| error.to_string());
                progress(round, &row.workload, series.client, &outcome);
                series.rounds.push(outcome);
            }
        }
    }
    Ok(results)
}

impl Places {
    /// Starts the servers, and gives all keys their values.
    async fn of(workloads: &[Workload]) -> Result<Self, Failure> {
        let sizes = |is_far: bool| -> BTreeSet<_> {
            let there = workloads
                .iter()
                .filter(|workload| (workload.delay > 0) == is_far);
            there.map(|workload| workload.value_size).collect()
        };
        let mut places = Self {
            near: None,
            far: None,
        };
        if !sizes(false).is_empty() {
            places.near = Some(filled(Servers::near().await?, &sizes(false)).await?);
        }
        if !sizes(true).is_empty() {
            places.far = Some(filled(Servers::far().await?, &sizes(true)).await?);
        }
        Ok(places)
    }

    fn at(&mut self, delay: u64) -> Result<&mut Servers, Failure> {
        let servers = match delay {
            0 => &mut self.near,
            _ => &mut self.far,
        };
        servers
            .as_mut()
            .ok_or_else(|| "the servers are not started".into())
    }
}

async fn filled(servers: Servers, sizes: &BTreeSet<usize>) -> Result<Servers, Failure> {
    for size in sizes {
        servers.fill(*size).await?;
    }
    Ok(servers)
}

fn cell(
    client: Client,
    workload: &Workload,
    servers: &Servers,
    plan: &Plan,
) -> Result<Cell, Failure> {
    Ok(Cell {
        client,
        nodes: servers.nodes()?,
        request: workload.request,
        value_size: workload.value_size,
        tasks: workload.tasks,
        workers: workload.workers,
        warm_up: plan.warm_up,
        measured: plan.measured,
    })
}

fn progress(round: usize, workload: &Workload, client: Client, outcome: &Result<Outcome, String>) {
    let what = match outcome {
        Ok(Outcome { measured, .. }) => {
            let per_second = measured.requests as f64 / measured.seconds;
            let errors = match &measured.first_error {
                Some(error) => format!(", {} errors: {error}", measured.errors),
                None => String::new(),
            };
            format!("{per_second:.0} requests/s{errors}")
        }
        Err(error) => error.clone(),
    };
    eprintln!(
        "round {}: {} {}: {what}",
        round + 1,
        workload.name(),
        client.name()
    );
}
