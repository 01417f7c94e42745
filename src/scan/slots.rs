//! Sets of slots.

use std::fmt;

use crate::command::Slot;

const WORDS: usize = Slot::COUNT as usize / 64;

/// A set of slots: one bit each.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SlotSet(Box<[u64; WORDS]>);

impl SlotSet {
    pub(super) fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        self.0[word] &= !bit;
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.0[word] & bit != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many slots are in it.
    pub(super) fn len(&self) -> u16 {
        // 16384 at most.
        self.0.iter().map(|word| word.count_ones() as u16).sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&*other.0) {
            *word |= other;
        }
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&*other.0) {
            *word &= !other;
        }
    }

    /// This set without the slots of the other.
    pub(super) fn without(mut self, other: &Self) -> Self {
        self.subtract(other);
        self
    }

    /// The slots that are in both.
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(&*other.0) {
            *word &= other;
        }
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        let slots = (0..Slot::COUNT).filter_map(Slot::new);
        slots.filter(|slot| self.contains(*slot))
    }

    /// The lengths of runs of slots that are, in turn, not in the set and in it. The first may be 0; the last is in
    /// the set.
    pub(super) fn runs(&self) -> Vec<u16> {
        let mut runs = Vec::new();
        let (mut start, mut is_in) = (0, false);
        for slot in (0..Slot::COUNT).filter_map(Slot::new) {
            if self.contains(slot) != is_in {
                runs.push(slot.number() - start);
                (start, is_in) = (slot.number(), !is_in);
            }
        }
        if is_in {
            runs.push(Slot::COUNT - start);
        }
        runs
    }

    /// The set with these [runs](SlotSet::runs); `None` if they are longer than there are slots.
    pub(super) fn from_runs(runs: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut set = Self::new();
        let (mut start, mut is_in) = (0_u16, false);
        for run in runs {
            let end = start.checked_add(run).filter(|end| *end <= Slot::COUNT)?;
            if is_in {
                set.extend((start..end).filter_map(Slot::new));
            }
            (start, is_in) = (end, !is_in);
        }
        Some(set)
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::new();
        set.extend(slots);
        set
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.len())
    }
}

fn place(slot: Slot) -> (usize, u64) {
    let number = usize::from(slot.number());
    (number / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: impl IntoIterator<Item = u16>) -> SlotSet {
        numbers.into_iter().filter_map(Slot::new).collect()
    }

    #[test]
    fn runs_lead_back_to_the_set() {
        for set in [
            SlotSet::new(),
            set(0..16384),
            set([0, 1, 63, 64, 16383]),
            set((0..16384).step_by(2)),
            set(5461..10923),
        ] {
            assert_eq!(SlotSet::from_runs(set.runs()), Some(set));
        }
        assert_eq!(set(5461..10923).runs(), [5461, 5462]);
        assert_eq!(SlotSet::from_runs([16384, 1]), None);
        assert_eq!(SlotSet::from_runs([u16::MAX, u16::MAX]), None);
    }

    #[test]
    fn sets_are_added_and_taken_away() {
        let mut all = set(0..100);
        all.add(&set(90..110));
        assert_eq!(all.len(), 110);
        assert_eq!(all.clone().and(&set(105..200)), set(105..110));
        assert_eq!(all.without(&set(10..200)), set(0..10));
    }
}
