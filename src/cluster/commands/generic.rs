//! Keys of any type, and when they expire.

use std::time::{Duration, SystemTime};

use tower::{BoxError, Service};

use super::expiry::Expiry;
use super::{ExpireIf, ExpireTime, Ttl};
use crate::cluster::Cluster;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{ConversionError, FromValue, Value};

/// # Keys of any type, and when they expire
///
/// See the [conventions](crate::cluster::commands) of all typed commands.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_redis_cluster::Error> {
/// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
/// # let cluster = fake.connect().await?;
/// use std::time::Duration;
/// use tower_redis_cluster::cluster::commands::Ttl;
///
/// cluster.set("session", "token").await?;
/// assert_eq!(cluster.ttl("session").await?, Ttl::Persistent);
///
/// assert!(cluster.expire("session", Duration::from_secs(60)).await?);
/// let remaining = cluster.ttl("session").await?.remaining();
/// assert!(remaining.is_some_and(|time| time <= Duration::from_secs(60)));
///
/// assert!(cluster.exists("session").await?);
/// assert_eq!(cluster.del("session").await?, 1);
/// # Ok(())
/// # }
/// ```
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Copies a key, unless the destination exists, and says whether it did. Both must be in one slot.
    ///
    /// `COPY`, O(N) by the elements, since 6.2.
    pub async fn copy(&self, source: impl ToArgs, destination: impl ToArgs) -> Result<bool, Error> {
        let command = Command::known(&table::COPY).one(source)?;
        self.query(command.one(destination)?).await
    }

    /// Copies a key in place of the destination; false if there is no such key. Both must be in one slot.
    ///
    /// `COPY .. REPLACE`, O(N) by the elements, since 6.2.
    pub async fn copy_replace(
        &self,
        source: impl ToArgs,
        destination: impl ToArgs,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::COPY).one(source)?.one(destination)?;
        self.query(command.arg("REPLACE")).await
    }

    /// Deletes a key, or several in one slot; gives how many there were.
    ///
    /// `DEL`, O(N) by the elements of all, since 1.0.
    pub async fn del(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::DEL).arg(keys)).await
    }

    /// Deletes a key, or several in one slot, and frees their memory in the background; gives how many there
    /// were.
    ///
    /// `UNLINK`, O(1) for each key, since 4.0.
    pub async fn unlink(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::UNLINK).arg(keys)).await
    }

    /// True if a key exists. Ask [`exists_count`](Cluster::exists_count) for several.
    ///
    /// `EXISTS`, O(1), since 1.0.
    pub async fn exists(&self, key: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::EXISTS).one(key)?).await
    }

    /// How many of these keys, which must be in one slot, exist. A key named twice counts twice.
    ///
    /// `EXISTS`, O(N), since 3.0.3.
    pub async fn exists_count(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::EXISTS).arg(keys)).await
    }

    /// Notes that a key, or several in one slot, were used; gives how many there are.
    ///
    /// `TOUCH`, O(N), since 3.2.1.
    pub async fn touch(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::TOUCH).arg(keys)).await
    }

    /// The type of a key.
    ///
    /// `TYPE`, O(1), since 1.0.
    pub async fn key_type(&self, key: impl ToArgs) -> Result<KeyType, Error> {
        self.query(Command::known(&table::TYPE).one(key)?).await
    }

    /// Gives a key another name in the same slot, in place of what has that name.
    ///
    /// `RENAME`, O(1), since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    pub async fn rename(&self, key: impl ToArgs, to: impl ToArgs) -> Result<(), Error> {
        self.query(Command::known(&table::RENAME).one(key)?.one(to)?)
            .await
    }

    /// Gives a key another name in the same slot, unless something has that name, and says whether it did.
    ///
    /// `RENAMENX`, O(1), since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    pub async fn renamenx(&self, key: impl ToArgs, to: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::RENAMENX).one(key)?.one(to)?)
            .await
    }

    /// Lets a key expire after this time; false if there is no such key.
    ///
    /// `PEXPIRE`, O(1), since 2.6.
    pub async fn expire(&self, key: impl ToArgs, ttl: Duration) -> Result<bool, Error> {
        let command = Command::known(&table::PEXPIRE).one(key)?;
        self.query(command.ttl(ttl)?).await
    }

    /// Lets a key expire after this time under a condition; false if it is not met, or there is no such key.
    ///
    /// `PEXPIRE`, O(1), since 7.0.
    pub async fn expire_with(
        &self,
        key: impl ToArgs,
        ttl: Duration,
        condition: ExpireIf,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::PEXPIRE).one(key)?.ttl(ttl)?;
        self.query(command.arg(condition)).await
    }

    /// Lets a key expire at this time; false if there is no such key. It is deleted at once if the time has
    /// passed.
    ///
    /// `PEXPIREAT`, O(1), since 2.6.
    pub async fn expire_at(&self, key: impl ToArgs, time: SystemTime) -> Result<bool, Error> {
        let command = Command::known(&table::PEXPIREAT).one(key)?;
        self.query(command.unix_time(time)?).await
    }

    /// Lets a key expire at this time under a condition; false if it is not met, or there is no such key.
    ///
    /// `PEXPIREAT`, O(1), since 7.0.
    pub async fn expire_at_with(
        &self,
        key: impl ToArgs,
        time: SystemTime,
        condition: ExpireIf,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::PEXPIREAT)
            .one(key)?
            .unix_time(time)?;
        self.query(command.arg(condition)).await
    }

    /// How much longer a key lives.
    ///
    /// `PTTL`, O(1), since 2.8.
    pub async fn ttl(&self, key: impl ToArgs) -> Result<Ttl, Error> {
        self.query(Command::known(&table::PTTL).one(key)?).await
    }

    /// When a key expires.
    ///
    /// `PEXPIRETIME`, O(1), since 7.0.
    pub async fn expire_time(&self, key: impl ToArgs) -> Result<ExpireTime, Error> {
        self.query(Command::known(&table::PEXPIRETIME).one(key)?)
            .await
    }

    /// Lets a key never expire; false if it would not have, or does not exist.
    ///
    /// `PERSIST`, O(1), since 2.2.
    pub async fn persist(&self, key: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::PERSIST).one(key)?).await
    }

    /// The value of a key in the servers' own form, for [`restore`](Cluster::restore).
    ///
    /// `DUMP`, O(N) by the elements, since 2.6.
    pub async fn dump<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::DUMP).one(key)?).await
    }

    /// Makes a key of what [`dump`](Cluster::dump) gave.
    ///
    /// `RESTORE`, O(N) by the elements, since 2.6; options since 5.0.
    ///
    /// # Errors
    ///
    /// Also if the key exists, unless it is to be [replaced](RestoreOptions::replaces).
    pub async fn restore(
        &self,
        key: impl ToArgs,
        dump: impl ToArgs,
        options: RestoreOptions,
    ) -> Result<(), Error> {
        let command = Command::known(&table::RESTORE).one(key)?;
        let command = match options.expiry {
            Some(Expiry::In(ttl)) => command.ttl(ttl)?.one(dump)?,
            Some(Expiry::At(time)) => command.unix_time(time)?.one(dump)?.arg("ABSTTL"),
            _ => command.arg(0).one(dump)?,
        };
        self.query(command.arg(options)).await
    }

    /// How a key is stored, such as `listpack`; `None` if there is no such key.
    ///
    /// `OBJECT ENCODING`, O(1), since 2.2.3.
    pub async fn object_encoding(&self, key: impl ToArgs) -> Result<Option<String>, Error> {
        let command = Command::known(&table::OBJECT).arg("ENCODING");
        self.query(command.one(key)?).await
    }

    /// How often a key was used, on a logarithmic scale up to 255; `None` if there is no such key.
    ///
    /// `OBJECT FREQ`, O(1), since 4.0.
    ///
    /// # Errors
    ///
    /// Also if the server's eviction policy is not one of the `lfu` ones.
    pub async fn object_freq(&self, key: impl ToArgs) -> Result<Option<u8>, Error> {
        let command = Command::known(&table::OBJECT).arg("FREQ");
        self.query(command.one(key)?).await
    }

    /// For how long a key was not used, in whole seconds; `None` if there is no such key.
    ///
    /// `OBJECT IDLETIME`, O(1), since 2.2.3.
    ///
    /// # Errors
    ///
    /// Also if the server's eviction policy is one of the `lfu` ones.
    pub async fn object_idletime(&self, key: impl ToArgs) -> Result<Option<Duration>, Error> {
        let command = Command::known(&table::OBJECT).arg("IDLETIME").one(key)?;
        let seconds: Option<u64> = self.query(command).await?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// How many references there are to the value of a key; `None` if there is no such key.
    ///
    /// `OBJECT REFCOUNT`, O(1), since 2.2.3.
    pub async fn object_refcount(&self, key: impl ToArgs) -> Result<Option<u64>, Error> {
        let command = Command::known(&table::OBJECT).arg("REFCOUNT");
        self.query(command.one(key)?).await
    }
}

