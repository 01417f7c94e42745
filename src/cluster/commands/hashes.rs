//! Hashes.

use tower::{BoxError, Service};

use super::{ScanOptions, ScanPage};
use crate::cluster::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

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
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Deletes a field, or several; gives how many there were.
    ///
    /// `HDEL`, O(N), since 2.0.
    pub async fn hdel(&self, key: impl ToArgs, fields: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::HDEL).one(key)?.arg(fields))
            .await
    }

    /// True if a field exists.
    ///
    /// `HEXISTS`, O(1), since 2.0.
    pub async fn hexists(&self, key: impl ToArgs, field: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::HEXISTS).one(key)?.one(field)?)
            .await
    }

    /// The value of a field.
    ///
    /// `HGET`, O(1), since 2.0.
    pub async fn hget<T: FromValue>(
        &self,
        key: impl ToArgs,
        field: impl ToArgs,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::HGET).one(key)?.one(field)?)
            .await
    }

    /// All fields with their values; none if there is no such key.
    ///
    /// `HGETALL`, O(N), since 2.0.
    pub async fn hgetall<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::HGETALL).one(key)?).await
    }

    /// Adds to the number of a field, which is 0 if the field does not exist; gives the sum.
    ///
    /// `HINCRBY`, O(1), since 2.0.
    pub async fn hincrby(
        &self,
        key: impl ToArgs,
        field: impl ToArgs,
        by: i64,
    ) -> Result<i64, Error> {
        let command = Command::known(&table::HINCRBY).one(key)?;
        self.query(command.one(field)?.arg(by)).await
    }

    /// Adds to the floating point number of a field, which is 0 if the field does not exist; gives the sum.
    ///
    /// `HINCRBYFLOAT`, O(1), since 2.6.
    pub async fn hincrbyfloat(
        &self,
        key: impl ToArgs,
        field: impl ToArgs,
        by: f64,
    ) -> Result<f64, Error> {
        let command = Command::known(&table::HINCRBYFLOAT).one(key)?;
        self.query(command.one(field)?.arg(by)).await
    }

    /// All fields.
    ///
    /// `HKEYS`, O(N), since 2.0.
    pub async fn hkeys<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::HKEYS).one(key)?).await
    }

    /// How many fields there are.
    ///
    /// `HLEN`, O(1), since 2.0.
    pub async fn hlen(&self, key: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::HLEN).one(key)?).await
    }

    /// The values of several fields, in the order asked for.
    ///
    /// `HMGET`, O(N), since 2.0.
    pub async fn hmget<T: FromValue>(
        &self,
        key: impl ToArgs,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::HMGET).one(key)?.arg(fields))
            .await
    }

    /// A random field.
    ///
    /// `HRANDFIELD`, O(1), since 6.2.
    pub async fn hrandfield<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::HRANDFIELD).one(key)?)
            .await
    }

    /// So many different random fields, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `HRANDFIELD`, O(N) by the fields given, since 6.2.
    pub async fn hrandfield_count<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: i64,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::HRANDFIELD).one(key)?.arg(count))
            .await
    }

    /// As [`hrandfield_count`](Cluster::hrandfield_count), with their values.
    ///
    /// `HRANDFIELD .. WITHVALUES`, O(N) by the fields given, since 6.2.
    pub async fn hrandfield_withvalues<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: i64,
    ) -> Result<T, Error> {
        let command = Command::known(&table::HRANDFIELD).one(key)?;
        self.query(command.arg(count).arg("WITHVALUES")).await
    }

    /// Some of the fields with their values, from this cursor on; 0 begins.
    ///
    /// `HSCAN`, O(1) for each call, since 2.8.
    pub async fn hscan<T: FromValue>(
        &self,
        key: impl ToArgs,
        cursor: u64,
        options: ScanOptions,
    ) -> Result<ScanPage<T>, Error> {
        let command = Command::known(&table::HSCAN).one(key)?;
        self.query(command.arg(cursor).arg(options)).await
    }

    /// Some of the fields, from this cursor on; 0 begins.
    ///
    /// `HSCAN .. NOVALUES`, O(1) for each call, since Redis 7.4 and Valkey 8.0.
    pub async fn hscan_novalues<T: FromValue>(
        &self,
        key: impl ToArgs,
        cursor: u64,
        options: ScanOptions,
    ) -> Result<ScanPage<T>, Error> {
        let command = Command::known(&table::HSCAN).one(key)?.arg(cursor);
        self.query(command.arg(options).arg("NOVALUES")).await
    }

    /// Sets a field, or several: a pair, or a list or map of pairs. Gives how many there were not before.
    ///
    /// `HSET`, O(N), since 2.0; several fields since 4.0.
    pub async fn hset(&self, key: impl ToArgs, fields: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::HSET).one(key)?.arg(fields))
            .await
    }

    /// Sets a field unless it exists, and says whether it did.
    ///
    /// `HSETNX`, O(1), since 2.0.
    pub async fn hsetnx(
        &self,
        key: impl ToArgs,
        field: impl ToArgs,
        value: impl ToArgs,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::HSETNX).one(key)?;
        self.query(command.one(field)?.one(value)?).await
    }

    /// The length of a field's value in bytes, 0 if there is none.
    ///
    /// `HSTRLEN`, O(1), since 3.2.
    pub async fn hstrlen(&self, key: impl ToArgs, field: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::HSTRLEN).one(key)?.one(field)?)
            .await
    }

    /// All values.
    ///
    /// `HVALS`, O(N), since 2.0.
    pub async fn hvals<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::HVALS).one(key)?).await
    }
}
