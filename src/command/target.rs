//! Where to send a command that has no keys, or should not go where its keys say.

use super::Slot;
use crate::addr::NodeAddr;

/// Where to send a command, whatever its keys say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// To the primary of this slot.
    Slot(Slot),
    /// To this node, whether or not the topology knows it. Redirects are not followed from there.
    Node(NodeAddr),
    /// To a primary chosen at random.
    AnyPrimary,
}
