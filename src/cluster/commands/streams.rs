//! Streams.

use super::stream_id::Reversed;
use super::typed::commands;
use super::{
    EntryDeleted, StreamDetails, StreamEntries, StreamEntry, StreamId, StreamInfo, StreamRange,
    StreamReferences, StreamTrim, XAddOptions, XCfgSetOptions, XReadOptions,
};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Streams
    ///
    /// See the [conventions](crate::cluster::commands) of all typed commands. Where a method takes an id, it may be a
    /// [`StreamId`] or what else the servers take in its place, such as `"$"`.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use std::collections::HashMap;
    /// use tower_redis_cluster::cluster::commands::{StreamEntry, StreamTrim, XAddOptions};
    ///
    /// let id = cluster.xadd("events", [("user", "Ann"), ("action", "login")]).await?;
    ///
    /// // Keeps about the latest 1000.
    /// let trim = StreamTrim::max_len(1000).approximately();
    /// cluster.xadd_with("events", ("user", "Bob"), XAddOptions::new().trims(trim)).await?;
    ///
    /// let events: Vec<StreamEntry<HashMap<String, String>>> = cluster.xrange("events", id..).await?;
    /// assert_eq!(events[0].fields["user"], "Ann");
    /// # Ok(())
    /// # }
    /// ```
    group "Streams";

    /// Adds an entry with these fields and values; gives its id.
    ///
    /// `XADD`, O(1), since 5.0.
    fn xadd(key: impl ToArgs, fields: impl ToArgs) -> StreamId {
        let command = Command::known(&table::XADD).one(key)?;
        command.arg("*").pairs(fields)?
    }

    /// Adds an entry with options; gives its id, or `None` if there is no stream and [none is to be
    /// made](XAddOptions::only_if_present).
    ///
    /// `XADD`, O(1), and O(N) by the entries it cuts off, since 5.0.
    fn xadd_with(key: impl ToArgs, fields: impl ToArgs, options: XAddOptions) -> Option<StreamId> {
        let is_idempotent = options.is_idempotent();
        let command = Command::known(&table::XADD).one(key)?;
        let command = command.arg(options).pairs(fields)?;
        if is_idempotent { command.idempotent() } else { command }
    }

    /// Sets for how long, and for how many entries, a stream remembers what must be added [only
    /// once](XAddOptions::only_once).
    ///
    /// `XCFGSET`, O(1), since Redis 8.6.
    fn xcfgset(key: impl ToArgs, options: XCfgSetOptions) -> () {
        Command::known(&table::XCFGSET).one(key)?.arg(options)
    }

    /// Deletes entries; gives how many there were.
    ///
    /// `XDEL`, O(1) for each, since 5.0.
    fn xdel(key: impl ToArgs, ids: impl ToArgs) -> u64 {
        Command::known(&table::XDEL).one(key)?.arg(ids)
    }

    /// Deletes entries, and says what becomes of the groups' references to them; gives what became of each entry.
    ///
    /// `XDELEX`, O(1) for each, since Redis 8.2.
    fn xdelex(key: impl ToArgs, references: StreamReferences, ids: impl ToArgs) -> Vec<EntryDeleted> {
        let command = Command::known(&table::XDELEX).one(key)?.arg(references);
        command.arg("IDS").counted(ids)
    }

    /// What the server knows of a stream.
    ///
    /// `XINFO STREAM`, O(1), since 5.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    fn xinfo_stream<T>(key: impl ToArgs) -> StreamInfo<T> {
        Command::known(&table::XINFO).arg("STREAM").one(key)?
    }

    /// What the server knows of a stream, with its groups and their consumers, and the first so many entries; 0 is
    /// all.
    ///
    /// `XINFO STREAM .. FULL`, O(N) by what is given, since 6.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    fn xinfo_stream_full<T>(key: impl ToArgs, count: u64) -> StreamDetails<T> {
        let command = Command::known(&table::XINFO).arg("STREAM").one(key)?;
        command.arg(("FULL", "COUNT", count))
    }

    /// How many entries there are.
    ///
    /// `XLEN`, O(1), since 5.0.
    fn xlen(key: impl ToArgs) -> u64 {
        Command::known(&table::XLEN).one(key)?
    }

    /// The entries in a range, oldest first: `..` is all.
    ///
    /// `XRANGE`, O(N) by the entries given, since 5.0.
    fn xrange<T>(key: impl ToArgs, range: impl Into<StreamRange>) -> Vec<StreamEntry<T>> {
        Command::known(&table::XRANGE).one(key)?.arg(range.into())
    }

    /// Up to so many entries of a range, oldest first.
    ///
    /// `XRANGE .. COUNT`, O(N) by the entries given, since 5.0.
    fn xrange_count<T>(
        key: impl ToArgs,
        range: impl Into<StreamRange>,
        count: u64,
    ) -> Vec<StreamEntry<T>> {
        let command = Command::known(&table::XRANGE).one(key)?.arg(range.into());
        command.arg(("COUNT", count))
    }

    /// The entries in a range, newest first.
    ///
    /// `XREVRANGE`, O(N) by the entries given, since 5.0.
    fn xrevrange<T>(key: impl ToArgs, range: impl Into<StreamRange>) -> Vec<StreamEntry<T>> {
        let command = Command::known(&table::XREVRANGE).one(key)?;
        command.arg(Reversed(range.into()))
    }

    /// Up to so many entries of a range, newest first.
    ///
    /// `XREVRANGE .. COUNT`, O(N) by the entries given, since 5.0.
    fn xrevrange_count<T>(
        key: impl ToArgs,
        range: impl Into<StreamRange>,
        count: u64,
    ) -> Vec<StreamEntry<T>> {
        let command = Command::known(&table::XREVRANGE).one(key)?;
        command.arg(Reversed(range.into())).arg(("COUNT", count))
    }

    /// What was added to streams, which must be in one slot, behind these ids, one for each stream. Streams without
    /// such an entry are left out.
    ///
    /// `XREAD`, O(N) by the entries given, since 5.0.
    fn xread<T>(keys: impl ToArgs, ids: impl ToArgs) -> Vec<StreamEntries<StreamEntry<T>>> {
        Command::known(&table::XREAD).streams(keys, ids)?
    }
    from Option::unwrap_or_default;

    /// As [`xread`](Self::xread), with options. An id of `"$"` is the last there is when the server begins to
    /// [wait](XReadOptions::block).
    ///
    /// `XREAD`, O(N) by the entries given, since 5.0.
    fn xread_with<T>(
        keys: impl ToArgs,
        ids: impl ToArgs,
        options: XReadOptions,
    ) -> Vec<StreamEntries<StreamEntry<T>>> {
        let command = options.add_to(Command::known(&table::XREAD))?;
        command.streams(keys, ids)?
    }
    from Option::unwrap_or_default;

    /// Sets the last id of a stream, which the next entry's must be greater than.
    ///
    /// `XSETID`, O(1), since 5.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key, or a greater id in it.
    fn xsetid(key: impl ToArgs, last_id: StreamId) -> () {
        Command::known(&table::XSETID).one(key)?.arg(last_id)
    }

    /// As [`xsetid`](Self::xsetid), and sets how many entries were ever added, and the greatest id of a deleted
    /// one.
    ///
    /// `XSETID .. ENTRIESADDED .. MAXDELETEDID`, O(1), since 7.0.
    fn xsetid_with(
        key: impl ToArgs,
        last_id: StreamId,
        entries_added: u64,
        max_deleted_id: StreamId,
    ) -> () {
        let command = Command::known(&table::XSETID).one(key)?.arg(last_id);
        let command = command.arg(("ENTRIESADDED", entries_added));
        command.arg(("MAXDELETEDID", max_deleted_id))
    }

    /// Cuts a stream short; gives how many entries were deleted.
    ///
    /// `XTRIM`, O(N) by the entries deleted, since 5.0.
    fn xtrim(key: impl ToArgs, trim: StreamTrim) -> u64 {
        Command::known(&table::XTRIM).one(key)?.arg(trim)
    }
}
