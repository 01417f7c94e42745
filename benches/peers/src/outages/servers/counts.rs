//! What a node counted: of `INFO`, the commands and connections that are its clients'.

/// Counters of one node, from its start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) is_replica: bool,
    /// Commands that were run or refused, but for those that nodes send each other anyway.
    commands: u64,
    /// Those of them that a primary sends its replicas too.
    replicated: u64,
    pub(super) connections: u64,
}

/// What nodes send each other for replication, and to move keys.
const OF_NODES: [&str; 5] = ["replconf", "psync", "sync", "restore", "restore-asking"];

/// What a primary sends on: the writes of this load and of a reshard, and what it adds itself.
const REPLICATED: [&str; 7] = ["set", "incr", "del", "ping", "select", "multi", "exec"];

impl Counts {
    pub(super) fn parse(info: &str) -> Self {
        let mut counts = Self {
            is_replica: false,
            commands: 0,
            replicated: 0,
            connections: 0,
        };
        for line in info.lines() {
            if let Some(stats) = line.strip_prefix("cmdstat_") {
                counts.add(stats);
            } else if let Some(role) = line.strip_prefix("role:") {
                counts.is_replica = role == "slave";
            } else if let Some(total) = line.strip_prefix("total_connections_received:") {
                counts.connections = total.parse().unwrap_or(0);
            }
        }
        counts
    }

    /// A line such as `get:calls=3,usec=7,usec_per_call=2.33,rejected_calls=0,failed_calls=0`.
    fn add(&mut self, stats: &str) {
        let Some((name, stats)) = stats.split_once(':') else {
            return;
        };
        if OF_NODES.contains(&name) {
            return;
        }
        let field = |name: &str| {
            let value = stats
                .split(',')
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.commands += field("calls") + field("rejected_calls");
        if REPLICATED.contains(&name) {
            self.replicated += field("calls");
        }
    }

    /// The commands of clients since then.
    pub(super) fn commands_since(&self, then: &Self) -> u64 {
        let commands = self.commands.saturating_sub(then.commands);
        match self.is_replica || then.is_replica {
            true => commands.saturating_sub(self.replicated.saturating_sub(then.replicated)),
            false => commands,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counts(role: &str, get: u64, set: u64, refused: u64) -> Counts {
        Counts::parse(&format!(
            "# Stats\r\ntotal_connections_received:7\r\nrole:{role}\r\n\
             cmdstat_get:calls={get},usec=1,rejected_calls={refused},failed_calls=0\r\n\
             cmdstat_set:calls={set},usec=1,rejected_calls=0,failed_calls=0\r\n\
             cmdstat_replconf:calls=99,usec=1,rejected_calls=0,failed_calls=0\r\n"
        ))
    }

    #[test]
    fn commands_are_those_of_clients_refused_ones_too() {
        let (then, now) = (counts("master", 1, 2, 0), counts("master", 11, 5, 3));
        assert_eq!(now.commands_since(&then), 10 + 3 + 3);
        assert_eq!(now.connections, 7);
    }

    #[test]
    fn what_a_replica_gets_from_its_primary_does_not_count() {
        let (then, now) = (counts("slave", 1, 2, 0), counts("slave", 3, 50, 0));
        assert_eq!(now.commands_since(&then), 2);
    }
}
