//! Putting a [`Topology`] together, range by range.

use std::collections::HashMap;
use std::sync::Arc;

use super::{NO_SHARD, Shard, Topology};
use crate::addr::NodeAddr;
use crate::command::Slot;

/// More nodes than this cannot be right, all shards together: thirty times what servers recommend.
pub(super) const MAX_NODES: usize = 32 * 1024;

/// A [`Topology`] in the making. It refuses what cannot be true.
pub(super) struct Builder {
    slots: Box<[u16]>,
    shards: Vec<Arc<Shard>>,
    by_primary: HashMap<NodeAddr, u16>,
    nodes: usize,
    covered: u16,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![NO_SHARD; usize::from(Slot::COUNT)].into_boxed_slice(),
            shards: Vec::new(),
            by_primary: HashMap::new(),
            nodes: 0,
            covered: 0,
        }
    }

    /// The index of the shard with this primary. `CLUSTER SLOTS` names a shard once for each of its ranges.
    pub(super) fn shard(&mut self, shard: Shard) -> Result<u16, String> {
        let primary = shard.primary().addr();
        if let Some(index) = self.by_primary.get(primary) {
            return Ok(*index);
        }
        self.nodes += 1 + shard.replicas().len();
        let index = u16::try_from(self.shards.len()).ok();
        let index = index
            .filter(|index| *index != NO_SHARD && self.nodes <= MAX_NODES)
            .ok_or_else(too_many_nodes)?;
        self.by_primary.insert(primary.clone(), index);
        self.shards.push(Arc::new(shard));
        Ok(index)
    }

    /// Gives the slots `from..=to` to a shard.
    pub(super) fn assign(&mut self, from: u16, to: u16, shard: u16) -> Result<(), String> {
        for (offset, slot) in self.slots[usize::from(from)..=usize::from(to)]
            .iter_mut()
            .enumerate()
        {
            if *slot != NO_SHARD {
                return Err(format!(
                    "slot {} is given twice",
                    usize::from(from) + offset
                ));
            }
            *slot = shard;
            self.covered += 1;
        }
        Ok(())
    }

    pub(super) fn build(self) -> Topology {
        Topology {
            slots: self.slots,
            shards: self.shards,
            covered: self.covered,
            epoch: None,
        }
    }
}

pub(super) fn too_many_nodes() -> String {
    format!("more than {MAX_NODES} nodes")
}
