//! What fails: one table of the report each.

use std::time::Duration;

use crate::clients::Client;

/// What is done to a cluster of three shards, all of it to the first but for [`Fault::Disconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The primary is stopped, as a machine that hangs: SIGSTOP.
    Stop,
    /// The primary crashes: SIGKILL.
    Kill,
    /// The replica takes over in agreement with the primary: CLUSTER FAILOVER.
    Failover,
    /// Slots move to another shard, with their keys, one slot after another.
    Reshard,
    /// Nothing passes any more on the connections that the client has to the primary; new ones are let through.
    BlackHole,
    /// All nodes close all connections of the client: CLIENT KILL.
    Disconnect,
}

/// A fault, and how long the client's requests may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) fault: Fault,
    pub(crate) timeout: Duration,
}

/// How many slots a reshard moves.
pub(crate) const MOVED_SLOTS: u16 = 1500;

const TIMEOUT: Duration = Duration::from_secs(1);

/// More than the servers need to promote a replica.
const PATIENT: Duration = Duration::from_secs(10);

impl Scenario {
    /// All of them, in the order of the report.
    pub(crate) fn all() -> Vec<Self> {
        let told = |timeout| move |fault| Self { fault, timeout };
        let all = [
            Fault::Stop,
            Fault::Kill,
            Fault::Failover,
            Fault::Reshard,
            Fault::BlackHole,
            Fault::Disconnect,
        ];
        let mut all: Vec<_> = all.into_iter().map(told(TIMEOUT)).collect();
        all.extend([Fault::Stop, Fault::Kill].into_iter().map(told(PATIENT)));
        all
    }

    /// True where requests may outlast an election.
    pub(crate) fn is_patient(self) -> bool {
        self.timeout > TIMEOUT
    }

    /// What a client does with a longer timeout is only asked of this crate, which promises something for it.
    pub(crate) fn is_for(self, client: Client) -> bool {
        client.is_this() || !self.is_patient()
    }

    /// The name by which it is chosen.
    pub(crate) fn name(self) -> String {
        let fault = match self.fault {
            Fault::Stop => "sigstop",
            Fault::Kill => "sigkill",
            Fault::Failover => "failover",
            Fault::Reshard => "reshard",
            Fault::BlackHole => "black-hole",
            Fault::Disconnect => "client-kill",
        };
        match self.is_patient() {
            true => format!("{fault}-{}s", self.timeout.as_secs()),
            false => fault.to_owned(),
        }
    }

    /// What it is, in a few words.
    pub(crate) fn title(self) -> String {
        let fault = match self.fault {
            Fault::Stop => "SIGSTOP of a primary".to_owned(),
            Fault::Kill => "SIGKILL of a primary".to_owned(),
            Fault::Failover => "graceful failover of a primary".to_owned(),
            Fault::Reshard => format!("live reshard of {MOVED_SLOTS} slots"),
            Fault::BlackHole => "black hole on the connections to a primary".to_owned(),
            Fault::Disconnect => "all connections killed".to_owned(),
        };
        match self.is_patient() {
            true => format!("{fault}, timeout {} s", self.timeout.as_secs()),
            false => fault,
        }
    }
}

impl Fault {
    /// True where the servers have to recover first, by an election.
    pub(crate) fn needs_election(self) -> bool {
        matches!(self, Self::Stop | Self::Kill)
    }

    /// True if no shard is spared.
    pub(crate) fn is_everywhere(self) -> bool {
        self == Self::Disconnect
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Scenario;

    #[test]
    fn each_scenario_has_a_name_of_its_own() {
        let all = Scenario::all();
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), all.len());
    }
}
