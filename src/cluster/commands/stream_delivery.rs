//! Reading streams in consumer groups.

use std::time::Duration;

use super::expiry::millis;
use super::stream_replies::present;
use super::typed::commands;
use super::{
    AutoClaimed, DeliveredEntry, EntryDeleted, PendingEntry, PendingSummary, StreamEntries,
    StreamEntry, StreamId, StreamRange, StreamReferences, XClaimOptions, XPendingOptions,
    XReadGroupOptions,
};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Reading streams in consumer groups
    ///
    /// Each entry is given to one consumer of a group, and is pending until that one acknowledges it. Reading is not
    /// repeated when a reply is lost: such entries stay pending, and are read again with an id of `"0"`, or by others
    /// with [`xautoclaim`](Self::xautoclaim).
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use std::collections::HashMap;
    ///
    /// cluster.xgroup_create_mkstream("events", "workers", "$").await?;
    /// loop {
    ///     let streams = cluster
    ///         .xreadgroup::<HashMap<String, String>>("workers", "me", "events", ">")
    ///         .await?;
    ///     for entry in streams.iter().flat_map(|stream| &stream.entries) {
    ///         println!("{}: {:?}", entry.id, entry.fields);
    ///         cluster.xack("events", "workers", entry.id).await?;
    ///     }
    /// }
    /// # }
    /// ```
    group "Reading streams in consumer groups";

    /// Acknowledges entries; gives how many were pending.
    ///
    /// `XACK`, O(1) for each, since 5.0.
    fn xack(key: impl ToArgs, group: impl ToArgs, ids: impl ToArgs) -> u64 {
        Command::known(&table::XACK).one(key)?.one(group)?.arg(ids)
    }

    /// Acknowledges entries and deletes them, and says what becomes of other groups' references to them; gives what
    /// became of each entry.
    ///
    /// `XACKDEL`, O(1) for each, since Redis 8.2.
    fn xackdel(
        key: impl ToArgs,
        group: impl ToArgs,
        references: StreamReferences,
        ids: impl ToArgs,
    ) -> Vec<EntryDeleted> {
        let command = Command::known(&table::XACKDEL).one(key)?.one(group)?;
        command.arg((references, "IDS")).counted(ids)
    }

    /// Gives a consumer some of the entries that have been pending for this long, or longer, from this id on; 0-0
    /// begins. About 10 times `count` entries are looked at.
    ///
    /// `XAUTOCLAIM`, O(1) for small counts, since 6.2.
    fn xautoclaim<T>(
        key: impl ToArgs,
        group: impl ToArgs,
        consumer: impl ToArgs,
        idle: Duration,
        start: StreamId,
        count: u64,
    ) -> AutoClaimed<StreamEntry<T>> {
        let command = Command::known(&table::XAUTOCLAIM).one(key)?.one(group)?;
        let command = command.one(consumer)?.arg((millis(idle), start));
        command.arg(("COUNT", count))
    }

    /// As [`xautoclaim`](Self::xautoclaim), but gives only the ids, and does not count it as a delivery.
    ///
    /// `XAUTOCLAIM .. JUSTID`, O(1) for small counts, since 6.2.
    fn xautoclaim_justid(
        key: impl ToArgs,
        group: impl ToArgs,
        consumer: impl ToArgs,
        idle: Duration,
        start: StreamId,
        count: u64,
    ) -> AutoClaimed<StreamId> {
        let command = Command::known(&table::XAUTOCLAIM).one(key)?.one(group)?;
        let command = command.one(consumer)?.arg((millis(idle), start));
        command.arg(("COUNT", count, "JUSTID"))
    }

    /// Gives a consumer those of these entries that have been pending for this long, or longer.
    ///
    /// `XCLAIM`, O(log(N)) by the entries that are pending, since 5.0.
    fn xclaim<T>(
        key: impl ToArgs,
        group: impl ToArgs,
        consumer: impl ToArgs,
        idle: Duration,
        ids: impl ToArgs,
    ) -> Vec<StreamEntry<T>> {
        let command = Command::known(&table::XCLAIM).one(key)?.one(group)?;
        command.one(consumer)?.arg(millis(idle)).arg(ids)
    }
    from present;

    /// As [`xclaim`](Self::xclaim), with options.
    ///
    /// `XCLAIM`, O(log(N)) by the entries that are pending, since 5.0.
    fn xclaim_with<T>(
        key: impl ToArgs,
        group: impl ToArgs,
        consumer: impl ToArgs,
        idle: Duration,
        ids: impl ToArgs,
        options: XClaimOptions,
    ) -> Vec<StreamEntry<T>> {
        let command = Command::known(&table::XCLAIM).one(key)?.one(group)?;
        let command = command.one(consumer)?.arg(millis(idle)).arg(ids);
        command.arg(options)
    }
    from present;

    /// As [`xclaim_with`](Self::xclaim_with), but gives only the ids, and does not count it as a delivery.
    ///
    /// `XCLAIM .. JUSTID`, O(log(N)) by the entries that are pending, since 5.0.
    fn xclaim_justid(
        key: impl ToArgs,
        group: impl ToArgs,
        consumer: impl ToArgs,
        idle: Duration,
        ids: impl ToArgs,
        options: XClaimOptions,
    ) -> Vec<StreamId> {
        let command = Command::known(&table::XCLAIM).one(key)?.one(group)?;
        let command = command.one(consumer)?.arg(millis(idle)).arg(ids);
        command.arg(options).arg("JUSTID")
    }

    /// How much is pending in a group.
    ///
    /// `XPENDING`, O(N) by the consumers, since 5.0.
    fn xpending(key: impl ToArgs, group: impl ToArgs) -> PendingSummary {
        Command::known(&table::XPENDING).one(key)?.one(group)?
    }

    /// Up to so many of the entries in a range that are pending: `..` is all.
    ///
    /// `XPENDING`, O(N) by the entries given, or by those in the range where only idle ones are asked for, since 5.0.
    fn xpending_entries(
        key: impl ToArgs,
        group: impl ToArgs,
        range: impl Into<StreamRange>,
        count: u64,
        options: XPendingOptions,
    ) -> Vec<PendingEntry> {
        let command = Command::known(&table::XPENDING).one(key)?.one(group)?;
        let idle = options.idle.map(|time| ("IDLE", millis(time)));
        let command = command.arg(idle).arg((range.into(), count));
        command.arg(options.consumer)
    }

    /// Gives a consumer the entries of streams, which must be in one slot: with an id of `">"` those that were never
    /// delivered, with any other the ones behind it that are pending for this consumer. One id for each stream.
    ///
    /// `XREADGROUP`, O(N) by the entries given, since 5.0.
    fn xreadgroup<T>(
        group: impl ToArgs,
        consumer: impl ToArgs,
        keys: impl ToArgs,
        ids: impl ToArgs,
    ) -> Vec<StreamEntries<DeliveredEntry<T>>> {
        let command = Command::known(&table::XREADGROUP).arg("GROUP").one(group)?;
        command.one(consumer)?.streams(keys, ids)?
    }
    from Option::unwrap_or_default;

    /// As [`xreadgroup`](Self::xreadgroup), with options.
    ///
    /// `XREADGROUP`, O(N) by the entries given, since 5.0.
    fn xreadgroup_with<T>(
        group: impl ToArgs,
        consumer: impl ToArgs,
        keys: impl ToArgs,
        ids: impl ToArgs,
        options: XReadGroupOptions,
    ) -> Vec<StreamEntries<DeliveredEntry<T>>> {
        let command = Command::known(&table::XREADGROUP).arg("GROUP").one(group)?;
        options.add_to(command.one(consumer)?)?.streams(keys, ids)?
    }
    from Option::unwrap_or_default;
}
