//! What is known of counters, and of what was taken from queues.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use crate::request::Effect;

/// All counters of a round by key.
#[derive(Default)]
pub(crate) struct Counts(Mutex<BTreeMap<String, Count>>);

#[derive(Default)]
struct Count {
    acknowledged: u64,
    perhaps: u64,
    told: HashSet<u64>,
}

impl Counts {
    pub(crate) fn note(&self, key: &str, effect: Effect) {
        let mut counts = self.0.lock().expect("no panic");
        let count = counts.entry(key.to_owned()).or_default();
        match effect {
            Effect::Applied => count.acknowledged += 1,
            Effect::Perhaps => count.perhaps += 1,
            Effect::Not => {}
        }
    }

    /// True unless somebody was told this value before.
    pub(crate) fn is_first(&self, key: &str, value: u64) -> bool {
        let mut counts = self.0.lock().expect("no panic");
        let count = counts.entry(key.to_owned()).or_default();
        count.told.insert(value)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.lock().expect("no panic").keys().cloned().collect()
    }

    /// What is wrong with what a counter has come to.
    pub(crate) fn check(&self, key: &str, value: u64, is_lossless: bool) -> Option<String> {
        let counts = self.0.lock().expect("no panic");
        let count = &counts[key];
        let (least, most) = (count.acknowledged, count.acknowledged + count.perhaps);
        let is_wrong = value > most || is_lossless && value < least;
        is_wrong.then(|| format!("the counter is {value}, and should be {least} to {most}"))
    }
}

/// What consumers took out of queues, by key.
#[derive(Default)]
pub(crate) struct Taken(Mutex<BTreeMap<String, Takes>>);

#[derive(Clone, Default)]
pub(crate) struct Takes {
    pub(crate) entries: Vec<String>,
    /// How many requests may have taken an element and have not told.
    pub(crate) perhaps: usize,
}

impl Taken {
    pub(crate) fn note(&self, key: &str, entry: String) {
        self.edit(key, |takes| takes.entries.push(entry));
    }

    pub(crate) fn perhaps(&self, key: &str) {
        self.edit(key, |takes| takes.perhaps += 1);
    }

    pub(crate) fn of(&self, key: &str) -> Takes {
        let taken = self.0.lock().expect("no panic");
        taken.get(key).cloned().unwrap_or_default()
    }

    fn edit(&self, key: &str, edit: impl FnOnce(&mut Takes)) {
        let mut taken = self.0.lock().expect("no panic");
        edit(taken.entry(key.to_owned()).or_default());
    }
}
