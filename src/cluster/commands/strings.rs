//! Strings and counters.

use super::lcs::LcsMatches;
use super::typed::commands;
use super::{GetEx, IfValue, IndexRange, LcsMatch, SetOptions};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Strings and counters
    ///
    /// See the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use std::time::Duration;
    /// use tower_redis_cluster::cluster::commands::SetOptions;
    ///
    /// cluster.set("user:1", "Ann").await?;
    /// let name: Option<String> = cluster.get("user:1").await?;
    /// assert_eq!(name.as_deref(), Some("Ann"));
    ///
    /// let visits = cluster.incr("visits").await?;
    /// assert_eq!(visits, 1);
    ///
    /// // A lock: only one can have it, and no longer than a minute.
    /// let lock = SetOptions::new().only_if_absent().expires_in(Duration::from_secs(60));
    /// assert!(cluster.set_with("lock", "mine", lock.clone()).await?);
    /// assert!(!cluster.set_with("lock", "yours", lock).await?);
    ///
    /// cluster.mset([("{u1}name", "Ann"), ("{u1}city", "Rome")]).await?;
    /// let values: Vec<Option<String>> = cluster.mget(["{u1}name", "{u1}age"]).await?;
    /// assert_eq!(values, [Some("Ann".to_owned()), None]);
    /// # Ok(())
    /// # }
    /// ```
    group "Strings and counters";

    /// The value of a key.
    ///
    /// `GET`, O(1), since 1.0.
    fn get<T>(key: impl ToArgs) -> T {
        Command::known(&table::GET).one(key)?
    }

    /// The value of a key, which is given a new time to live.
    ///
    /// `GETEX`, O(1), since 6.2.
    fn getex<T>(key: impl ToArgs, expiry: impl Into<GetEx>) -> T {
        let expiry = expiry.into();
        let command = Command::known(&table::GETEX)
            .one(key)?
            .checked(Some(expiry.into()))?;
        command.arg(expiry)
    }

    /// The value of a key, which is deleted.
    ///
    /// `GETDEL`, O(1), since 6.2.
    fn getdel<T>(key: impl ToArgs) -> T {
        Command::known(&table::GETDEL).one(key)?
    }

    /// Sets the value of a key, of whatever type it was, and gives what it was.
    ///
    /// `SET .. GET`, O(1), since 6.2.
    fn getset<T>(key: impl ToArgs, value: impl ToArgs) -> T {
        Command::known(&table::SET).one(key)?.one(value)?.arg("GET")
    }

    /// Sets the value of a key with options, and gives what it was, whether or not the condition was met.
    ///
    /// `SET .. GET`, O(1), since 6.2; with [`only_if_absent`](SetOptions::only_if_absent) since 7.0.
    fn getset_with<T>(key: impl ToArgs, value: impl ToArgs, options: SetOptions) -> T {
        let command = Command::known(&table::SET).one(key)?.one(value)?;
        let command = command.checked(options.expiry)?;
        command.arg(options).arg("GET")
    }

    /// Sets the value of a key, of whatever type it was. It will not expire.
    ///
    /// `SET`, O(1), since 1.0.
    fn set(key: impl ToArgs, value: impl ToArgs) -> () {
        Command::known(&table::SET).one(key)?.one(value)?
    }

    /// Sets the value of a key with options, and says whether it was set: false if the condition was not met.
    ///
    /// `SET`, O(1), since 1.0; expiry at a point of time since 6.2.
    fn set_with(key: impl ToArgs, value: impl ToArgs, options: SetOptions) -> bool {
        let command = Command::known(&table::SET).one(key)?.one(value)?;
        let command = command.checked(options.expiry)?;
        command.arg(options)
    }

    /// The values of several keys, in the order asked for. In several slots, they are not of one moment; see
    /// [`scatter`](crate::scatter).
    ///
    /// `MGET`, O(N), since 1.0.
    fn mget<T>(keys: impl ToArgs) -> T {
        Command::known(&table::MGET).arg(keys)
    }

    /// Sets several keys: at once if they are in one slot, otherwise slot by slot, and a failure tells which are set; see
    /// [`scatter`](crate::scatter).
    ///
    /// `MSET`, O(N), since 1.0.
    fn mset(pairs: impl ToArgs) -> () {
        Command::known(&table::MSET).arg(pairs)
    }

    /// Sets several keys, which must be in one slot, if none of them exists; and says whether it did.
    ///
    /// `MSETNX`, O(N), since 1.0.
    fn msetnx(pairs: impl ToArgs) -> bool {
        Command::known(&table::MSETNX).arg(pairs)
    }

    /// Sets several keys with options, and says whether it did. With a condition it is all or none of them, which must be
    /// in one slot then; without, it is as [`mset`](Self::mset).
    ///
    /// `MSETEX`, O(N), since Redis 8.4 and Valkey 9.1.
    fn msetex(pairs: impl ToArgs, options: SetOptions) -> bool {
        let command = Command::known(&table::MSETEX).checked(options.expiry)?;
        command.counted_pairs(pairs)?.arg(options)
    }

    /// Adds 1 to the number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCR`, O(1), since 1.0.
    fn incr(key: impl ToArgs) -> i64 {
        Command::known(&table::INCR).one(key)?
    }

    /// Adds to the number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCRBY`, O(1), since 1.0.
    fn incrby(key: impl ToArgs, by: i64) -> i64 {
        Command::known(&table::INCRBY).one(key)?.arg(by)
    }

    /// Adds to the floating point number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCRBYFLOAT`, O(1), since 2.6.
    fn incrbyfloat(key: impl ToArgs, by: f64) -> f64 {
        Command::known(&table::INCRBYFLOAT).one(key)?.number(by)?
    }

    /// Takes 1 from the number of a key, which is 0 if the key does not exist; gives the difference.
    ///
    /// `DECR`, O(1), since 1.0.
    fn decr(key: impl ToArgs) -> i64 {
        Command::known(&table::DECR).one(key)?
    }

    /// Takes from the number of a key, which is 0 if the key does not exist; gives the difference.
    ///
    /// `DECRBY`, O(1), since 1.0.
    fn decrby(key: impl ToArgs, by: i64) -> i64 {
        Command::known(&table::DECRBY).one(key)?.arg(by)
    }

    /// Appends to the string of a key; gives its length in bytes.
    ///
    /// `APPEND`, O(1), since 2.0.
    fn append(key: impl ToArgs, value: impl ToArgs) -> u64 {
        Command::known(&table::APPEND).one(key)?.one(value)?
    }

    /// The length of a key's string in bytes, 0 if there is none.
    ///
    /// `STRLEN`, O(1), since 2.2.
    fn strlen(key: impl ToArgs) -> u64 {
        Command::known(&table::STRLEN).one(key)?
    }

    /// A part of a key's string, by bytes; empty if there is none. As in all [ranges](IndexRange),
    /// negative numbers count from the end: `-3..` is the last three bytes.
    ///
    /// `GETRANGE`, O(N) by the bytes given, since 2.4.
    fn getrange<T>(key: impl ToArgs, range: impl Into<IndexRange>) -> T {
        let command = Command::known(&table::GETRANGE).one(key)?;
        command.arg(range.into())
    }

    /// Writes over a part of a key's string, from this byte on; gives its length. Bytes that were not there
    /// before are zero.
    ///
    /// `SETRANGE`, O(1) for short values, since 2.2.
    fn setrange(key: impl ToArgs, offset: u64, value: impl ToArgs) -> u64 {
        let command = Command::known(&table::SETRANGE).one(key)?;
        command.arg(offset).one(value)?
    }

    /// The longest common subsequence of two keys' strings. The keys must be in one slot.
    ///
    /// `LCS`, O(N*M) by the lengths, since 7.0.
    fn lcs<T>(key: impl ToArgs, other: impl ToArgs) -> T {
        Command::known(&table::LCS).one(key)?.one(other)?
    }

    /// The length in bytes of the longest common subsequence of two keys' strings. The keys must be in one slot.
    ///
    /// `LCS .. LEN`, O(N*M) by the lengths, since 7.0.
    fn lcs_len(key: impl ToArgs, other: impl ToArgs) -> u64 {
        let command = Command::known(&table::LCS).one(key)?.one(other)?;
        command.arg("LEN")
    }

    /// Where the longest common subsequence of two keys' strings is in either, as runs of at least so many bytes, the
    /// last first. The keys must be in one slot.
    ///
    /// `LCS .. IDX`, O(N*M) by the lengths, since 7.0.
    fn lcs_idx(key: impl ToArgs, other: impl ToArgs, min_len: u64) -> Vec<LcsMatch> {
        let command = Command::known(&table::LCS).one(key)?.one(other)?;
        command.arg(("IDX", "MINMATCHLEN", min_len))
    }
    from |reply: LcsMatches| reply.0;

    /// Deletes a key if it has this value, and says whether it did.
    ///
    /// `DELIFEQ`, O(1), since Valkey 9.0; Redis has [`delex`](Self::delex).
    fn delifeq(key: impl ToArgs, value: impl ToArgs) -> bool {
        Command::known(&table::DELIFEQ).one(key)?.one(value)?
    }

    /// Deletes a key if its value is what is said, and says whether it did.
    ///
    /// `DELEX`, O(1), or O(N) by the length of the value for digests, since Redis 8.4; Valkey has
    /// [`delifeq`](Self::delifeq).
    fn delex(key: impl ToArgs, condition: IfValue) -> bool {
        Command::known(&table::DELEX).one(key)?.arg(condition)
    }

    /// The hash digest of a key's string, in hexadecimal; `None` if there is no such key.
    ///
    /// `DIGEST`, O(N) by the length of the value, since Redis 8.4.
    fn digest(key: impl ToArgs) -> Option<String> {
        Command::known(&table::DIGEST).one(key)?
    }
}
