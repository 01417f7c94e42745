//! What was written where, as its writers know it, and whether that is what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use crate::request::Effect;

/// What servers keep of what they acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All.
    All,
    /// What was replicated before a replica took over; nobody knows what that is.
    Some,
}

/// A list or set to which many write, each entry once.
#[derive(Debug)]
struct Ledger {
    kept: Kept,
    entries: HashMap<String, Effect>,
}

/// All ledgers of a round by key.
#[derive(Default)]
pub(crate) struct Ledgers(Mutex<BTreeMap<String, Ledger>>);

impl Ledgers {
    /// Notes what its writer knows of an entry.
    pub(crate) fn note(&self, key: &str, kept: Kept, entry: String, effect: Effect) {
        let mut ledgers = self.0.lock().expect("no panic");
        let ledger = ledgers.entry(key.to_owned()).or_insert_with(|| Ledger {
            kept,
            entries: HashMap::new(),
        });
        let before = ledger.entries.insert(entry, effect);
        assert!(before.is_none(), "an entry is written once");
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.lock().expect("no panic").keys().cloned().collect()
    }

    /// What is wrong with what was found at this key. So many of the acknowledged entries may be missing for another
    /// reason than that the servers lost them, any number if that is not known.
    pub(crate) fn check(&self, key: &str, found: &[String], missing: Option<usize>) -> Vec<String> {
        let ledgers = self.0.lock().expect("no panic");
        ledgers[key].check(found, missing)
    }
}

impl Ledger {
    fn check(&self, found: &[String], may_miss: Option<usize>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = HashSet::new();
        for entry in found {
            if !seen.insert(entry.as_str()) {
                wrong.push(format!("{entry} was applied twice"));
            }
            match self.entries.get(entry) {
                Some(Effect::Applied | Effect::Perhaps) => {}
                Some(Effect::Not) => wrong.push(format!(
                    "{entry} was applied, and its writer was told that it was not"
                )),
                None => wrong.push(format!("{entry} was never written here")),
            }
        }
        let acknowledged = self
            .entries
            .iter()
            .filter(|(_, effect)| **effect == Effect::Applied);
        let missing: Vec<_> = acknowledged
            .filter(|(entry, _)| !seen.contains(entry.as_str()))
            .map(|(entry, _)| entry)
            .collect();
        let is_all = may_miss.is_none_or(|may_miss| missing.len() <= may_miss);
        if self.kept == Kept::All && !is_all {
            wrong.push(format!(
                "{} entries were acknowledged and are not there: {missing:.10?}",
                missing.len()
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kept: Kept, found: &[&str], may_miss: usize) -> usize {
        let ledgers = Ledgers::default();
        ledgers.note("k", kept, "yes".into(), Effect::Applied);
        ledgers.note("k", kept, "perhaps".into(), Effect::Perhaps);
        ledgers.note("k", kept, "no".into(), Effect::Not);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        ledgers.check("k", &found, Some(may_miss)).len()
    }

    #[test]
    fn what_was_acknowledged_is_there_and_what_was_not_sent_is_not() {
        assert_eq!(check(Kept::All, &["yes"], 0), 0);
        assert_eq!(check(Kept::All, &["perhaps", "yes"], 0), 0);
        assert_eq!(check(Kept::All, &["yes", "no"], 0), 1);
        assert_eq!(check(Kept::All, &["yes", "yes"], 0), 1);
        assert_eq!(check(Kept::All, &["yes", "another"], 0), 1);
        assert_eq!(check(Kept::All, &["perhaps"], 0), 1);
        assert_eq!(check(Kept::All, &["perhaps"], 1), 0);
        assert_eq!(check(Kept::Some, &["perhaps"], 0), 0);
        assert_eq!(check(Kept::Some, &["no"], 0), 1);
    }
}
