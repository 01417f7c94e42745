//! Strings and counters.

use tower::{BoxError, Service};

use super::{GetEx, IfValue, IndexRange, SetOptions};
use crate::cluster::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

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
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// The value of a key.
    ///
    /// `GET`, O(1), since 1.0.
    pub async fn get<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::GET).one(key)?).await
    }

    /// The value of a key, which is given a new time to live.
    ///
    /// `GETEX`, O(1), since 6.2.
    pub async fn getex<T: FromValue>(
        &self,
        key: impl ToArgs,
        expiry: impl Into<GetEx>,
    ) -> Result<T, Error> {
        let expiry = expiry.into();
        let command = Command::known(&table::GETEX)
            .one(key)?
            .checked(Some(expiry.into()))?;
        self.query(command.arg(expiry)).await
    }

    /// The value of a key, which is deleted.
    ///
    /// `GETDEL`, O(1), since 6.2.
    pub async fn getdel<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::GETDEL).one(key)?).await
    }

    /// Sets the value of a key, of whatever type it was, and gives what it was.
    ///
    /// `SET .. GET`, O(1), since 6.2.
    pub async fn getset<T: FromValue>(
        &self,
        key: impl ToArgs,
        value: impl ToArgs,
    ) -> Result<T, Error> {
        self.getset_with(key, value, SetOptions::new()).await
    }

    /// Sets the value of a key with options, and gives what it was, whether or not the condition was met.
    ///
    /// `SET .. GET`, O(1), since 6.2; with [`only_if_absent`](SetOptions::only_if_absent) since 7.0.
    pub async fn getset_with<T: FromValue>(
        &self,
        key: impl ToArgs,
        value: impl ToArgs,
        options: SetOptions,
    ) -> Result<T, Error> {
        let command = Command::known(&table::SET).one(key)?.one(value)?;
        let command = command.checked(options.expiry)?;
        self.query(command.arg(options).arg("GET")).await
    }

    /// Sets the value of a key, of whatever type it was. It will not expire.
    ///
    /// `SET`, O(1), since 1.0.
    pub async fn set(&self, key: impl ToArgs, value: impl ToArgs) -> Result<(), Error> {
        self.query(Command::known(&table::SET).one(key)?.one(value)?)
            .await
    }

    /// Sets the value of a key with options, and says whether it was set: false if the condition was not met.
    ///
    /// `SET`, O(1), since 1.0; expiry at a point of time since 6.2.
    pub async fn set_with(
        &self,
        key: impl ToArgs,
        value: impl ToArgs,
        options: SetOptions,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::SET).one(key)?.one(value)?;
        let command = command.checked(options.expiry)?;
        self.query(command.arg(options)).await
    }

    /// The values of several keys, which must be in one slot, in the order asked for.
    ///
    /// `MGET`, O(N), since 1.0.
    pub async fn mget<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::MGET).arg(keys)).await
    }

    /// Sets several keys, which must be in one slot, at once.
    ///
    /// `MSET`, O(N), since 1.0.
    pub async fn mset(&self, pairs: impl ToArgs) -> Result<(), Error> {
        self.query(Command::known(&table::MSET).arg(pairs)).await
    }

    /// Sets several keys, which must be in one slot, if none of them exists; and says whether it did.
    ///
    /// `MSETNX`, O(N), since 1.0.
    pub async fn msetnx(&self, pairs: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::MSETNX).arg(pairs)).await
    }

    /// Sets several keys, which must be in one slot, with options; and says whether it did: all or none.
    ///
    /// `MSETEX`, O(N), since Redis 8.4 and Valkey 9.1.
    pub async fn msetex(&self, pairs: impl ToArgs, options: SetOptions) -> Result<bool, Error> {
        let command = Command::known(&table::MSETEX).checked(options.expiry)?;
        self.query(command.counted_pairs(pairs)?.arg(options)).await
    }

    /// Adds 1 to the number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCR`, O(1), since 1.0.
    pub async fn incr(&self, key: impl ToArgs) -> Result<i64, Error> {
        self.query(Command::known(&table::INCR).one(key)?).await
    }

    /// Adds to the number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCRBY`, O(1), since 1.0.
    pub async fn incrby(&self, key: impl ToArgs, by: i64) -> Result<i64, Error> {
        self.query(Command::known(&table::INCRBY).one(key)?.arg(by))
            .await
    }

    /// Adds to the floating point number of a key, which is 0 if the key does not exist; gives the sum.
    ///
    /// `INCRBYFLOAT`, O(1), since 2.6.
    pub async fn incrbyfloat(&self, key: impl ToArgs, by: f64) -> Result<f64, Error> {
        self.query(Command::known(&table::INCRBYFLOAT).one(key)?.arg(by))
            .await
    }

    /// Takes 1 from the number of a key, which is 0 if the key does not exist; gives the difference.
    ///
    /// `DECR`, O(1), since 1.0.
    pub async fn decr(&self, key: impl ToArgs) -> Result<i64, Error> {
        self.query(Command::known(&table::DECR).one(key)?).await
    }

    /// Takes from the number of a key, which is 0 if the key does not exist; gives the difference.
    ///
    /// `DECRBY`, O(1), since 1.0.
    pub async fn decrby(&self, key: impl ToArgs, by: i64) -> Result<i64, Error> {
        self.query(Command::known(&table::DECRBY).one(key)?.arg(by))
            .await
    }

    /// Appends to the string of a key; gives its length in bytes.
    ///
    /// `APPEND`, O(1), since 2.0.
    pub async fn append(&self, key: impl ToArgs, value: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::APPEND).one(key)?.one(value)?)
            .await
    }

    /// The length of a key's string in bytes, 0 if there is none.
    ///
    /// `STRLEN`, O(1), since 2.2.
    pub async fn strlen(&self, key: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::STRLEN).one(key)?).await
    }

    /// A part of a key's string, by bytes; empty if there is none. As in all [ranges](IndexRange),
    /// negative numbers count from the end: `-3..` is the last three bytes.
    ///
    /// `GETRANGE`, O(N) by the bytes given, since 2.4.
    pub async fn getrange<T: FromValue>(
        &self,
        key: impl ToArgs,
        range: impl Into<IndexRange>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::GETRANGE).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Writes over a part of a key's string, from this byte on; gives its length. Bytes that were not there
    /// before are zero.
    ///
    /// `SETRANGE`, O(1) for short values, since 2.2.
    pub async fn setrange(
        &self,
        key: impl ToArgs,
        offset: u64,
        value: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::SETRANGE).one(key)?;
        self.query(command.arg(offset).one(value)?).await
    }

    /// The longest common subsequence of two keys' strings. The keys must be in one slot.
    ///
    /// `LCS`, O(N*M) by the lengths, since 7.0.
    pub async fn lcs<T: FromValue>(
        &self,
        key: impl ToArgs,
        other: impl ToArgs,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::LCS).one(key)?.one(other)?)
            .await
    }

    /// The length in bytes of the longest common subsequence of two keys' strings. The keys must be in one slot.
    ///
    /// `LCS .. LEN`, O(N*M) by the lengths, since 7.0.
    pub async fn lcs_len(&self, key: impl ToArgs, other: impl ToArgs) -> Result<u64, Error> {
        let command = Command::known(&table::LCS).one(key)?.one(other)?;
        self.query(command.arg("LEN")).await
    }

    /// Deletes a key if it has this value, and says whether it did.
    ///
    /// `DELIFEQ`, O(1), since Valkey 9.0; Redis has [`delex`](Cluster::delex).
    pub async fn delifeq(&self, key: impl ToArgs, value: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::DELIFEQ).one(key)?.one(value)?)
            .await
    }

    /// Deletes a key if its value is what is said, and says whether it did.
    ///
    /// `DELEX`, O(1), or O(N) by the length of the value for digests, since Redis 8.4; Valkey has
    /// [`delifeq`](Cluster::delifeq).
    pub async fn delex(&self, key: impl ToArgs, condition: IfValue) -> Result<bool, Error> {
        self.query(Command::known(&table::DELEX).one(key)?.arg(condition))
            .await
    }

    /// The hash digest of a key's string, in hexadecimal; `None` if there is no such key.
    ///
    /// `DIGEST`, O(N) by the length of the value, since Redis 8.4.
    pub async fn digest(&self, key: impl ToArgs) -> Result<Option<String>, Error> {
        self.query(Command::known(&table::DIGEST).one(key)?).await
    }
}
