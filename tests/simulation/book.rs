//! What was asked for, what became of it, and whether the servers' keys agree.

use std::collections::{BTreeMap, BTreeSet};

use tower_redis_cluster::{Delivery, Error};

/// What is known of a command's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Applied,
    Perhaps,
    Never,
}

impl Effect {
    pub fn of(error: &Error) -> Self {
        match error.delivery() {
            Delivery::NotSent | Delivery::NotApplied => Self::Never,
            Delivery::Unknown => Self::Perhaps,
        }
    }
}

#[derive(Default)]
pub struct Book {
    /// Lists to which unique tokens are appended.
    ledgers: BTreeMap<String, Ledger>,
    /// Numbers that are incremented.
    counters: BTreeMap<String, Counter>,
    /// Keys that one actor writes and all read.
    registers: BTreeMap<String, Register>,
    pub violations: Vec<String>,
}

#[derive(Default)]
struct Ledger {
    tokens: BTreeMap<String, Effect>,
    /// What was acknowledged with which length: at `length - 1` it has to be.
    places: BTreeMap<i64, String>,
}

#[derive(Default)]
struct Counter {
    applied: i64,
    perhaps: i64,
    replies: BTreeSet<i64>,
}

#[derive(Default)]
struct Register {
    last: Option<String>,
    perhaps: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Book {
    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// A token was appended to a list, or not; with the list's length if that was answered.
    pub fn appended(&mut self, key: &str, token: &str, effect: Effect, len: Option<i64>) {
        let ledger = self.ledgers.entry(key.to_owned()).or_default();
        ledger.tokens.insert(token.to_owned(), effect);
        if let Some(len) = len
            && let Some(other) = ledger.places.insert(len, token.to_owned())
        {
            self.violation(format!("{key}: {token} and {other} were both told {len}"));
        }
    }

    pub fn incremented(&mut self, key: &str, effect: Effect, reply: Option<i64>) {
        let counter = self.counters.entry(key.to_owned()).or_default();
        match effect {
            Effect::Applied => counter.applied += 1,
            Effect::Perhaps => counter.perhaps += 1,
            Effect::Never => {}
        }
        if let Some(reply) = reply
            && !counter.replies.insert(reply)
        {
            self.violation(format!("{key}: two increments were told {reply}"));
        }
    }

    /// A register is about to be written.
    pub fn writes(&mut self, key: &str, value: &str) {
        let register = self.registers.entry(key.to_owned()).or_default();
        register.perhaps.insert(value.to_owned());
    }

    /// What became of that.
    pub fn wrote(&mut self, key: &str, value: &str, effect: Effect) {
        let register = self.registers.entry(key.to_owned()).or_default();
        if effect != Effect::Perhaps {
            register.perhaps.remove(value);
        }
        match effect {
            Effect::Applied => register.last = Some(value.to_owned()),
            Effect::Never if register.seen.contains(value) => {
                self.violation(format!(
                    "{key}: {value} was read, and is said not to be there"
                ));
            }
            Effect::Never | Effect::Perhaps => {}
        }
    }

    /// A register was read by the actor that writes it, or by another while that may be writing.
    pub fn read(&mut self, key: &str, value: Option<&str>, by_writer: bool) {
        let register = self.registers.entry(key.to_owned()).or_default();
        let is_right = match value {
            // What another's request finds may be older than what is known when its reply comes.
            None => register.last.is_none() || !by_writer,
            Some(value) if by_writer => {
                register.last.as_deref() == Some(value) || register.perhaps.contains(value)
            }
            Some(value) => value.starts_with(&format!("{key}=")),
        };
        register.seen.extend(value.map(str::to_owned));
        if !is_right {
            let (last, perhaps) = (register.last.clone(), register.perhaps.clone());
            self.violation(format!("{key}: read {value:?}, of {last:?} or {perhaps:?}"));
        }
    }

    // ===== at the end =====

    pub fn ledgers(&self) -> Vec<String> {
        self.ledgers.keys().cloned().collect()
    }

    pub fn counters(&self) -> Vec<String> {
        self.counters.keys().cloned().collect()
    }

    /// Compares a list with what should be in it.
    pub fn check_ledger(&mut self, key: &str, list: &[String]) {
        let ledger = self.ledgers.remove(key).unwrap_or_default();
        for (len, token) in &ledger.places {
            let at = usize::try_from(len - 1)
                .ok()
                .and_then(|index| list.get(index));
            if at != Some(token) {
                self.violation(format!(
                    "{key}: {token} was told {len}, where there is {at:?}"
                ));
            }
        }
        let mut found = BTreeMap::<&String, usize>::new();
        for token in list {
            *found.entry(token).or_default() += 1;
        }
        for (token, effect) in &ledger.tokens {
            let times = found.remove(token).unwrap_or(0);
            let is_right = match effect {
                Effect::Applied => times == 1,
                Effect::Perhaps => times <= 1,
                Effect::Never => times == 0,
            };
            if !is_right {
                self.violation(format!(
                    "{key}: {token} is there {times} times, as {effect:?}"
                ));
            }
        }
        if !found.is_empty() {
            self.violation(format!("{key}: nobody appended {found:?}"));
        }
    }

    /// Compares a counter with what was counted: acknowledged <= applied <= acknowledged + unknown.
    pub fn check_counter(&mut self, key: &str, value: i64) {
        let Counter {
            applied, perhaps, ..
        } = self.counters.remove(key).unwrap_or_default();
        if !(applied..=applied + perhaps).contains(&value) {
            self.violation(format!(
                "{key}: {value}, after {applied} acknowledged and {perhaps} unknown"
            ));
        }
    }
}
