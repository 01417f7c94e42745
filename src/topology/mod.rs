//! Who serves which slot: [`Topology`], an immutable snapshot of the cluster.
//!
//! A snapshot is read from a node's answer to `CLUSTER SLOTS` or `CLUSTER SHARDS`, and never changes:
//! [`Route`](crate::route::Route) swaps a whole snapshot for the next one, so that a reader takes no lock. What
//! servers announce is checked here and nowhere else; addresses that cannot be dialled do not get past it.
//!
//! This module does no I/O. Asking the nodes, and deciding when, is the business of the
//! [`route`](crate::route) module.
//!
//! ```
//! use tower_redis_cluster::topology::Topology;
//! use tower_redis_cluster::{NodeAddr, Slot, Value};
//!
//! let node = Value::Array(vec![Value::BulkString("10.0.0.2".into()), Value::Integer(7001)]);
//! let range = Value::Array(vec![Value::Integer(0), Value::Integer(16383), node]);
//! let answered_by = NodeAddr::new("10.0.0.1", 7000);
//!
//! let topology = Topology::from_slots(&Value::Array(vec![range]), &answered_by)?;
//! let slot = Slot::of("user:1");
//! assert_eq!(topology.primary(slot), Some(&NodeAddr::new("10.0.0.2", 7001)));
//! # Ok::<_, tower_redis_cluster::Error>(())
//! ```

mod announced;
mod builder;
mod node;
mod redirect;
mod reply;
mod shards;
mod slots;
mod standing;
mod views;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

pub(crate) use self::announced::{AddrMap, Announced};
pub use self::node::{Health, Node, Shard};
pub use self::redirect::{Redirect, RedirectKind};
pub(crate) use self::standing::Standing;
pub(crate) use self::views::Views;
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// Stands in [`Topology::slots`] for "no shard". It is never the index of one.
const NO_SHARD: u16 = u16::MAX;

/// An immutable snapshot of the cluster: slot to shard, shard to nodes. See the [module docs](self).
///
/// A lookup is two array accesses.
#[derive(Clone, PartialEq, Eq)]
pub struct Topology {
    /// For each slot the index of its shard, or [`NO_SHARD`].
    slots: Box<[u16]>,
    shards: Vec<Arc<Shard>>,
    /// How many slots have a shard.
    covered: u16,
    epoch: Option<u64>,
}

impl Topology {
    /// Reads an answer to `CLUSTER SLOTS`, given by the node `answered_by`.
    ///
    /// A node announced without a host has the host of the node that answered. A node whose host is unknown
    /// (`?`) or whose port is 0 cannot be dialled and is left out; if it is a primary, its slots are not covered.
    /// Fields and metadata not known here are skipped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] if the answer is not such as the command's
    /// documentation says, or if slots are out of range or given twice.
    /// [`ErrorKind::Topology`] if it is an error reply.
    pub fn from_slots(reply: &Value, answered_by: &NodeAddr) -> Result<Self, Error> {
        Self::read_slots(reply, &AddrMap::default().answered_by(answered_by))
    }

    pub(crate) fn read_slots(reply: &Value, announced: &Announced<'_>) -> Result<Self, Error> {
        slots::read(reply, announced).and_then(|topology| topology.allowed(announced))
    }

    /// Reads an answer to `CLUSTER SHARDS` (servers from version 7.0), given by the node `answered_by`.
    ///
    /// It tells more than `CLUSTER SLOTS`, the [`Health`] of each node foremost: slots whose primary failed are not
    /// covered. With `tls`, a node's `tls-port` is taken where there is one.
    ///
    /// # Errors
    ///
    /// As [`from_slots`](Topology::from_slots).
    pub fn from_shards(reply: &Value, answered_by: &NodeAddr, tls: bool) -> Result<Self, Error> {
        Self::read_shards(reply, &AddrMap::default().answered_by(answered_by), tls)
    }

