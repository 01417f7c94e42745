//! Sorted copies of lists, sets and sorted sets.

use super::typed::commands;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};

commands! {
    /// # Sorting
    group "Sorting";

    /// The elements of a list, set or sorted set in order. The command counts as a write, so that no replica
    /// serves it; see [`sort_ro`](Self::sort_ro).
    ///
    /// `SORT`, O(N+M*log(M)) by the elements in it and those given, since 1.0.
    fn sort<T>(key: impl ToArgs, options: SortOptions) -> T {
        Command::known(&table::SORT).one(key)?.arg(options)
    }

    /// The elements of a list, set or sorted set in order.
    ///
    /// `SORT_RO`, O(N+M*log(M)) by the elements in it and those given, since 7.0.
    fn sort_ro<T>(key: impl ToArgs, options: SortOptions) -> T {
        Command::known(&table::SORT_RO).one(key)?.arg(options)
    }

    /// Stores the elements of a list, set or sorted set in order as a list, in place of what the destination
    /// was; gives how many. Both keys must be in one slot.
    ///
    /// `SORT .. STORE`, O(N+M*log(M)) by the elements in it and those stored, since 1.0.
    fn sort_store(key: impl ToArgs, options: SortOptions, destination: impl ToArgs) -> u64 {
        let command = Command::known(&table::SORT).one(key)?.arg(options);
        command.arg("STORE").one(destination)?
    }
}

/// How elements are sorted.
///
/// A pattern names a key for each element, which takes the place of its `*`. In a cluster a pattern must have a
/// hash tag that leads to the slot of the sorted key, and servers before Redis 7.4 and Valkey 8 know none.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::SortOptions, cmd};
///
/// let options = SortOptions::new().descending().limit(0, 10);
/// let command = cmd("SORT").arg("list").arg(options);
/// assert!(command.args().skip(2).eq(["LIMIT", "0", "10", "DESC"].map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortOptions {
    by: Option<String>,
    limit: Option<(u64, u64)>,
    get: Vec<String>,
    is_descending: bool,
    is_alphabetic: bool,
}

impl SortOptions {
    /// As numbers, in ascending order.
    pub fn new() -> Self {
        Self::default()
    }

    /// By the values of other keys (`BY`). A pattern without `*` means not to sort.
    #[must_use]
    pub fn by(mut self, pattern: impl Into<String>) -> Self {
        self.by = Some(pattern.into());
        self
    }

    /// Only so many elements, from this position on (`LIMIT`).
    #[must_use]
    pub fn limit(mut self, offset: u64, count: u64) -> Self {
        self.limit = Some((offset, count));
        self
    }

    /// Gives the values of other keys in place of the elements (`GET`); `#` is the element itself. Can be said
    /// several times.
    #[must_use]
    pub fn get(mut self, pattern: impl Into<String>) -> Self {
        self.get.push(pattern.into());
        self
    }

    /// In descending order (`DESC`).
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.is_descending = true;
        self
    }

    /// As texts (`ALPHA`).
    #[must_use]
    pub fn alphabetic(mut self) -> Self {
        self.is_alphabetic = true;
        self
    }
}

impl ToArgs for SortOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.by
            .as_deref()
            .map(|pattern| ("BY", pattern))
            .write_args(out);
        self.limit.map(|limit| ("LIMIT", limit)).write_args(out);
        for pattern in &self.get {
            ("GET", pattern).write_args(out);
        }
        self.is_descending.then_some("DESC").write_args(out);
        self.is_alphabetic.then_some("ALPHA").write_args(out);
    }
}