/// The type of a key.
///
/// ```
/// use tower_redis_cluster::{FromValue, Value, cluster::commands::KeyType};
///
/// let reply = Value::SimpleString("zset".into());
/// assert_eq!(KeyType::from_value(reply)?, KeyType::SortedSet);
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// There is no such key.
    Missing,
    /// A string, or what is kept in one, such as a bitmap.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set, or what is kept in one, such as places on a map.
    SortedSet,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
    /// A type of a module.
    Other(String),
}

impl FromValue for KeyType {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let name = String::from_value(value)?;
        Ok(match name.as_str() {
            "none" => Self::Missing,
            "string" => Self::String,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" => Self::SortedSet,
            "hash" => Self::Hash,
            "stream" => Self::Stream,
            _ => Self::Other(name),
        })
    }
}

/// How a key is [restored](crate::Cluster::restore).
///
/// Of several expiries the last counts. As arguments they are the options alone; the time to live has its place
/// before the value, where [`restore`](crate::Cluster::restore) writes it.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::RestoreOptions, cmd};
///
/// let options = RestoreOptions::new().replaces().used_times(7);
/// let command = cmd("RESTORE").arg("key").arg(0).arg("dump").arg(options);
/// assert!(command.args().skip(4).eq(["REPLACE", "FREQ", "7"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    expiry: Option<Expiry>,
    is_replacing: bool,
    idle: Option<Duration>,
    frequency: Option<u8>,
}

impl RestoreOptions {
    /// Fails if the key exists; the key never expires.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key expires after this time, rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_in(mut self, ttl: Duration) -> Self {
        self.expiry = Some(Expiry::In(ttl));
        self
    }

    /// The key expires at this time (`ABSTTL`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// Replaces the key if it exists (`REPLACE`).
    #[must_use]
    pub fn replaces(mut self) -> Self {
        self.is_replacing = true;
        self
    }

    /// The key counts as not used for this long (`IDLETIME`), in whole seconds. The server takes either this or
    /// [`used_times`](Self::used_times).
    #[must_use]
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// The key counts as used that often (`FREQ`), on the scale of [`object_freq`](crate::Cluster::object_freq).
    #[must_use]
    pub fn used_times(mut self, frequency: u8) -> Self {
        self.frequency = Some(frequency);
        self
    }
}

impl ToArgs for RestoreOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.is_replacing.then_some("REPLACE").write_args(out);
        let idle = self.idle.map(|time| ("IDLETIME", time.as_secs()));
        idle.write_args(out);
        let frequency = self.frequency.map(|frequency| ("FREQ", frequency));
        frequency.write_args(out);
    }
}
