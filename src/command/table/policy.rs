//! Which nodes a command is for, and how their replies become one.

/// Which nodes a command must be sent to.
// Redis documentation: "Command tips", request_policy
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestPolicy {
    /// The node that serves its keys, or any node if it has none.
    Default,
    /// Every node, replicas included.
    AllNodes,
    /// Every primary.
    AllShards,
    /// The keys may be in several slots; each shard gets a command with its part of them.
    MultiShard,
    /// None of these; the command needs code of its own.
    Special,
}

/// How the replies of several nodes become one.
// Redis documentation: "Command tips", response_policy
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponsePolicy {
    /// With keys, the replies in the order of the keys; without, all elements of all replies in any order.
    Default,
    /// The first reply that is no error, or an error if there is none.
    OneSucceeded,
    /// Any reply if none is an error, or else an error.
    AllSucceeded,
    /// The logical AND of the replies, element by element.
    AggLogicalAnd,
    /// The logical OR of the replies, element by element.
    AggLogicalOr,
    /// The smallest reply.
    AggMin,
    /// The largest reply.
    AggMax,
    /// The sum of the replies.
    AggSum,
    /// None of these; the command needs code of its own.
    Special,
}
