//! What is done, and what to do next: the scan without its I/O.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::ScanBatch;
use super::asking::Asking;
use super::cursor::ScanCursor;
use super::pass::{Pass, Verdict, View};
use super::progress::ScanProgress;
use super::repair::{MAX_SLOTS, Repaired};
use super::slots::SlotSet;
use super::task::{Done, NodeDone, NodeWork, Task, Work, backoff, is_final};
use super::view::{Layout, NodeId};
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::{Error, ErrorKind};

/// How many passes over a node may come to nothing, one after another.
const MAX_FRUITLESS: u32 = 8;

/// What is done, and what to do next.
///
/// ```text
///            a node not yet passed                 SCAN ended, nothing disturbed
///   open ───────────────────────────▶ in a pass ────────────────────────────────▶ settled
///                                         │                                         ▲
///                      moved, or disturbed │        read whole, in one instant      │
///                                         ▼                                         │
///                                      disputed ────────────────────────────────────┘
///                                         │    ▲
///                              too large  │    │ disturbed
///                                         ▼    │
///                                    in another pass
/// ```
#[derive(Debug)]
pub(super) struct Plan {
    settled: SlotSet,
    disputed: SlotSet,
    /// Disputed slots of too many keys to be read in one instant.
    large: SlotSet,
    /// The passes under way.
    passes: HashMap<NodeId, Pass>,
    /// Nodes that have had their pass.
    passed: HashSet<NodeId>,
    /// Nodes with slots that are not settled.
    nodes: Vec<Node>,
    busy: HashSet<NodeId>,
    layout: Asking,
    tally: Tally,
    /// The size of a page, in keys looked at.
    count: u32,
    /// Set when something is achieved.
    has_progressed: bool,
    last_error: Option<Error>,
}

#[derive(Debug)]
struct Node {
    id: NodeId,
    addr: NodeAddr,
    unsettled: SlotSet,
    /// In a row.
    failures: u32,
    /// Passes in a row that came to nothing.
    fruitless: u32,
}

#[derive(Debug, Default)]
struct Tally {
    keys_seen: u64,
    sizes: HashMap<NodeId, u64>,
    fraction: f64,
}

// ===== impl Plan =====

impl Plan {
    pub(super) fn new(count: u32) -> Self {
        Self {
            settled: SlotSet::new(),
            disputed: SlotSet::new(),
            large: SlotSet::new(),
            passes: HashMap::new(),
            passed: HashSet::new(),
            nodes: Vec::new(),
            busy: HashSet::new(),
            layout: Asking::new(),
            tally: Tally::default(),
            count,
            has_progressed: false,
            last_error: None,
        }
    }

    pub(super) fn resume(cursor: ScanCursor, count: u32) -> Self {
        let mut this = Self::new(count);
        let passes = cursor.passes.into_iter();
        this.passes = passes.map(|pass| (pass.node.clone(), pass)).collect();
        let sizes = this.passes.values();
        this.tally.sizes = sizes.map(|pass| (pass.node.clone(), pass.size)).collect();
        this.tally.keys_seen = cursor.keys_seen;
        this.settled = cursor.settled;
        this.disputed = cursor.disputed;
        this
    }

