//! The types of values.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::sorted_set::SortedSet;

/// Fields and their values.
pub(crate) type Hash = BTreeMap<Bytes, Bytes>;
pub(crate) type List = VecDeque<Bytes>;
pub(crate) type Set = BTreeSet<Bytes>;

/// A value of any type.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    String(Bytes),
    List(List),
    Hash(Hash),
    Set(Set),
    SortedSet(SortedSet),
}

impl Data {
    /// As `TYPE` says it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::Set(_) => "set",
            Self::SortedSet(_) => "zset",
        }
    }
}

/// One of the types of values.
pub(crate) trait Kind: Default {
    fn of(data: &Data) -> Option<&Self>;
    fn of_mut(data: &mut Data) -> Option<&mut Self>;
    fn into_data(self) -> Data;
    /// True if the key is to be removed. A string never is: it may well be empty.
    fn is_empty(&self) -> bool;
}

macro_rules! kinds {
    ($($kind:ty => $variant:ident, $is_empty:expr;)*) => {$(
        impl Kind for $kind {
            fn of(data: &Data) -> Option<&Self> {
                match data {
                    Data::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn of_mut(data: &mut Data) -> Option<&mut Self> {
                match data {
                    Data::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn into_data(self) -> Data {
                Data::$variant(self)
            }

            fn is_empty(&self) -> bool {
                let is_empty: fn(&Self) -> bool = $is_empty;
                is_empty(self)
            }
        }
    )*};
}

kinds! {
    Bytes => String, |_| false;
    List => List, List::is_empty;
    Hash => Hash, Hash::is_empty;
    Set => Set, Set::is_empty;
    SortedSet => SortedSet, SortedSet::is_empty;
}
