//! One pass over a node: `SCAN` from cursor 0 to cursor 0, and what it proves.

use super::slots::SlotSet;
use super::view::{NodeId, Own};

/// A pass over a node: what was true when it began, and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) node: NodeId,
    /// The server process: another one hashes otherwise, and the cursor means nothing to it.
    pub(super) run: NodeId,
    pub(super) epoch: u64,
    pub(super) arrivals: u64,
    /// What to go on with; 0 before the first page.
    pub(super) cursor: u64,
    /// A cursor that it had before: when the number of pages was last a power of two.
    pub(super) mark: u64,
    /// How many pages there were.
    pub(super) calls: u64,
    /// How many keys the node had.
    pub(super) size: u64,
    /// The slots it is to settle: those whose keys were all here, and nowhere else, when it began.
    pub(super) slots: SlotSet,
}

/// A node at one instant.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) own: Own,
    pub(super) run: NodeId,
    pub(super) arrivals: u64,
    pub(super) size: u64,
}

/// What a complete pass has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every key of these slots that was there all the time has been seen.
    Settled(SlotSet),
    /// Keys may have come back to where the pass had already been: nothing is proved.
    Disturbed,
    /// The server process was another one in the end: its pages do not make one pass.
    Restarted,
}

impl Pass {
    pub(super) fn begin(view: View, settled: &SlotSet) -> Self {
        let slots = view.own.quiet().without(settled);
        Self {
            node: view.own.id,
            run: view.run,
            epoch: view.own.epoch,
            arrivals: view.arrivals,
            cursor: 0,
            mark: 0,
            calls: 0,
            size: view.size,
            slots,
        }
    }

    /// What the pass proves, given the node at its end. See the [module docs](super) for why.
    pub(super) fn judge(&self, after: &View) -> Verdict {
        if after.run != self.run {
            return Verdict::Restarted;
        }
        if after.own.epoch != self.epoch || after.arrivals != self.arrivals {
            return Verdict::Disturbed;
        }
        Verdict::Settled(self.slots.clone().and(&after.own.quiet()))
    }

    /// Goes on to the next page. False, and nothing is changed, if the pass has been there: it would go round in
    /// circles.
    ///
    /// Servers never give a cursor twice in a pass, not even when their hash table grows or shrinks. A circle of any
    /// length is found within three times as many pages.
    pub(super) fn advance(&mut self, next: u64) -> bool {
        if next != 0 && (next == self.cursor || next == self.mark) {
            return false;
        }
        self.cursor = next;
        self.calls = self.calls.saturating_add(1);
        if self.calls.is_power_of_two() {
            self.mark = next;
        }
        true
    }

    /// True once the node has given all of its pages.
    pub(super) fn is_complete(&self) -> bool {
        self.cursor == 0 && self.calls > 0
    }

    /// How much of it is done, given how many keys a page looks at: less than 1.
    pub(super) fn fraction(&self, count: u32) -> f64 {
        let looked_at = self.calls.saturating_mul(count.into());
        let part = looked_at as f64 / self.size.max(1) as f64;
        part.min(0.99)
    }
}