    pub(crate) fn read_shards(
        reply: &Value,
        announced: &Announced<'_>,
        tls: bool,
    ) -> Result<Self, Error> {
        shards::read(reply, announced, tls).and_then(|topology| topology.allowed(announced))
    }

    /// An error if nothing is covered because an address is not allowed.
    fn allowed(self, announced: &Announced<'_>) -> Result<Self, Error> {
        match announced.refused() {
            Some(addr) if self.covered == 0 => Err(Error::not_sent(
                ErrorKind::Topology,
                format!("it names no primary at an address that is allowed; {addr} is not"),
            )),
            _ => Ok(self),
        }
    }

    /// The primary that serves this slot; `None` if the slot is not covered.
    pub fn primary(&self, slot: Slot) -> Option<&NodeAddr> {
        Some(self.shard(slot)?.primary().addr())
    }

    /// The replicas of this slot's primary; empty if there are none, or none is known.
    pub fn replicas(&self, slot: Slot) -> &[Node] {
        self.shard(slot).map_or(&[], Shard::replicas)
    }

    /// The shard that serves this slot; `None` if the slot is not covered.
    pub fn shard(&self, slot: Slot) -> Option<&Shard> {
        let index = self.slots[usize::from(slot.number())];
        // `NO_SHARD` is past the end.
        self.shards.get(usize::from(index)).map(Arc::as_ref)
    }

