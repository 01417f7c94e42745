//! The part of the command line that is about outages.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Plan;
use super::scenario::Scenario;
use super::trial::FAULT_AT;
use crate::clients::Client;

/// How long a trial goes on at least after the fault.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// Lets servers fail under clients, and measures what applications see of it.
#[derive(Debug, Args)]
pub(crate) struct OutagesArgs {
    /// Clients, separated by commas; all unless given
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// Scenarios by their names, separated by commas; all unless given
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// How often each client goes through each scenario
    #[arg(long, default_value = "3")]
    rounds: NonZeroUsize,
    /// How long each trial is, in seconds; the fault comes after 4
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Only this crate, and fails unless it keeps what it promises
    #[arg(long)]
    pub(super) check: bool,
    /// Leaves cluster-require-full-coverage on: all servers refuse everything while one shard is not served
    #[arg(long)]
    full_coverage: bool,
    /// Says which clients and scenarios there are
    #[arg(long)]
    pub(super) list: bool,
    /// Writes OUTAGES.md into this folder
    #[arg(long)]
    pub(super) out: Option<PathBuf>,
}

impl OutagesArgs {
    pub(super) fn plan(&self) -> Result<Plan, String> {
        let seconds = Duration::try_from_secs_f64(self.seconds)
            .map_err(|error| format!("{} s: {error}", self.seconds))?;
        if seconds < FAULT_AT + AFTERWARDS {
            let least = FAULT_AT + AFTERWARDS;
            return Err(format!("--seconds must be {} at least", least.as_secs()));
        }
        Ok(Plan {
            clients: match self.check {
                true => vec![Client::This],
                false => Client::chosen(&self.clients)?,
            },
            scenarios: self.chosen_scenarios()?,
            rounds: self.rounds.get(),
            duration: seconds,
            full_coverage: self.full_coverage,
        })
    }

    fn chosen_scenarios(&self) -> Result<Vec<Scenario>, String> {
        let all = Scenario::all();
        if self.scenarios.is_empty() {
            return Ok(all);
        }
        let scenario = |name: &String| {
            let found = all.iter().find(|scenario| scenario.name() == *name);
            found
                .copied()
                .ok_or_else(|| format!("there is no scenario {name}; see --list"))
        };
        self.scenarios.iter().map(scenario).collect()
    }
}
