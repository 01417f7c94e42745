//! Which nodes a command concerns, and how their replies become one.
//!
//! The table's policies say it for most commands. [`correction`] says it for the few where they are missing, or made
//! for clients that have one connection to each node for themselves.

use super::table::{CommandInfo, Flags, RequestPolicy, ResponsePolicy};

/// Which nodes a command concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One: that of its keys, or any.
    One,
    /// That of each of its keys.
    Keys(Gather),
    /// Each of these.
    Each(Nodes, Gather),
    /// One that only the application can name, or none; this is why.
    Unclear(&'static str),
}

/// A group of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    Primaries,
    All,
}

/// How several replies become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gather {
    /// The elements of all, in the order of the keys they are for.
    ByKey,
    /// The first, if all succeeded.
    All,
    /// The first that succeeded.
    Any,
    /// The sum.
    Sum,
    /// The smallest; of lists, element by element.
    Min,
    /// The largest; of lists, element by element.
    Max,
    /// 1 where all are true; of lists, element by element.
    And,
    /// 1 where any is true; of lists, element by element.
    Or,
    /// The elements of all, in no particular order; of what is no list, a list of the replies.
    Concat,
    /// The elements of all, each once.
    Union,
    /// Of lists of names and numbers, the sum for each name.
    SumByName,
    /// One that is not nil, chosen at random.
    Random,
}

const DESCRIBES_ONE_NODE: &str = "each node answers this for itself, and there is no telling how the answers \
    would make one; ask for each with `Cluster::query_each_node`, or name one with `Command::target`";

const ADMINISTERS_ONE_NODE: &str = "the command administers one node; name it with `Command::target`, or send it to \
    several with `Cluster::query_each_node`";

const CURSOR_OF_ONE_NODE: &str = "a cursor belongs to one node; iterate over the whole cluster with `Cluster::scan`, or \
    name the node with `Command::target`";

const SLOT_OF_ONE_NODE: &str = "only the node that serves the slot can tell; name it with `Command::target` and `Target::Slot`";

const CONNECTIONS_COME_AND_GO: &str = "connections are shared, and made anew when they are lost: set this in the \
    `ConnectConfig`, which every connection is made by";

impl CommandInfo {
    /// Which nodes a command concerns, unless the application says where to send it.
    pub(crate) fn reach(&self) -> Reach {
        // Nearly all commands.
        if self.request_policy() == RequestPolicy::Default && !self.key_specs().is_empty() {
            return Reach::One;
        }
        if let Some(reach) = correction(self.name()) {
            return reach;
        }
        let nodes = match self.request_policy() {
            RequestPolicy::Default if self.flags().contains(Flags::ADMIN) => {
                return Reach::Unclear(ADMINISTERS_ONE_NODE);
            }
            RequestPolicy::Default => return Reach::One,
            RequestPolicy::MultiShard => {
                return self.gather(Gather::ByKey).map_or(Reach::One, Reach::Keys);
            }
            RequestPolicy::AllShards => Nodes::Primaries,
            RequestPolicy::AllNodes => Nodes::All,
            RequestPolicy::Special => return Reach::Unclear(DESCRIBES_ONE_NODE),
        };
        match self.gather(Gather::Concat) {
            Some(gather) => Reach::Each(nodes, gather),
            None => Reach::Unclear(DESCRIBES_ONE_NODE),
        }
    }

    /// How the replies become one when the application sends the command to several nodes; an error if there is no
    /// telling.
    pub(crate) fn gather_of_each(&self) -> Result<Gather, &'static str> {
        if let Some(Reach::Each(_, gather)) = correction(self.name()) {
            return Ok(gather);
        }
        self.gather(Gather::Concat).ok_or(DESCRIBES_ONE_NODE)
    }

    fn gather(&self, default: Gather) -> Option<Gather> {
        Some(match self.response_policy() {
            ResponsePolicy::Default => default,
            ResponsePolicy::OneSucceeded => Gather::Any,
            ResponsePolicy::AllSucceeded => Gather::All,
            ResponsePolicy::AggLogicalAnd => Gather::And,
            ResponsePolicy::AggLogicalOr => Gather::Or,
            ResponsePolicy::AggMin => Gather::Min,
            ResponsePolicy::AggMax => Gather::Max,
            ResponsePolicy::AggSum => Gather::Sum,
            ResponsePolicy::Special => return None,
        })
    }
}

