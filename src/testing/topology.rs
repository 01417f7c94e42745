//! Who serves which slot.

use std::collections::BTreeMap;

use super::state::random_id;
use crate::addr::NodeAddr;
use crate::command::Slot;

/// The cluster as its nodes see it, all of them the same and at once.
#[derive(Debug)]
pub(super) struct Topology {
    members: Vec<Member>,
    /// The shard that owns each slot.
    owners: Vec<Option<usize>>,
    /// The shard each slot under migration goes to.
    migrations: BTreeMap<u16, usize>,
    epoch: u64,
    /// The epoch of each shard that has taken something over.
    epochs: BTreeMap<usize, u64>,
}

/// A node's place in the cluster.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) addr: NodeAddr,
    pub(super) id: String,
    pub(super) shard: usize,
    pub(super) is_primary: bool,
    pub(super) is_removed: bool,
}

/// Consecutive slots of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotRange {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) shard: usize,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            owners: vec![None; usize::from(Slot::COUNT)],
            migrations: BTreeMap::new(),
            epoch: 1,
            epochs: BTreeMap::new(),
        }
    }
}

impl Topology {
    /// Adds a node: as primary if its shard has none yet, otherwise as replica.
    pub(super) fn add(&mut self, addr: NodeAddr, shard: usize) -> usize {
        let is_primary = self.primary_of(shard).is_none();
        self.members.push(Member {
            addr,
            id: random_id(),
            shard,
            is_primary,
            is_removed: false,
        });
        self.members.len() - 1
    }

    pub(super) fn member(&self, node: usize) -> &Member {
        &self.members[node]
    }

    pub(super) fn member_mut(&mut self, node: usize) -> &mut Member {
        self.epoch += 1;
        &mut self.members[node]
    }

    /// The members with their indices, without the removed.
    pub(super) fn members(&self) -> impl Iterator<Item = (usize, &Member)> {
        let all = self.members.iter().enumerate();
        all.filter(|(_, member)| !member.is_removed)
    }

    pub(super) fn primary_of(&self, shard: usize) -> Option<usize> {
        self.members()
            .find(|(_, member)| member.shard == shard && member.is_primary)
            .map(|(node, _)| node)
    }

    pub(super) fn replicas_of(&self, shard: usize) -> impl Iterator<Item = usize> {
        self.members()
            .filter(move |(_, member)| member.shard == shard && !member.is_primary)
            .map(|(node, _)| node)
    }

    /// The shards that have a primary, in the order of their numbers.
    pub(super) fn shards(&self) -> Vec<usize> {
        let primaries = self.members().filter(|(_, member)| member.is_primary);
        let mut shards: Vec<usize> = primaries.map(|(_, member)| member.shard).collect();
        shards.sort_unstable();
        shards
    }

    pub(super) fn owner(&self, slot: Slot) -> Option<usize> {
        self.owners[usize::from(slot.number())]
    }

    pub(super) fn set_owner(&mut self, slot: Slot, shard: Option<usize>) {
        self.epoch += 1;
        if let Some(shard) = shard {
            self.raise(shard);
        }
        self.owners[usize::from(slot.number())] = shard;
        self.migrations.remove(&slot.number());
    }

    /// The shard to which the slot is on its way.
    pub(super) fn migration(&self, slot: Slot) -> Option<usize> {
        self.migrations.get(&slot.number()).copied()
    }

    pub(super) fn migrations(&self) -> impl Iterator<Item = (u16, usize)> {
        self.migrations.iter().map(|(slot, shard)| (*slot, *shard))
    }

    pub(super) fn begin_migration(&mut self, slot: Slot, shard: usize) {
        self.migrations.insert(slot.number(), shard);
    }

    /// Raises a shard's epoch: it takes something over.
    // cluster spec: configuration epoch
    pub(super) fn raise(&mut self, shard: usize) {
        let highest = self.epochs.values().copied().max().unwrap_or(0);
        // Above those of all shards that have taken nothing over.
        let highest = highest.max(self.shards().len() as u64 + 1);
        self.epochs.insert(shard, highest + 1);
    }

    /// The configuration epoch of a shard.
    pub(super) fn epoch_of(&self, shard: usize) -> u64 {
        let raised = self.epochs.get(&shard).copied();
        raised.unwrap_or(shard as u64 + 1)
    }

    /// The cluster's current epoch, which is never older than that of a shard.
    pub(super) fn epoch(&self) -> u64 {
        let of_shards = self.shards().into_iter().map(|shard| self.epoch_of(shard));
        of_shards
            .chain(self.epochs.values().copied())
            .fold(self.epoch, u64::max)
    }

    /// Deals all slots out to the shards, in even and consecutive parts.
    pub(super) fn deal(&mut self) {
        let shards = self.shards();
        let count = usize::from(Slot::COUNT);
        for (slot, owner) in self.owners.iter_mut().enumerate() {
            *owner = shards.get(slot * shards.len() / count).copied();
        }
    }

    /// The slots that are served, as consecutive ranges.
    pub(super) fn ranges(&self) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for (slot, owner) in (0..).zip(&self.owners) {
            let Some(shard) = *owner else { continue };
            match ranges.last_mut() {
                Some(range) if range.shard == shard && range.last + 1 == slot => range.last = slot,
                _ => ranges.push(SlotRange {
                    first: slot,
                    last: slot,
                    shard,
                }),
            }
        }
        ranges
    }

    pub(super) fn ranges_of(&self, shard: usize) -> Vec<SlotRange> {
        let mut ranges = self.ranges();
        ranges.retain(|range| range.shard == shard);
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_shards() -> Topology {
        let mut topology = Topology::default();
        for shard in 0..3 {
            topology.add(NodeAddr::new("127.0.0.1", 7000 + shard as u16), shard);
        }
        topology.deal();
        topology
    }

    #[test]
    fn slots_are_dealt_evenly_and_completely() {
        let ranges = three_shards().ranges();
        let sizes: Vec<u16> = ranges.iter().map(|r| r.last - r.first + 1).collect();
        assert_eq!(ranges.len(), 3);
        assert_eq!(sizes.iter().sum::<u16>(), Slot::COUNT);
        assert!(sizes.iter().all(|size| (5461..=5462).contains(size)));
    }

    #[test]
    fn a_moved_slot_splits_its_range() {
        let mut topology = three_shards();
        topology.set_owner(Slot::new(100).expect("a slot"), Some(2));
        let firsts: Vec<u16> = topology.ranges().iter().map(|r| r.first).collect();
        assert_eq!(&firsts[..3], [0, 100, 101]);
    }

    #[test]
    fn current_epoch_grows_with_every_change_and_is_never_older_than_a_shards() {
        let mut topology = three_shards();
        assert_eq!(topology.epoch(), 3);
        for shard in [2, 0, 2] {
            let before = topology.epoch();
            topology.raise(shard);
            assert_eq!(topology.epoch(), topology.epoch_of(shard));
            assert!(topology.epoch() > before);
        }
    }
}
