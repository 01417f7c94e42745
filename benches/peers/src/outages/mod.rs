//! Servers that fail, and what applications see of it with each client; see the README beside.

mod application;
mod args;
mod clock;
mod fault;
mod packets;
mod process;
mod report;
mod reshard;
mod scenario;
mod servers;
mod trial;

use std::fs;
use std::time::Duration;

pub(crate) use self::application::{Application, live, main as application};
pub(crate) use self::args::OutagesArgs;
use self::scenario::{Fault, Scenario};
use self::trial::Outcome;
use crate::clients::Client;
use crate::peer::Failure;

/// What to run.
#[derive(Clone, Debug)]
struct Plan {
    clients: Vec<Client>,
    scenarios: Vec<Scenario>,
    rounds: usize,
    /// Of each trial.
    duration: Duration,
    /// Whether all servers refuse everything while one shard is not served.
    full_coverage: bool,
}

/// What all came to.
#[derive(Debug)]
struct Results {
    rows: Vec<Row>,
    /// Name and version of the servers.
    server: String,
    full_coverage: bool,
    /// Of the machine, over the last minute before the run.
    load_before: String,
}

/// One scenario.
#[derive(Debug)]
struct Row {
    scenario: Scenario,
    series: Vec<Series>,
}

/// One client in one scenario.
#[derive(Debug)]
struct Series {
    client: Client,
    /// An outcome, or what went wrong, of each round.
    rounds: Vec<Result<Outcome, String>>,
}

/// What has to be done before there are threads.
pub(crate) fn prepare(args: &OutagesArgs) -> Result<(), Failure> {
    let scenarios = args.plan()?.scenarios;
    let mut faults = scenarios.iter().map(|scenario| scenario.fault);
    match faults.any(|fault| fault == Fault::BlackHole) && !args.list {
        true => packets::isolate(),
        false => Ok(()),
    }
}

/// Runs everything, and writes or prints the report.
pub(crate) async fn run(args: &OutagesArgs) -> Result<(), Failure> {
    if args.list {
        list();
        return Ok(());
    }
    let plan = args.plan()?;
    let results = trials(&plan).await?;
    let text = report::markdown(&plan, &results);
    println!("{text}");
    if let Some(folder) = &args.out {
        fs::write(folder.join("OUTAGES.md"), text)?;
    }
    match report::broken_promises(&results) {
        broken @ 1.. if args.check => Err(format!("{broken} promises are not kept").into()),
        _ => Ok(()),
    }
}

/// Each client goes through each scenario once per round, so that whatever disturbs the machine disturbs all of them alike.
async fn trials(plan: &Plan) -> Result<Results, Failure> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let mut results = Results {
        rows: plan.scenarios.iter().map(|each| plan.row(*each)).collect(),
        server: String::new(),
        full_coverage: plan.full_coverage,
        load_before: load.split(' ').next().unwrap_or_default().to_owned(),
    };
    for round in 0..plan.rounds {
        for row in &mut results.rows {
            // Who is first changes from round to round.
            let count = row.series.len();
            for turn in 0..count {
                let series = &mut row.series[(round + turn) % count];
                let outcome = trial::run(series.client, row.scenario, plan).await;
                let outcome = outcome.map_err(|error| error.to_string());
                progress(round, row.scenario, series.client, &outcome);
                if let Ok(outcome) = &outcome {
                    results.server.clone_from(&outcome.server);
                }
                series.rounds.push(outcome);
            }
        }
    }
    Ok(results)
}

impl Plan {
    /// Without outcomes.
    fn row(&self, scenario: Scenario) -> Row {
        let clients = self.clients.iter().copied();
        let series = |client| Series {
            client,
            rounds: Vec::new(),
        };
        Row {
            scenario,
            series: clients
                .filter(|client| scenario.is_for(*client))
                .map(series)
                .collect(),
        }
    }
}

fn progress(round: usize, scenario: Scenario, client: Client, outcome: &Result<Outcome, String>) {
    let what = match outcome {
        Ok(outcome) => report::in_brief(scenario, outcome),
        Err(error) => error.clone(),
    };
    eprintln!(
        "round {}: {} {}: {what}",
        round + 1,
        scenario.name(),
        client.name()
    );
}

fn list() {
    println!("clients:");
    for client in Client::ALL {
        println!("  {}", client.name());
    }
    println!("scenarios:");
    for scenario in Scenario::all() {
        println!("  {}: {}", scenario.name(), scenario.title());
    }
}
