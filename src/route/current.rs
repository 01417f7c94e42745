//! The topology in use, and who is told when it changes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::config::Config;
use super::waiting::Waiters;
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::topology::{Redirect, Topology};

/// How long a node that only `ASK` redirects know of counts as part of the cluster. Past it the next `ASK` counts it
/// in again, so all that is lost is one connection.
const GUEST_STAY: Duration = Duration::from_secs(300);

/// How many such nodes are kept count of. Slots are imported by few nodes at a time, and a server could name others
/// without end.
const MAX_GUESTS: usize = 64;

/// The addresses of the cluster's nodes, as published.
pub(super) type NodeSet = Arc<HashSet<NodeAddr>>;

/// The topology in use. Readers take no lock; changes are rare and take one.
pub(super) struct Current {
    topology: ArcSwapOption<Topology>,
    /// Whether there is a topology: asked on every readiness check, and cheaper than a look at it.
    is_known: AtomicBool,
    /// Changes with the topology, and when connections are to be made anew; 0 before the first.
    version: AtomicU64,
    /// Also held for every change of the topology, so that what is published is in step with it.
    guests: Mutex<Vec<Guest>>,
    nodes: watch::Sender<NodeSet>,
    changes: watch::Sender<u64>,
    /// Commands that have not been sent, and are woken when a refresh gives slots other owners.
    waiters: Arc<Waiters>,
}

/// A node that imports slots and serves none yet. `CLUSTER SLOTS` does not list such a node, yet it must not be taken
/// for one that left: its connection would be closed in the middle of a migration.
struct Guest {
    addr: NodeAddr,
    since: Instant,
}

impl Current {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            topology: ArcSwapOption::empty(),
            is_known: AtomicBool::new(false),
            version: AtomicU64::new(0),
            guests: Mutex::new(Vec::new()),
            nodes: config.nodes.clone(),
            changes: config.changes.clone(),
            waiters: Arc::default(),
        }
    }

    #[inline]
    pub(super) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Acquire)
    }

    /// Which topology is current. Who finds the one that it knows, and goes by that, does as well as with another look.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn load_full(&self) -> Option<Arc<Topology>> {
        self.topology.load_full()
    }

    /// The primary of the slot, or without a slot any primary.
    #[inline]
    pub(super) fn locate(&self, slot: Option<Slot>) -> Option<NodeAddr> {
        let topology = self.topology.load();
        let topology = topology.as_ref()?;
        match slot {
            Some(slot) => topology.primary(slot),
            None => topology.any_primary(),
        }
        .cloned()
    }

    /// True if the node at this address is not where the slot's commands go now: another one is the primary of the
    /// slot, or without a slot, it is no primary any more. False while nobody is.
    pub(super) fn has_moved(&self, slot: Option<Slot>, from: &NodeAddr) -> bool {
        let topology = self.topology.load();
        topology.as_ref().is_some_and(|topology| match slot {
            Some(slot) => topology
                .primary(slot)
                .is_some_and(|primary| primary != from),
            None => !topology.is_primary(from) && topology.covered() > 0,
        })
    }

    pub(super) fn is_primary(&self, addr: &NodeAddr) -> bool {
        let topology = self.topology.load();
        topology
            .as_ref()
            .is_some_and(|topology| topology.is_primary(addr))
    }

    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// Puts a discovered topology in place.
    pub(super) fn install(&self, topology: Topology) {
        let mut guests = self.guests.lock();
        guests.retain(|guest| guest.since.elapsed() < GUEST_STAY);
        let is_changed = self.replace(topology, &guests);
        drop(guests);
        // A `MOVED` wakes nobody: it comes from a node that answers, and so will what waits for that node.
        if is_changed {
            self.waiters.wake();
        }
    }

    /// Takes note of `MOVED` replies from the node `from`, and says whether the rest of the map may be stale too.
    ///
    /// They are news only while the map still names the node that sent them. If the map names another one, it was
    /// changed since the command set out: patching it back would make later commands go to and fro.
    pub(super) fn moved<'a>(
        &self,
        redirects: impl IntoIterator<Item = &'a Redirect>,
        from: &NodeAddr,
    ) -> bool {
        let guests = self.guests.lock();
        let Some(topology) = self.topology.load_full() else {
            return true;
        };
        let mut patched: Option<Topology> = None;
        let mut is_stale = false;
        for redirect in redirects {
            let map = patched.as_ref().unwrap_or(&topology);
            is_stale |= match map.primary(redirect.slot()) {
                Some(primary) if primary == redirect.addr() => primary == from,
                Some(primary) if primary != from => true,
                _ => {
                    // One copy for all of them: it is of all slots.
                    let map = patched.get_or_insert_with(|| (*topology).clone());
                    map.patch(redirect.slot(), redirect.addr().clone());
                    true
                }
            };
        }
        if let Some(patched) = patched {
            self.replace(patched, &guests);
        }
        is_stale
    }

    /// Takes note of an `ASK` that names this node.
    pub(super) fn asked(&self, addr: &NodeAddr) {
        if self.nodes.borrow().contains(addr) {
            return;
        }
        let mut guests = self.guests.lock();
        if guests.iter().any(|guest| guest.addr == *addr) {
            return;
        }
        if guests.len() == MAX_GUESTS {
            guests.remove(0);
        }
        guests.push(Guest {
            addr: addr.clone(),
            since: Instant::now(),
        });
        if let Some(topology) = self.load_full() {
            self.publish(&topology, &guests);
        }
    }

    /// Has the connections to a node made anew, by counting it out until the next topology is in place.
    pub(super) fn renew(&self, addr: &NodeAddr) {
        // Changes of the topology publish under this lock.
        let _guests = self.guests.lock();
        self.nodes.send_if_modified(|published| {
            let is_member = published.contains(addr);
            if is_member {
                Arc::make_mut(published).remove(addr);
            }
            is_member
        });
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Replaces the topology, and says whether slots have got other owners.
    fn replace(&self, topology: Topology, guests: &[Guest]) -> bool {
        // Published first: no command can be on its way to a node that counts as departed.
        self.publish(&topology, guests);
        let new = Arc::new(topology);
        let old = self.topology.swap(Some(Arc::clone(&new)));
        self.is_known.store(true, Ordering::Release);
        self.version.fetch_add(1, Ordering::Release);
        let is_changed = old.is_none_or(|old| !old.agrees_with(&new));
        // Told last: whoever looks then finds it.
        if is_changed {
            self.changes.send_modify(|changes| *changes += 1);
        }
        is_changed
    }

    fn publish(&self, topology: &Topology, guests: &[Guest]) {
        let mut addrs = topology.addrs();
        addrs.extend(guests.iter().map(|guest| guest.addr.clone()));
        self.nodes.send_if_modified(|published| {
            let is_changed = **published != addrs;
            if is_changed {
                *published = Arc::new(addrs);
            }
            is_changed
        });
    }
}