/// What the table does not say, or says for another kind of client.
fn correction(name: &str) -> Option<Reach> {
    Some(match name {
        // Whether there is a node that answers; who wants to ask each of them can name them all.
        "PING" => Reach::One,
        // The table says `special`: it is any key, and a primary without keys has none to offer.
        "RANDOMKEY" => Reach::Each(Nodes::Primaries, Gather::Random),
        "SCAN" | "CLUSTERSCAN" => Reach::Unclear(CURSOR_OF_ONE_NODE),
        // The table says `all_nodes`, which a connection made later would miss.
        "CLIENT SETNAME" | "CLIENT SETINFO" => Reach::Unclear(CONNECTIONS_COME_AND_GO),
        // The table has no policy. A message reaches all nodes, but a node knows its own subscribers only.
        "PUBSUB CHANNELS" | "PUBSUB SHARDCHANNELS" => Reach::Each(Nodes::All, Gather::Union),
        "PUBSUB NUMSUB" | "PUBSUB SHARDNUMSUB" => Reach::Each(Nodes::All, Gather::SumByName),
        "PUBSUB NUMPAT" => Reach::Each(Nodes::All, Gather::Sum),
        // The table has no policy, and the nodes that do not serve the slot answer as if it were empty.
        "CLUSTER COUNTKEYSINSLOT" | "CLUSTER GETKEYSINSLOT" => Reach::Unclear(SLOT_OF_ONE_NODE),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{all, cmd};

    fn reach(words: &[&str]) -> Reach {
        let command = cmd(words[0]).arg(&words[1..]);
        command.info().expect("the table has it").reach()
    }

    #[test]
    fn the_policies_say_where_commands_go_and_what_becomes_of_the_replies() {
        use Nodes::{All, Primaries};
        for (words, expected) in [
            (&["GET", "k"][..], Reach::One),
            (&["MSETNX", "k", "v"], Reach::One),
            (&["TIME"], Reach::One),
            (&["PING"], Reach::One),
            (&["CLUSTER", "KEYSLOT", "k"], Reach::One),
            (&["MGET", "k"], Reach::Keys(Gather::ByKey)),
            (&["MSET", "k", "v"], Reach::Keys(Gather::All)),
            (&["UNLINK", "k"], Reach::Keys(Gather::Sum)),
            (&["DBSIZE"], Reach::Each(Primaries, Gather::Sum)),
            (&["FLUSHALL"], Reach::Each(Primaries, Gather::All)),
            (&["KEYS", "*"], Reach::Each(Primaries, Gather::Concat)),
            (&["RANDOMKEY"], Reach::Each(Primaries, Gather::Random)),
            (&["WAIT", "1", "0"], Reach::Each(Primaries, Gather::Min)),
            (&["SCRIPT", "LOAD", "x"], Reach::Each(All, Gather::All)),
            (&["SCRIPT", "EXISTS"], Reach::Each(Primaries, Gather::And)),
            (&["SCRIPT", "KILL"], Reach::Each(Primaries, Gather::Any)),
            (&["SLOWLOG", "LEN"], Reach::Each(All, Gather::Sum)),
            (&["PUBSUB", "NUMSUB"], Reach::Each(All, Gather::SumByName)),
        ] {
            assert_eq!(reach(words), expected, "{words:?}");
        }
    }

    #[test]
    fn what_one_node_answers_for_itself_is_not_asked_of_just_any() {
        for words in [
            &["INFO"][..],
            &["MEMORY", "STATS"],
            &["LATENCY", "LATEST"],
            &["FUNCTION", "STATS"],
            &["SCAN", "0"],
            &["CLUSTERSCAN", "0"],
            &["CLIENT", "SETNAME", "x"],
            &["CLUSTER", "COUNTKEYSINSLOT", "1"],
            &["CONFIG", "GET", "maxmemory"],
            &["BGSAVE"],
            &["SHUTDOWN"],
        ] {
            assert!(matches!(reach(words), Reach::Unclear(_)), "{words:?}");
        }
    }

    #[test]
    fn each_correction_names_a_command_of_the_table() {
        let names: Vec<_> = all()
            .map(CommandInfo::name)
            .filter(|name| correction(name).is_some())
            .collect();
        assert_eq!(names.len(), 13, "{names:?}");
    }

    #[test]
    fn all_that_is_split_has_keys_to_split_by() {
        for info in all() {
            if let Reach::Keys(_) = info.reach() {
                assert_eq!(info.key_specs().len(), 1, "{info:?}");
            }
        }
    }
}
