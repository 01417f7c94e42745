//! Which part of a pipeline goes to which node.

use std::collections::HashMap;
use std::sync::Arc;

use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::topology::Topology;

/// Groups of parts, in the order in which their nodes were first named.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    by_addr: HashMap<NodeAddr, usize>,
}

/// Parts that go to one node, in their order.
pub(super) struct Group {
    pub(super) addr: NodeAddr,
    pub(super) members: Vec<Member>,
}

/// A part, by its position in the pipeline.
pub(super) struct Member {
    pub(super) part: usize,
    pub(super) is_asking: bool,
    /// The slot whose primary it is for, whoever that is when it is sent. `None` for a part that goes to this very
    /// node, or may go to any.
    pub(super) slot: Option<Slot>,
}

impl Member {
    /// A part for this node.
    pub(super) fn pinned(part: usize) -> Self {
        Self::of_slot(part, None)
    }

    /// A part for the primary of this slot, or for any.
    pub(super) fn of_slot(part: usize, slot: Option<Slot>) -> Self {
        Self {
            part,
            is_asking: false,
            slot,
        }
    }
}

impl Groups {
    pub(super) fn add(&mut self, addr: &NodeAddr, member: Member) {
        let index = match self.by_addr.get(addr) {
            Some(index) => *index,
            None => {
                self.by_addr.insert(addr.clone(), self.groups.len());
                self.groups.push(Group {
                    addr: addr.clone(),
                    members: Vec::new(),
                });
                self.groups.len() - 1
            }
        };
        self.groups[index].members.push(member);
    }
}

impl IntoIterator for Groups {
    type Item = Group;
    type IntoIter = std::vec::IntoIter<Group>;

    fn into_iter(self) -> Self::IntoIter {
        self.groups.into_iter()
    }
}

/// One topology for all parts. Those that any primary can serve go to the same one, so that they make one unit.
pub(super) struct Snapshot {
    topology: Option<Arc<Topology>>,
    any_primary: Option<NodeAddr>,
}

impl Snapshot {
    pub(super) fn new(topology: Option<Arc<Topology>>) -> Self {
        let any_primary = topology.as_deref().and_then(Topology::any_primary).cloned();
        Self {
            topology,
            any_primary,
        }
    }

    /// The primary of the slot, or without a slot any primary.
    pub(super) fn primary(&self, slot: Option<Slot>) -> Option<&NodeAddr> {
        match slot {
            Some(slot) => self.topology.as_ref()?.primary(slot),
            None => self.any_primary.as_ref(),
        }
    }
}
