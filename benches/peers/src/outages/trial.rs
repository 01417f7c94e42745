//! One client in one scenario: a cluster of its own, an application, a fault, and what came of it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::Plan;
use super::application::{Account, Application, Marks};
use super::clock::Moment;
use super::fault::{self, Happened};
use super::process::Process;
use super::scenario::{Fault, Scenario};
use super::servers::{AFFECTED, Servers};
use crate::clients::Client;
use crate::peer::Failure;

pub(super) const TASKS: usize = 64;

/// How long all is well.
pub(super) const FAULT_AT: Duration = Duration::from_secs(4);

/// So much of that is taken for what is usual.
pub(super) const USUAL: Duration = Duration::from_secs(2);

/// So long after the servers are done it counts as the outage still.
pub(super) const AFTERMATH: Duration = Duration::from_secs(2);

/// Below this part of the usual rate, the servers' counters are not taken often enough to say anything per success.
const HARDLY: f64 = 0.1;

/// What a trial came to.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) account: Account,
    /// From the fault to the servers' own recovery, in seconds.
    pub(super) election: f64,
    /// From the fault until all that was done to the servers was done, in seconds.
    pub(super) action: f64,
    /// Connections that the servers got after the fault.
    pub(super) connections: u64,
    /// Commands per success in the outage, as a multiple of what is usual.
    pub(super) load: Option<f64>,
    pub(super) server: String,
}

/// Runs one; all that it started ends with it.
pub(super) async fn run(
    client: Client,
    scenario: Scenario,
    plan: &Plan,
) -> Result<Outcome, Failure> {
    let mut servers = Servers::start(plan.full_coverage).await?;
    let server = servers.version().await?;
    let application = Application {
        client,
        nodes: servers.addrs(),
        timeout: scenario.timeout,
        shards: servers.shards(scenario.fault.is_everywhere()).await?,
        tasks: TASKS,
    };
    let process = Process::start(&application).await?;

    let start = Instant::now();
    let over = start + plan.duration;
    sleep_until(start + FAULT_AT).await;
    let happening = fault::happen(scenario.fault, &mut servers, process.id());
    let happened = timeout_at(over, happening)
        .await
        .map_err(|_| "the servers were not done with it in time")??;
    sleep_until(over).await;

    let marks = marks(&happened)?;
    let account = process.end(&marks).await?;
    drop(happened);
    if scenario.fault == Fault::Stop {
        servers.resume(AFFECTED).await?;
    }
    Ok(Outcome {
        election: marks.recovered.since(marks.fault),
        action: marks.done.since(marks.fault),
        connections: servers.connections_since(marks.fault),
        load: load(&servers, &account, &marks),
        server,
        account,
    })
}

fn marks(happened: &Happened) -> Result<Marks, Failure> {
    let over = Moment::now()?;
    Ok(Marks {
        usual: happened.fault.minus(USUAL),
        fault: happened.fault,
        recovered: happened.recovered,
        done: happened.done,
        calm: happened.done.plus(AFTERMATH).min(over),
        over,
    })
}

/// Commands that the servers ran or refused for each success of the application: those in the outage, by those before.
/// None where hardly anything succeeded in the outage.
fn load(servers: &Servers, account: &Account, marks: &Marks) -> Option<f64> {
    let [healthy, affected] = account.sides();
    let usual = (healthy.usual.successes + affected.usual.successes) as f64;
    let outage = (healthy.outage.successes + affected.outage.successes) as f64;
    let rate = outage / marks.calm.since(marks.fault);
    if rate < HARDLY * usual / marks.fault.since(marks.usual) {
        return None;
    }
    let usual = servers.commands_between(marks.usual, marks.fault) / usual;
    let outage = servers.commands_between(marks.fault, marks.calm) / outage;
    Some(outage / usual).filter(|ratio| ratio.is_finite())
}
