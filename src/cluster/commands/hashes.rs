//! Hashes.

use super::typed::commands;
use super::{ScanOptions, ScanPage};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Hashes
    ///
    /// See the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use std::collections::HashMap;
    ///
    /// cluster.hset("user:1", [("name", "Ann"), ("city", "Rome")]).await?;
    /// cluster.hset("user:1", ("age", 30)).await?;
    ///
    /// let age: Option<u32> = cluster.hget("user:1", "age").await?;
    /// assert_eq!(age, Some(30));
    /// assert_eq!(cluster.hincrby("user:1", "age", 1).await?, 31);
    ///
    /// let user: HashMap<String, String> = cluster.hgetall("user:1").await?;
    /// assert_eq!(user["city"], "Rome");
    /// # Ok(())
    /// # }
    /// ```
    group "Hashes";

    /// Deletes a field, or several; gives how many there were.
    ///
    /// `HDEL`, O(N), since 2.0.
    fn hdel(key: impl ToArgs, fields: impl ToArgs) -> u64 {
        Command::known(&table::HDEL).one(key)?.arg(fields)
    }

    /// True if a field exists.
    ///
    /// `HEXISTS`, O(1), since 2.0.
    fn hexists(key: impl ToArgs, field: impl ToArgs) -> bool {
        Command::known(&table::HEXISTS).one(key)?.one(field)?
    }

    /// The value of a field.
    ///
    /// `HGET`, O(1), since 2.0.
    fn hget<T>(key: impl ToArgs, field: impl ToArgs) -> T {
        Command::known(&table::HGET).one(key)?.one(field)?
    }

    /// All fields with their values; none if there is no such key.
    ///
    /// `HGETALL`, O(N), since 2.0.
    fn hgetall<T>(key: impl ToArgs) -> T {
        Command::known(&table::HGETALL).one(key)?
    }

    /// Adds to the number of a field, which is 0 if the field does not exist; gives the sum.
    ///
    /// `HINCRBY`, O(1), since 2.0.
    fn hincrby(key: impl ToArgs, field: impl ToArgs, by: i64) -> i64 {
        let command = Command::known(&table::HINCRBY).one(key)?;
        command.one(field)?.arg(by)
    }

    /// Adds to the floating point number of a field, which is 0 if the field does not exist; gives the sum.
    ///
    /// `HINCRBYFLOAT`, O(1), since 2.6.
    fn hincrbyfloat(key: impl ToArgs, field: impl ToArgs, by: f64) -> f64 {
        let command = Command::known(&table::HINCRBYFLOAT).one(key)?;
        command.one(field)?.number(by)?
    }

    /// All fields.
    ///
    /// `HKEYS`, O(N), since 2.0.
    fn hkeys<T>(key: impl ToArgs) -> T {
        Command::known(&table::HKEYS).one(key)?
    }

    /// How many fields there are.
    ///
    /// `HLEN`, O(1), since 2.0.
    fn hlen(key: impl ToArgs) -> u64 {
        Command::known(&table::HLEN).one(key)?
    }

    /// The values of several fields, in the order asked for.
    ///
    /// `HMGET`, O(N), since 2.0.
    fn hmget<T>(key: impl ToArgs, fields: impl ToArgs) -> T {
        Command::known(&table::HMGET).one(key)?.arg(fields)
    }

    /// A random field.
    ///
    /// `HRANDFIELD`, O(1), since 6.2.
    fn hrandfield<T>(key: impl ToArgs) -> T {
        Command::known(&table::HRANDFIELD).one(key)?
    }

    /// So many different random fields, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `HRANDFIELD`, O(N) by the fields given, since 6.2.
    fn hrandfield_count<T>(key: impl ToArgs, count: i64) -> T {
        Command::known(&table::HRANDFIELD).one(key)?.arg(count)
    }

    /// As [`hrandfield_count`](Self::hrandfield_count), with their values.
    ///
    /// `HRANDFIELD .. WITHVALUES`, O(N) by the fields given, since 6.2.
    fn hrandfield_withvalues<T>(key: impl ToArgs, count: i64) -> T {
        let command = Command::known(&table::HRANDFIELD).one(key)?;
        command.arg(count).arg("WITHVALUES")
    }

    /// Some of the fields with their values, from this cursor on; 0 begins.
    ///
    /// `HSCAN`, O(1) for each call, since 2.8.
    fn hscan<T>(key: impl ToArgs, cursor: u64, options: ScanOptions) -> ScanPage<T> {
        let command = Command::known(&table::HSCAN).one(key)?;
        command.arg(cursor).arg(options)
    }

    /// Some of the fields, from this cursor on; 0 begins.
    ///
    /// `HSCAN .. NOVALUES`, O(1) for each call, since Redis 7.4 and Valkey 8.0.
    fn hscan_novalues<T>(key: impl ToArgs, cursor: u64, options: ScanOptions) -> ScanPage<T> {
        let command = Command::known(&table::HSCAN).one(key)?.arg(cursor);
        command.arg(options).arg("NOVALUES")
    }

    /// Sets a field, or several: a pair, or a list or map of pairs. Gives how many there were not before.
    ///
    /// `HSET`, O(N), since 2.0; several fields since 4.0.
    fn hset(key: impl ToArgs, fields: impl ToArgs) -> u64 {
        Command::known(&table::HSET).one(key)?.arg(fields)
    }

    /// Sets a field unless it exists, and says whether it did.
    ///
    /// `HSETNX`, O(1), since 2.0.
    fn hsetnx(key: impl ToArgs, field: impl ToArgs, value: impl ToArgs) -> bool {
        let command = Command::known(&table::HSETNX).one(key)?;
        command.one(field)?.one(value)?
    }

    /// The length of a field's value in bytes, 0 if there is none.
    ///
    /// `HSTRLEN`, O(1), since 3.2.
    fn hstrlen(key: impl ToArgs, field: impl ToArgs) -> u64 {
        Command::known(&table::HSTRLEN).one(key)?.one(field)?
    }

    /// All values.
    ///
    /// `HVALS`, O(N), since 2.0.
    fn hvals<T>(key: impl ToArgs) -> T {
        Command::known(&table::HVALS).one(key)?
    }
}
