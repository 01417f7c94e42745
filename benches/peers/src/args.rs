//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::clients::Client;
use crate::outages::OutagesArgs;
use crate::run::Plan;
use crate::workload::Workload;

/// Measures clients for Redis Cluster against each other, on servers that it starts itself.
///
/// The servers are of REDIS_SERVER, or else the first valkey-server or redis-server on the PATH.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) inner: Option<Inner>,
    /// Clients, separated by commas; all unless given
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// Workloads whose name contains one of these, separated by commas; all unless given
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// How often each client runs each workload
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,
    /// How long each cell is measured, in seconds
    #[arg(long, default_value_t = 1.1)]
    seconds: f64,
    /// How long each cell runs before that, in seconds
    #[arg(long, default_value_t = 0.25)]
    warm_up: f64,
    /// One short round
    #[arg(long)]
    quick: bool,
    /// Says which clients and workloads there are
    #[arg(long)]
    pub(crate) list: bool,
    /// Writes REPORT.md and report.svg into this folder
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// Something other than the comparison of speed, and the parts of a run that have a process of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Inner {
    /// Lets servers fail under clients, and measures what applications see of it
    Outages(OutagesArgs),
    /// One client at one workload
    #[command(hide = true)]
    Cell { cell: String },
    /// Proxies that delay, one for each node
    #[command(hide = true)]
    Proxy { nodes: Vec<SocketAddr> },
    /// One client in an outage
    #[command(hide = true)]
    Application { application: String },
}

impl Args {
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let (rounds, warm_up, measured) = match self.quick {
            true => (1, 0.1, 0.3),
            false => (self.rounds.get(), self.warm_up, self.seconds),
        };
        Ok(Plan {
            clients: Client::chosen(&self.clients)?,
            workloads: self.chosen_workloads()?,
            rounds,
            warm_up: seconds(warm_up)?,
            measured: seconds(measured).and_then(not_zero)?,
        })
    }

    fn chosen_workloads(&self) -> Result<Vec<Workload>, String> {
        let mut all = Workload::all();
        if !self.workloads.is_empty() {
            let is_chosen = |name: String| self.workloads.iter().any(|part| name.contains(part));
            all.retain(|workload| is_chosen(workload.name()));
        }
        match all.is_empty() {
            true => Err("no workload has such a name; see --list".to_owned()),
            false => Ok(all),
        }
    }
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{seconds} s: {error}"))
}

fn not_zero(time: Duration) -> Result<Duration, String> {
    match time.is_zero() {
        true => Err("--seconds must be more than 0".to_owned()),
        false => Ok(time),
    }
}
