//! What comes out of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Plan;
use super::child::Outcome;
use crate::clients::Client;
use crate::workload::Workload;

/// What a whole run came to.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    /// Name and version of the servers.
    pub(crate) server: String,
    /// Of the machine, over the last minute before the run.
    pub(crate) load_before: String,
    /// What a round trip took, by the milliseconds added to it.
    pub(crate) round_trips: BTreeMap<u64, Duration>,
}

/// One workload.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) series: Vec<Series>,
    /// The clients that have no way to do it, and why.
    pub(crate) unsupported: Vec<(Client, &'static str)>,
}

/// One client at one workload.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) client: Client,
    /// An outcome, or what went wrong, of each round.
    pub(crate) rounds: Vec<Result<Outcome, String>>,
}

impl Results {
    pub(crate) fn round_trip(&self, delay: u64) -> Option<Duration> {
        self.round_trips.get(&delay).copied()
    }
}

impl Row {
    /// Without outcomes.
    pub(super) fn new(workload: &Workload, plan: &Plan) -> Self {
        let mut row = Self {
            workload: workload.clone(),
            series: Vec::new(),
            unsupported: Vec::new(),
        };
        for client in &plan.clients {
            match client.unsupported(workload.request) {
                Some(why) => row.unsupported.push((*client, why)),
                None => row.series.push(Series {
                    client: *client,
                    rounds: Vec::new(),
                }),
            }
        }
        row
    }

    pub(crate) fn of(&self, client: Client) -> Option<&Series> {
        self.series.iter().find(|series| series.client == client)
    }
}
