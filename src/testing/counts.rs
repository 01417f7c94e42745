//! What a node counts.

use std::collections::{BTreeMap, VecDeque};

use super::faults::matches;

/// How many commands a node remembers by name.
const REMEMBERED: usize = 4096;

/// What has happened at one node.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    commands: BTreeMap<String, u64>,
    batches: BTreeMap<String, u64>,
    recorded: VecDeque<String>,
}

impl Counts {
    /// Counts a command, given its name with the subcommand's.
    pub(super) fn record(&mut self, name: &str) {
        match self.commands.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.commands.insert(name.to_owned(), 1);
            }
        }
        if self.recorded.len() == REMEMBERED {
            self.recorded.pop_front();
        }
        self.recorded.push_back(name.to_owned());
    }

    /// Counts a batch that has a command of this name.
    pub(super) fn record_batch(&mut self, name: &str) {
        *self.batches.entry(name.to_owned()).or_default() += 1;
    }

    pub(super) fn batches(&self, name: &str) -> u64 {
        self.batches.get(name).copied().unwrap_or_default()
    }

    pub(super) fn commands(&self, name: &str) -> u64 {
        let counted = self.commands.iter();
        counted
            .filter(|(counted, _)| matches(name, counted))
            .map(|(_, count)| count)
            .sum()
    }

    pub(super) fn total(&self) -> u64 {
        self.commands.values().sum()
    }

    pub(super) fn recorded(&self) -> Vec<String> {
        self.recorded.iter().cloned().collect()
    }
}
