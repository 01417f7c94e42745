//! Consumer groups of streams: making them, and what the servers know of them.

use super::typed::commands;
use super::{ConsumerInfo, GroupInfo};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Consumer groups of streams
    ///
    /// See [`xreadgroup`](Self::xreadgroup) for what they are good for.
    group "Consumer groups of streams";

    /// Makes a consumer group, which is given the entries behind this id: `"0"` for all, `"$"` for new ones.
    ///
    /// `XGROUP CREATE`, O(1), since 5.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key, or such a group already (`BUSYGROUP`).
    fn xgroup_create(key: impl ToArgs, group: impl ToArgs, id: impl ToArgs) -> () {
        let command = Command::known(&table::XGROUP).arg("CREATE").one(key)?;
        command.one(group)?.one(id)?
    }

    /// As [`xgroup_create`](Self::xgroup_create), and makes an empty stream if there is none.
    ///
    /// `XGROUP CREATE .. MKSTREAM`, O(1), since 5.0.
    ///
    /// # Errors
    ///
    /// Also if there is such a group already (`BUSYGROUP`).
    fn xgroup_create_mkstream(key: impl ToArgs, group: impl ToArgs, id: impl ToArgs) -> () {
        let command = Command::known(&table::XGROUP).arg("CREATE").one(key)?;
        command.one(group)?.one(id)?.arg("MKSTREAM")
    }

    /// Makes a consumer, unless there is one, and says whether it did. Reading makes one too.
    ///
    /// `XGROUP CREATECONSUMER`, O(1), since 6.2.
    fn xgroup_createconsumer(key: impl ToArgs, group: impl ToArgs, consumer: impl ToArgs) -> bool {
        let command = Command::known(&table::XGROUP).arg("CREATECONSUMER");
        command.one(key)?.one(group)?.one(consumer)?
    }

    /// Deletes a consumer; gives how many entries were pending for it, which nobody can claim any more.
    ///
    /// `XGROUP DELCONSUMER`, O(1), since 5.0.
    fn xgroup_delconsumer(key: impl ToArgs, group: impl ToArgs, consumer: impl ToArgs) -> u64 {
        let command = Command::known(&table::XGROUP).arg("DELCONSUMER");
        command.one(key)?.one(group)?.one(consumer)?
    }

    /// Deletes a group and all that is pending in it; false if there is none.
    ///
    /// `XGROUP DESTROY`, O(N) by the entries that are pending, since 5.0.
    fn xgroup_destroy(key: impl ToArgs, group: impl ToArgs) -> bool {
        let command = Command::known(&table::XGROUP).arg("DESTROY");
        command.one(key)?.one(group)?
    }

    /// Sets the id behind which a group is given entries.
    ///
    /// `XGROUP SETID`, O(1), since 5.0.
    fn xgroup_setid(key: impl ToArgs, group: impl ToArgs, id: impl ToArgs) -> () {
        let command = Command::known(&table::XGROUP).arg("SETID").one(key)?;
        command.one(group)?.one(id)?
    }

    /// As [`xgroup_setid`](Self::xgroup_setid), and sets how many entries the group has read, from which the
    /// server tells its lag.
    ///
    /// `XGROUP SETID .. ENTRIESREAD`, O(1), since 7.0.
    fn xgroup_setid_entriesread(
        key: impl ToArgs,
        group: impl ToArgs,
        id: impl ToArgs,
        entries_read: u64,
    ) -> () {
        let command = Command::known(&table::XGROUP).arg("SETID").one(key)?;
        command.one(group)?.one(id)?.arg(("ENTRIESREAD", entries_read))
    }

    /// What the server knows of a group's consumers.
    ///
    /// `XINFO CONSUMERS`, O(N), since 5.0.
    fn xinfo_consumers(key: impl ToArgs, group: impl ToArgs) -> Vec<ConsumerInfo> {
        let command = Command::known(&table::XINFO).arg("CONSUMERS");
        command.one(key)?.one(group)?
    }

    /// What the server knows of a stream's groups.
    ///
    /// `XINFO GROUPS`, O(N), since 5.0.
    fn xinfo_groups(key: impl ToArgs) -> Vec<GroupInfo> {
        Command::known(&table::XINFO).arg("GROUPS").one(key)?
    }
}
