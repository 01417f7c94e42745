//! Where to send a command that has no keys, or should not go where its keys say.

use super::Slot;
use crate::addr::NodeAddr;

/// Where to send a command, whatever its keys say; for [`Command::target`](super::Command::target).
///
/// ```
/// use tower_redis_cluster::command::Slot;
/// use tower_redis_cluster::{NodeAddr, Target, cmd};
///
/// // A script that makes up the name of its key, beside the data it works on:
/// let script = "return redis.call('INCR', '{user:1}:visits')";
/// let visit = cmd("EVAL").arg(script).arg(0).target(Target::key("user:1"));
/// assert_eq!(visit.explicit_target(), Some(&Target::Slot(Slot::of("user:1"))));
///
/// // What a node says of itself:
/// let node = NodeAddr::new("10.0.0.1", 7000);
/// let size = cmd("DBSIZE").target(Target::Node(node));
///
/// // What is the same everywhere, asked of anyone:
/// let functions = cmd("FUNCTION").arg("LIST").target(Target::AnyPrimary);
///
/// // What every node is to hear:
/// let reset = cmd("CONFIG").arg("RESETSTAT").target(Target::AllNodes);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// To the primary of this slot.
    Slot(Slot),
    /// To this node, whether or not the topology knows it. Redirects are not followed from there.
    Node(NodeAddr),
    /// To a primary chosen at random.
    AnyPrimary,
    /// To every primary. Needs the `ScatterGatherLayer`.
    AllPrimaries,
    /// To every node, replicas included. Needs the `ScatterGatherLayer`.
    AllNodes,
}

impl Target {
    /// To the primary of this key's slot.
    ///
    /// ```
    /// use tower_redis_cluster::Target;
    ///
    /// assert_eq!(Target::key("{user:1}:name"), Target::key("user:1"));
    /// ```
    pub fn key(key: impl AsRef<[u8]>) -> Self {
        Self::Slot(Slot::of(key.as_ref()))
    }
}

impl From<Slot> for Target {
    fn from(slot: Slot) -> Self {
        Self::Slot(slot)
    }
}

impl From<NodeAddr> for Target {
    fn from(addr: NodeAddr) -> Self {
        Self::Node(addr)
    }
}
