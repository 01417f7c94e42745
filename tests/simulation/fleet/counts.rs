//! What a phase of the outage has cost.

use std::fmt;
use std::time::Duration;

/// Counts of one phase, in which one node may be lost.
#[derive(Debug, Default)]
pub struct Phase {
    pub name: &'static str,
    pub time: Duration,
    /// Topology queries, by client.
    pub queries: Vec<u64>,
    /// Attempts to connect to the node that is lost: of all clients, by second.
    pub dials: Vec<u64>,
    /// Attempts to connect to it by one client in one second, at most.
    pub most_dials_per_second: u32,
    /// Attempts to connect to any other node.
    pub other_dials: u64,
    pub requests: u64,
}

impl Phase {
    /// Topology queries per minute of the client that asked most.
    pub fn most_queries(&self) -> f64 {
        let most = self.queries.iter().copied().max().unwrap_or(0);
        self.per_minute(most as f64)
    }

    /// Attempts to connect to the lost node per client and second.
    pub fn mean_dials(&self) -> f64 {
        let all: u64 = self.dials.iter().sum();
        all as f64 / self.time.as_secs_f64() / self.queries.len() as f64
    }

    fn mean_queries(&self) -> f64 {
        let all: u64 = self.queries.iter().sum();
        self.per_minute(all as f64 / self.queries.len() as f64)
    }

    fn per_minute(&self, count: f64) -> f64 {
        count * 60.0 / self.time.as_secs_f64()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.queries.len() as f64;
        write!(
            f,
            "{:>8}: topology queries per client and minute: mean {:.1}, max {:.1}; \
             dials of the lost node per second: mean {:.0}, max {}, of one client: mean {:.2}, max {}; \
             dials of other nodes per client: {:.1}; requests per client and second that reached a node: {:.2}",
            self.name,
            self.mean_queries(),
            self.most_queries(),
            self.mean_dials() * clients,
            self.dials.iter().copied().max().unwrap_or(0),
            self.mean_dials(),
            self.most_dials_per_second,
            self.other_dials as f64 / clients,
            self.requests as f64 / clients / self.time.as_secs_f64(),
        )
    }
}
