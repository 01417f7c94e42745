//! The keys of one shard.

mod kind;
mod sorted_set;

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

pub(super) use self::kind::{Data, Hash, Kind, List, Set};
pub(super) use self::sorted_set::SortedSet;
use super::commands::reply;
use crate::command::Slot;
use crate::value::ServerError;

/// Keys and values, with their expiry. Holds no empty collections.
///
/// Whoever uses it calls [`expire`](Store::expire) first; what is in it then is alive.
#[derive(Debug, Default)]
pub(super) struct Store {
    entries: HashMap<Bytes, Entry>,
    /// The keys that expire, soonest first.
    expiring: BTreeSet<(u64, Bytes)>,
    next_version: u64,
}

/// A key's value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) data: Data,
    /// Milliseconds since 1970.
    pub(super) expires_at: Option<u64>,
    /// Another one after each change.
    version: u64,
}

impl Store {
    /// Removes what has expired by `now_ms`, in milliseconds since 1970.
    pub(super) fn expire(&mut self, now_ms: u64) {
        while let Some((at, key)) = self.expiring.first() {
            if *at > now_ms {
                break;
            }
            let key = key.clone();
            self.remove(&key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.keys()
    }

    pub(super) fn keys_in(&self, slot: Slot) -> impl Iterator<Item = &Bytes> {
        self.keys().filter(move |key| Slot::of(key) == slot)
    }

    pub(super) fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// What changes whenever the key does.
    pub(super) fn version(&self, key: &[u8]) -> Option<u64> {
        self.entries.get(key).map(|entry| entry.version)
    }

    /// The value of a key, if it is of this kind.
    pub(super) fn read<K: Kind>(&self, key: &[u8]) -> Result<Option<&K>, ServerError> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(entry) => K::of(&entry.data).map(Some).ok_or_else(reply::wrong_type),
        }
    }

    /// Changes the value of a key, which is made if it is not there, and removed if it is empty afterwards.
    pub(super) fn edit<K: Kind, T>(
        &mut self,
        key: &Bytes,
        change: impl FnOnce(&mut K) -> T,
    ) -> Result<T, ServerError> {
        if !self.contains(key) {
            self.insert(key, K::default().into_data(), None);
        }
        self.next_version += 1;
        let version = self.next_version;
        let entry = self.entries.get_mut(key).expect("made above");
        let value = K::of_mut(&mut entry.data).ok_or_else(reply::wrong_type)?;
        let result = change(value);
        let is_empty = value.is_empty();
        entry.version = version;
        if is_empty {
            self.remove(key);
        }
        Ok(result)
    }

    /// Sets a key, whatever it was.
    pub(super) fn insert(&mut self, key: &Bytes, data: Data, expires_at: Option<u64>) {
        self.remove(key);
        self.next_version += 1;
        let entry = Entry {
            data,
            expires_at: None,
            version: self.next_version,
        };
        self.entries.insert(key.clone(), entry);
        self.set_expiry(key, expires_at);
    }

    /// Sets a key to a collection, or removes it if that is empty.
    pub(super) fn replace<K: Kind>(&mut self, key: &Bytes, value: K) {
        if value.is_empty() {
            self.remove(key);
        } else {
            self.insert(key, value.into_data(), None);
        }
    }

    /// Puts back what [`remove`](Store::remove) gave, here or from another store.
    pub(super) fn restore(&mut self, key: &[u8], entry: Entry) {
        self.insert(&Bytes::copy_from_slice(key), entry.data, entry.expires_at);
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        if let Some(at) = entry.expires_at {
            self.expiring.remove(&(at, key));
        }
        Some(entry)
    }

    /// Removes all keys of a slot.
    pub(super) fn remove_slot(&mut self, slot: Slot) -> Vec<(Bytes, Entry)> {
        let keys: Vec<Bytes> = self.keys_in(slot).cloned().collect();
        let removed = keys.into_iter();
        removed
            .filter_map(|key| self.remove(&key).map(|entry| (key, entry)))
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.expiring.clear();
    }

    /// Sets when a key expires, in milliseconds since 1970, or that it does not. A key that is not there stays so.
    pub(super) fn set_expiry(&mut self, key: &Bytes, at: Option<u64>) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(old) = entry.expires_at {
            self.expiring.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.expiring.insert((at, key.clone()));
        }
        entry.expires_at = at;
        self.next_version += 1;
        entry.version = self.next_version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &'static str) -> Bytes {
        Bytes::from_static(name.as_bytes())
    }

    #[test]
    fn a_collection_that_becomes_empty_is_gone() {
        let mut store = Store::default();
        let list = key("l");
        store
            .edit::<List, _>(&list, |l| l.push_back(key("x")))
            .expect("a list");
        assert!(store.contains(&list));
        store
            .edit::<List, _>(&list, List::pop_back)
            .expect("a list");
        assert!(!store.contains(&list));
    }

    #[test]
    fn an_expiry_that_was_replaced_does_not_fire() {
        let mut store = Store::default();
        store.insert(&key("a"), Data::String(key("1")), Some(10));
        store.set_expiry(&key("a"), Some(20));
        store.insert(&key("b"), Data::String(key("1")), Some(10));
        store.insert(&key("b"), Data::String(key("2")), None);
        store.expire(10);
        assert!(store.contains(b"a") && store.contains(b"b"));
        store.expire(20);
        assert!(!store.contains(b"a") && store.contains(b"b"));
    }

    #[test]
    fn every_change_makes_another_version() {
        let mut store = Store::default();
        store.insert(&key("a"), Data::String(key("1")), None);
        let first = store.version(b"a");
        store.insert(&key("a"), Data::String(key("1")), None);
        assert_ne!(store.version(b"a"), first);
    }
}
