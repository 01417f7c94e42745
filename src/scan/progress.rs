//! How far a scan is.

use crate::command::Slot;

/// How far a scan is, as of one [batch](super::ScanBatch).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanProgress {
    pub(super) slots_done: u16,
    pub(super) fraction: f64,
    pub(super) keys_seen: u64,
    pub(super) keys_estimated: u64,
}

impl ScanProgress {
    /// How many of the 16384 slots are done: all of their keys have been seen.
    pub fn slots_done(&self) -> u16 {
        self.slots_done
    }

    /// The part that is done, 0.0 to 1.0: the slots that are, and an estimate for those whose node is being
    /// scanned. It never goes back, and so stands still while something is scanned again.
    pub fn fraction(&self) -> f64 {
        self.fraction
    }

    /// How many keys the scan has given so far, those counted that came twice. Goes on where a saved cursor left
    /// off.
    pub fn keys_seen(&self) -> u64 {
        self.keys_seen
    }

    /// About how many keys there are, whatever they are called: the sum of `DBSIZE` of the primaries reached so
    /// far.
    pub fn keys_estimated(&self) -> u64 {
        self.keys_estimated
    }

    /// True once every slot is done. The batch that says so is the last.
    pub fn is_complete(&self) -> bool {
        self.slots_done == Slot::COUNT
    }
}
