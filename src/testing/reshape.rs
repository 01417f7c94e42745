//! Changes of the topology, with what they do to keys.

use super::state::State;
use crate::command::Slot;

impl State {
    /// The shards a slot under migration goes from and to.
    ///
    /// # Panics
    ///
    /// If it is not under migration.
    pub(super) fn under_migration(&self, slot: Slot) -> (usize, usize) {
        let to = self.topology.migration(slot);
        let from = self.topology.owner(slot);
        from.zip(to).expect("a slot under migration")
    }

    pub(super) fn move_key(&mut self, key: &[u8], from: usize, to: usize) -> bool {
        let mut is_moved = false;
        for database in 0..self.shards[from].stores.len() {
            if let Some(entry) = self.shards[from].stores[database].remove(key) {
                self.shards[to].stores[database].restore(key, entry);
                self.shards[to].arrivals += 1;
                is_moved = true;
            }
        }
        is_moved
    }

    /// Gives a slot and its keys to a shard.
    pub(super) fn move_slot(&mut self, slot: Slot, to: usize) {
        if let Some(from) = self.topology.owner(slot)
            && from != to
        {
            for database in 0..self.shards[from].stores.len() {
                for (key, entry) in self.shards[from].stores[database].remove_slot(slot) {
                    self.shards[to].stores[database].restore(&key, entry);
                    self.shards[to].arrivals += 1;
                }
            }
        }
        self.topology.set_owner(slot, Some(to));
    }

    /// See [`FakeCluster::failover`](super::FakeCluster::failover); `None` without a replica.
    pub(super) fn failover(&mut self, index: usize) -> Option<usize> {
        let member = self.topology.member(index).clone();
        let new = if member.is_primary {
            let replicas: Vec<usize> = self.topology.replicas_of(member.shard).collect();
            let up = replicas.iter().find(|node| !self.nodes[**node].is_down);
            *up.or(replicas.first())?
        } else {
            index
        };
        if let Some(old) = self.topology.primary_of(member.shard) {
            self.topology.member_mut(old).is_primary = false;
        }
        self.topology.member_mut(new).is_primary = true;
        self.topology.raise(member.shard);
        Some(new)
    }

    /// Takes a node that is shut down out of the topology.
    ///
    /// # Panics
    ///
    /// If it is the last primary.
    pub(super) fn remove_node(&mut self, index: usize) {
        let member = self.topology.member(index).clone();
        if member.is_removed {
            return;
        }
        if member.is_primary && self.failover(index).is_none() {
            let mut heirs = self.topology.shards();
            heirs.retain(|shard| *shard != member.shard);
            assert!(!heirs.is_empty(), "a cluster keeps one primary");
            let slots = (0..Slot::COUNT).filter_map(Slot::new);
            let owned = slots.filter(|slot| self.topology.owner(*slot) == Some(member.shard));
            let owned: Vec<Slot> = owned.collect();
            for (position, slot) in owned.iter().enumerate() {
                self.move_slot(*slot, heirs[position * heirs.len() / owned.len()]);
            }
        }
        self.topology.member_mut(index).is_removed = true;
    }
}
