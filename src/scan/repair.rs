//! Slots read whole, each in one instant: for those that a pass could not settle.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::ask::{locate, read_standing, standing};
use super::filter::Filter;
use super::link::{Peer, query};
use super::slots::SlotSet;
use super::view::{Layout, NodeId, Own};
use crate::command::{Slot, cmd};
use crate::error::{Error, ErrorKind};

/// How many slots are looked at in one go.
pub(super) const MAX_SLOTS: usize = 256;

/// How many keys are read in one go, unless a single slot has more.
const MAX_KEYS: u64 = 4096;

/// A slot of more keys than this is not read in one instant if a pass will do: the node would serve nobody else for
/// a millisecond or more.
const LARGE: u64 = 16384;

/// How many more keys a slot may have than it had when they were counted.
const SLACK: u64 = 64;

/// How many `TYPE` commands are under way at a time.
const TYPES_IN_FLIGHT: usize = 64;

/// What came of reading slots.
#[derive(Debug)]
pub(super) struct Repaired {
    pub(super) keys: Vec<Bytes>,
    pub(super) settled: SlotSet,
    /// Slots to be settled by another pass.
    pub(super) large: SlotSet,
    /// Why some were not settled that may be next time.
    pub(super) error: Option<Error>,
}

/// Reads slots from the node that serves them, and for those on their way to another from that one too.
pub(super) async fn repair(
    peer: &Peer,
    node: &NodeId,
    slots: Vec<Slot>,
    filter: &Filter,
) -> Result<Repaired, Error> {
    let (chosen, large) = choose(peer, node, slots).await?;
    let source = Snapshot::take(peer, node, &chosen).await?;
    let mut repaired = Repaired {
        keys: Vec::new(),
        settled: SlotSet::new(),
        large,
        error: None,
    };
    let mut leaving: BTreeMap<&NodeId, Vec<Slot>> = BTreeMap::new();
    for (slot, _) in source.whole() {
        if source.own.is_quiet(slot) {
            repaired.settled.insert(slot);
        } else if let Some(target) = source.own.leaving.get(&slot) {
            leaving.entry(target).or_default().push(slot);
        }
    }
    let mut layout = Layout::read(&source.nodes)?;
    if !leaving.is_empty() {
        locate(peer.link(), &mut layout).await;
    }
    for (target, slots) in leaving {
        match follow(peer, node, target, &layout, &slots).await {
            Ok((settled, keys)) => {
                repaired.settled.add(&settled);
                repaired.keys.extend(keys);
            }
            Err(error) => repaired.error = Some(error),
        }
    }
    repaired.keys.extend(source.into_keys());
    repaired.keys = retain(peer, repaired.keys, filter).await?;
    Ok(repaired)
}

/// Slots whose keys can be read in one go, with how many keys they may have; and those that are too large.
async fn choose(
    peer: &Peer,
    node: &NodeId,
    slots: Vec<Slot>,
) -> Result<(Vec<(Slot, u64)>, SlotSet), Error> {
    let mut commands = standing();
    let count = |slot: &Slot| cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot.number());
    commands.extend(slots.iter().map(count));
    let mut replies = peer.atomically(commands).await?;
    let own = Own::read(&read_standing(&mut replies)?)?;
    own.check_id(node)?;
    let (mut chosen, mut large) = (Vec::new(), SlotSet::new());
    let mut total = 0_u64;
    for slot in slots {
        let count: u64 = replies.take()?;
        if count > LARGE && own.is_quiet(slot) {
            large.insert(slot);
        } else if own.slots.contains(slot)
            && (chosen.is_empty() || total.saturating_add(count) <= MAX_KEYS)
        {
            total = total.saturating_add(count);
            chosen.push((slot, count.saturating_add(count / 8 + SLACK)));
        }
    }
    Ok((chosen, large))
}

/// Reads at the target the slots that are on their way there, after they were read at the source: a key that was not
/// at the source any more is there now. Gives the slots for which that is certain.
async fn follow(
    source: &Peer,
    node: &NodeId,
    target: &NodeId,
    layout: &Layout,
    slots: &[Slot],
) -> Result<(SlotSet, Vec<Bytes>), Error> {
    let addr = layout.addr(target).cloned().ok_or_else(|| {
        Error::not_sent(
            ErrorKind::Topology,
            "slots are on their way to a node whose address is not known",
        )
    })?;
    let limits: Vec<_> = slots.iter().map(|slot| (*slot, u64::MAX >> 1)).collect();
    let there = Snapshot::take(&source.at(addr), target, &limits).await?;
    // Had the migration been called off meanwhile, keys could have gone back to where we had already looked.
    let mut after = source.atomically(standing()).await?;
    let after = Own::read(&read_standing(&mut after)?)?;
    after.check_id(node)?;
    let settled = slots.iter().copied().filter(|slot| {
        let is_there = there.own.is_quiet(*slot) || there.own.arriving.get(slot) == Some(node);
        let goes_on = after.leaving.get(slot) == Some(target) || !after.slots.contains(*slot);
        is_there && goes_on
    });
    let settled = settled.collect();
    Ok((settled, there.into_keys().collect()))
}

/// Slots of a node and the node's own standing, all in one instant.
struct Snapshot {
    own: Own,
    nodes: String,
    slots: Vec<(Slot, u64, Vec<Bytes>)>,
}

impl Snapshot {
    /// Reads slots, each up to so many keys.
    async fn take(peer: &Peer, node: &NodeId, slots: &[(Slot, u64)]) -> Result<Self, Error> {
        let mut commands = standing();
        commands.extend(slots.iter().map(|(slot, limit)| {
            cmd("CLUSTER")
                .arg("GETKEYSINSLOT")
                .arg(slot.number())
                .arg(*limit)
        }));
        let mut replies = peer.atomically(commands).await?;
        let nodes = read_standing(&mut replies)?;
        let own = Own::read(&nodes)?;
        own.check_id(node)?;
        let mut read = Vec::with_capacity(slots.len());
        for (slot, limit) in slots {
            read.push((*slot, *limit, replies.take()?));
        }
        Ok(Self {
            own,
            nodes,
            slots: read,
        })
    }

    /// The slots whose keys are all here.
    fn whole(&self) -> impl Iterator<Item = (Slot, &[Bytes])> {
        let slots = self.slots.iter();
        slots.filter_map(|(slot, limit, keys)| {
            ((keys.len() as u64) < *limit).then_some((*slot, &keys[..]))
        })
    }

    fn into_keys(self) -> impl Iterator<Item = Bytes> {
        self.slots.into_iter().flat_map(|(.., keys)| keys)
    }
}

/// The keys that are asked for. `GETKEYSINSLOT` does not take pattern or type.
async fn retain(peer: &Peer, mut keys: Vec<Bytes>, filter: &Filter) -> Result<Vec<Bytes>, Error> {
    keys.retain(|key| filter.matches(key));
    let Some(wanted) = &filter.type_name else {
        return Ok(keys);
    };
    // Routed by the key, since it may be at either end of a migration.
    let link = peer.link();
    let types = keys.into_iter().map(async |key| {
        let name: String = query(link, cmd("TYPE").arg(&key)).await?;
        Ok::<_, Error>(name.eq_ignore_ascii_case(wanted).then_some(key))
    });
    let of_type = stream::iter(types).buffered(TYPES_IN_FLIGHT);
    of_type
        .try_filter_map(async |key| Ok(key))
        .try_collect()
        .await
}