    pub(super) fn cursor(&self, fingerprint: u64) -> ScanCursor {
        let mut passes: Vec<_> = self.passes.values().cloned().collect();
        passes.sort_unstable_by(|a, b| a.node.cmp(&b.node));
        ScanCursor {
            fingerprint,
            keys_seen: self.tally.keys_seen,
            settled: self.settled.clone(),
            disputed: self.disputed.clone(),
            passes,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.settled.len() == Slot::COUNT
    }

    /// True once after something was achieved.
    pub(super) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.has_progressed)
    }

    pub(super) fn take_last_error(&mut self) -> Option<Error> {
        self.last_error.take()
    }

    fn progress(&mut self) -> ScanProgress {
        let slots_done = self.settled.len();
        let passes = self.passes.values().map(|pass| {
            let slots = pass.slots.clone().without(&self.settled);
            f64::from(slots.len()) * pass.fraction(self.count)
        });
        let done = f64::from(slots_done) + passes.sum::<f64>();
        let fraction = (done / f64::from(Slot::COUNT)).min(1.0);
        self.tally.fraction = self.tally.fraction.max(fraction);
        // Of a server's making, or a saved cursor's: any number.
        let sizes = self.tally.sizes.values();
        ScanProgress {
            slots_done,
            fraction: self.tally.fraction,
            keys_seen: self.tally.keys_seen,
            keys_estimated: sizes.fold(0, |sum, size| sum.saturating_add(*size)),
        }
    }

    // ===== what to do =====

    /// Something to do, if there is anything that is not being done.
    pub(super) fn next(&mut self) -> Option<Task> {
        if self.layout.is_due && !self.layout.is_under_way {
            return Some(Task {
                delay: backoff(self.layout.failures),
                work: Work::Layout(self.layout.begin()),
            });
        }
        // Nodes that answer before those that do not, and what was begun before what was not.
        let idle = self
            .nodes
            .iter()
            .filter(|node| !self.busy.contains(&node.id));
        let node = idle.min_by_key(|node| (node.failures, !self.passes.contains_key(&node.id)))?;
        self.busy.insert(node.id.clone());
        Some(Task {
            delay: backoff(node.failures),
            work: Work::Node(node.id.clone(), node.addr.clone(), self.work(node)),
        })
    }

    fn work(&self, node: &Node) -> NodeWork {
        if let Some(pass) = self.passes.get(&node.id) {
            return if pass.is_complete() {
                NodeWork::View
            } else {
                NodeWork::Page(pass.cursor)
            };
        }
        let has_open = || !node.unsettled.clone().without(&self.disputed).is_empty();
        if !self.passed.contains(&node.id) && has_open() {
            return NodeWork::View;
        }
        let small = node.unsettled.clone().without(&self.large);
        if small.is_empty() {
            return NodeWork::View;
        }
        NodeWork::Repair(small.iter().take(MAX_SLOTS).collect())
    }

    /// Nothing is under way, and nothing is to do: perhaps slots have no owner at the moment.
    pub(super) fn look_again(&mut self) {
        self.layout.again();
    }

    // ===== what was done =====

    /// Takes note of what was done.
    ///
    /// # Errors
    ///
    /// If the scan cannot go on.
    pub(super) fn done(&mut self, done: Done) -> Result<Option<ScanBatch>, Error> {
        match done {
            Done::Layout(addr, Ok(layout)) => {
                self.layout.answered(&layout, addr.as_ref());
                self.adopt(layout);
                Ok(None)
            }
            Done::Layout(addr, Err(error)) => {
                self.layout.failed(addr);
                self.forgive(error).map(|()| None)
            }
            Done::Node(id, addr, result) => {
                self.busy.remove(&id);
                let done = match result {
                    Ok(done) => done,
                    Err(error) => return self.failed(&id, error).map(|()| None),
                };
                match done {
                    NodeDone::View(view) => self.viewed(&id, addr, view),
                    NodeDone::Page(cursor, keys) => self.paged(&id, addr, cursor, keys),
                    NodeDone::Repaired(repaired) => self.repaired(&id, addr, repaired),
                }
            }
        }
    }

    fn adopt(&mut self, layout: Layout) {
        let mut before = std::mem::take(&mut self.nodes);
        for primary in layout.primaries {
            let unsettled = primary.slots.without(&self.settled);
            let (Some(addr), false) = (primary.addr, unsettled.is_empty()) else {
                continue;
            };
            let known = before.iter().position(|node| node.id == primary.id);
            let known = known.map(|index| before.swap_remove(index));
            self.nodes.push(Node {
                id: primary.id,
                addr,
                unsettled,
                failures: known.as_ref().map_or(0, |node| node.failures),
                fruitless: known.as_ref().map_or(0, |node| node.fruitless),
            });
        }
        // Whoever serves them now is scanned from its beginning.
        let nodes = &self.nodes;
        self.passes
            .retain(|id, _| nodes.iter().any(|node| node.id == *id));
    }

    fn viewed(
        &mut self,
        id: &NodeId,
        addr: NodeAddr,
        view: View,
    ) -> Result<Option<ScanBatch>, Error> {
        if let Err(error) = view.own.check_id(id) {
            return self.failed(id, error.with_node(addr)).map(|()| None);
        }
        match self.passes.remove(id) {
            Some(pass) => self.ended(pass, &view, addr),
            None => self.began(view, addr).map(|()| None),
        }
    }

    /// A pass begins, with the node as it is now.
    fn began(&mut self, view: View, addr: NodeAddr) -> Result<(), Error> {
        let id = view.own.id.clone();
        self.tally.sizes.insert(id.clone(), view.size);
        let served = view.own.slots.clone().without(&self.settled);
        if served.is_empty() {
            return self.failed(&id, moving().with_node(addr));
        }
        self.disputed.add(&served.without(&view.own.quiet()));
        let pass = Pass::begin(view, &self.settled);
        if pass.slots.is_empty() {
            self.passed.insert(id);
        } else {
            self.passes.insert(id, pass);
        }
        Ok(())
    }

    fn ended(
        &mut self,
        pass: Pass,
        after: &View,
        addr: NodeAddr,
    ) -> Result<Option<ScanBatch>, Error> {
        self.layout.is_due = true;
        self.tally.sizes.insert(pass.node.clone(), after.size);
        let settled = match pass.judge(after) {
            // From its beginning, as if nothing had been.
            Verdict::Restarted => SlotSet::new(),
            Verdict::Disturbed => {
                self.dispute(&pass);
                SlotSet::new()
            }
            Verdict::Settled(settled) => {
                self.dispute(&pass);
                settled
            }
        };
        if let Some(node) = self.node(&pass.node) {
            node.fruitless = match settled.is_empty() {
                true => node.fruitless + 1,
                false => 0,
            };
            if node.fruitless == MAX_FRUITLESS {
                return Err(moving().with_node(addr));
            }
        }
        if settled.is_empty() {
            return Ok(None);
        }
        self.settle(&settled);
        Ok(Some(self.batch(addr, Vec::new())))
    }

    fn dispute(&mut self, pass: &Pass) {
        self.disputed.add(&pass.slots);
        self.passed.insert(pass.node.clone());
    }

    fn paged(
        &mut self,
        id: &NodeId,
        addr: NodeAddr,
        cursor: u64,
        mut keys: Vec<Bytes>,
    ) -> Result<Option<ScanBatch>, Error> {
        if let Some(pass) = self.passes.get_mut(id)
            && !pass.advance(cursor)
        {
            // As if there had been no reply: the page is asked for again.
            return self.failed(id, circling().with_node(addr)).map(|()| None);
        }
        if let Some(node) = self.node(id) {
            node.failures = 0;
        }
        self.has_progressed = true;
        if !self.settled.is_empty() {
            keys.retain(|key| !self.settled.contains(Slot::of(key)));
        }
        Ok(Some(self.batch(addr, keys)))
    }

    fn repaired(
        &mut self,
        id: &NodeId,
        addr: NodeAddr,
        repaired: Repaired,
    ) -> Result<Option<ScanBatch>, Error> {
        let Repaired {
            mut keys,
            settled,
            large,
            error,
        } = repaired;
        self.large.add(&large);
        self.disputed.add(&large);
        let is_in_vain = settled.is_empty() && large.is_empty();
        if is_in_vain || error.is_some() {
            let error = error.unwrap_or_else(moving);
            self.failed(id, error.with_node(addr.clone()))?;
        } else if let Some(node) = self.node(id) {
            node.failures = 0;
        }
        if settled.is_empty() {
            return Ok(None);
        }
        // The others come again when their slot is settled.
        let settled = settled.without(&self.settled);
        keys.retain(|key| settled.contains(Slot::of(key)));
        self.settle(&settled);
        Ok(Some(self.batch(addr, keys)))
    }

    fn settle(&mut self, slots: &SlotSet) {
        self.has_progressed = true;
        self.layout.failures = 0;
        self.settled.add(slots);
        self.disputed.subtract(slots);
        self.large.subtract(slots);
        for node in &mut self.nodes {
            node.unsettled.subtract(slots);
        }
        self.nodes.retain(|node| !node.unsettled.is_empty());
    }

    fn batch(&mut self, node: NodeAddr, keys: Vec<Bytes>) -> ScanBatch {
        self.tally.keys_seen = self.tally.keys_seen.saturating_add(keys.len() as u64);
        ScanBatch {
            keys,
            node,
            progress: self.progress(),
        }
    }

    fn failed(&mut self, id: &NodeId, error: Error) -> Result<(), Error> {
        self.layout.is_due = true;
        if let Some(node) = self.node(id) {
            node.failures = node.failures.saturating_add(1);
        }
        self.forgive(error)
    }

    /// Goes on in spite of an error, if that can help.
    fn forgive(&mut self, error: Error) -> Result<(), Error> {
        if is_final(&error) {
            return Err(error);
        }
        self.last_error = Some(error);
        Ok(())
    }

    fn node(&mut self, id: &NodeId) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == *id)
    }
}

fn circling() -> Error {
    Error::not_sent(
        ErrorKind::Protocol,
        "SCAN was answered with a cursor that it was given before",
    )
    .with_command("SCAN")
}

fn moving() -> Error {
    Error::not_sent(
        ErrorKind::Topology,
        "slots keep moving while their keys are read",
    )
}