    /// All shards, those without slots included.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.shards.iter().map(Arc::as_ref)
    }

    /// The primaries.
    pub fn primaries(&self) -> impl ExactSizeIterator<Item = &NodeAddr> {
        self.shards().map(|shard| shard.primary().addr())
    }

    /// All nodes, primaries and replicas. During a failover an address may come twice.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.shards()
            .flat_map(|shard| std::iter::once(shard.primary()).chain(shard.replicas()))
    }

    /// How many of the 16384 slots are covered.
    pub fn covered(&self) -> u16 {
        self.covered
    }

    /// True if every slot is covered.
    pub fn is_complete(&self) -> bool {
        self.covered == Slot::COUNT
    }

    /// The cluster's current epoch, a number that grows with its changes, as told by a node that gave this view; `None`
    /// where it is not known, as when only one answer was [read](Topology::from_slots).
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// This topology with one slot served by `primary`, as a `MOVED` redirect says.
    ///
    /// Its replicas are known only if it was a primary before. A topology holds up to 65534 shards; beyond that
    /// a patch has no effect.
    #[must_use]
    pub fn patched(&self, slot: Slot, primary: NodeAddr) -> Self {
        let mut patched = self.clone();
        patched.patch(slot, primary);
        patched
    }

    /// As [`patched`](Topology::patched), in place.
    pub(crate) fn patch(&mut self, slot: Slot, primary: NodeAddr) {
        let known = self.primaries().position(|known| *known == primary);
        let index = known.unwrap_or(self.shards.len());
        let Some(index) = u16::try_from(index).ok().filter(|index| *index != NO_SHARD) else {
            return;
        };
        if known.is_none() {
            self.shards.push(Arc::new(Shard::new(Node::new(primary))));
        }
        let before = std::mem::replace(&mut self.slots[usize::from(slot.number())], index);
        if before == NO_SHARD {
            self.covered += 1;
        }
    }

    /// A primary chosen at random, weighted by its slots, so that one without slots is never chosen.
    pub(crate) fn any_primary(&self) -> Option<&NodeAddr> {
        let start = fastrand::usize(..self.slots.len());
        let (before, after) = self.slots.split_at(start);
        let index = after
            .iter()
            .chain(before)
            .find(|index| **index != NO_SHARD)?;
        Some(self.shards[usize::from(*index)].primary().addr())
    }

    /// The addresses of all nodes.
    pub(crate) fn addrs(&self) -> HashSet<NodeAddr> {
        self.nodes().map(|node| node.addr().clone()).collect()
    }

    /// The primary of a slot, and the index of its shard.
    #[inline]
    pub(crate) fn primary_index(&self, slot: Slot) -> Option<(usize, &NodeAddr)> {
        let index = usize::from(self.slots[usize::from(slot.number())]);
        Some((index, self.shards.get(index)?.primary().addr()))
    }

    /// True if this is the address of a primary.
    pub(crate) fn is_primary(&self, addr: &NodeAddr) -> bool {
        self.primaries().any(|primary| primary == addr)
    }

    /// True if both send every slot to the same primary.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        // Neighbouring slots mostly have the same shard: compare its address once per run.
        let mut last = (NO_SHARD, NO_SHARD);
        self.slots.iter().zip(&other.slots).all(|(&ours, &theirs)| {
            if (ours, theirs) == last {
                return true;
            }
            last = (ours, theirs);
            let primary = |shards: &[Arc<Shard>], index: u16| {
                Some(shards.get(usize::from(index))?.primary().addr().clone())
            };
            primary(&self.shards, ours) == primary(&other.shards, theirs)
        })
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("covered", &self.covered)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::builder::Builder;
    use super::*;

    fn addr(port: u16) -> NodeAddr {
        NodeAddr::new("10.0.0.1", port)
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("below 16384")
    }

    fn split_at(boundary: u16, first: u16, second: u16) -> Topology {
        let mut builder = Builder::new();
        for (port, from, to) in [(first, 0, boundary - 1), (second, boundary, 16383)] {
            let shard = builder
                .shard(Shard::new(Node::new(addr(port))))
                .expect("few");
            builder.assign(from, to, shard).expect("disjoint");
        }
        builder.build()
    }

    #[test]
    fn patch_changes_one_slot_and_not_the_original() {
        let before = split_at(8000, 1, 2);
        let after = before.patched(slot(7999), addr(2));
        assert_eq!(after.primary(slot(7999)), Some(&addr(2)));
        assert_eq!(after.primary(slot(7998)), Some(&addr(1)));
        assert_eq!(before.primary(slot(7999)), Some(&addr(1)));
        assert_eq!(
            after.shards().len(),
            2,
            "a known primary is not added again"
        );
    }

    #[test]
    fn patch_adds_an_unknown_node_and_covers_its_slot() {
        let mut builder = Builder::new();
        let shard = builder.shard(Shard::new(Node::new(addr(1)))).expect("few");
        builder.assign(0, 9, shard).expect("disjoint");
        let after = builder.build().patched(slot(10), addr(9));
        assert_eq!(after.covered(), 11);
        assert!(after.addrs().contains(&addr(9)));
        assert_eq!(after.primary(slot(11)), None);
    }

    #[test]
    fn any_primary_is_found_wherever_the_slots_are() {
        let mut builder = Builder::new();
        builder.shard(Shard::new(Node::new(addr(1)))).expect("few");
        let shard = builder.shard(Shard::new(Node::new(addr(2)))).expect("few");
        builder.assign(77, 77, shard).expect("disjoint");
        let topology = builder.build();
        for _ in 0..100 {
            assert_eq!(topology.any_primary(), Some(&addr(2)));
        }
        assert_eq!(Builder::new().build().any_primary(), None);
    }

    #[test]
    fn agreement_is_about_primaries_not_about_the_order_of_shards() {
        let one = split_at(8000, 1, 2);
        let mut builder = Builder::new();
        for (port, from, to) in [(2, 8000, 16383), (1, 0, 7999)] {
            let shard = builder
                .shard(Shard::new(Node::new(addr(port))))
                .expect("few");
            builder.assign(from, to, shard).expect("disjoint");
        }
        assert!(one.agrees_with(&builder.build()));
        assert!(!one.agrees_with(&split_at(8001, 1, 2)));
        assert!(!one.agrees_with(&split_at(8000, 1, 3)));
    }
}
