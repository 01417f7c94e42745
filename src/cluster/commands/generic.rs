//! Keys of any type, and when they expire.

use std::time::{Duration, SystemTime};

use super::expiry::Expiry;
use super::typed::commands;
use super::{ExpireIf, ExpireTime, Ttl};
use crate::command::{ArgWriter, Command, ToArgs, generated as table};
use crate::value::{ConversionError, FromValue, Value};

commands! {
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
    group "Keys of any type, and when they expire";

    /// Copies a key, unless the destination exists, and says whether it did. Both must be in one slot.
    ///
    /// `COPY`, O(N) by the elements, since 6.2.
    fn copy(source: impl ToArgs, destination: impl ToArgs) -> bool {
        let command = Command::known(&table::COPY).one(source)?;
        command.one(destination)?
    }

    /// Copies a key in place of the destination; false if there is no such key. Both must be in one slot.
    ///
    /// `COPY .. REPLACE`, O(N) by the elements, since 6.2.
    fn copy_replace(source: impl ToArgs, destination: impl ToArgs) -> bool {
        let command = Command::known(&table::COPY).one(source)?.one(destination)?;
        command.arg("REPLACE")
    }

    /// Deletes a key or several, slot by slot; gives how many there were.
    ///
    /// `DEL`, O(N) by the elements of all, since 1.0.
    fn del(keys: impl ToArgs) -> u64 {
        Command::known(&table::DEL).arg(keys)
    }

    /// Deletes a key or several, slot by slot, and frees their memory in the background; gives how many there were.
    ///
    /// `UNLINK`, O(1) for each key, since 4.0.
    fn unlink(keys: impl ToArgs) -> u64 {
        Command::known(&table::UNLINK).arg(keys)
    }

    /// True if a key exists. Ask [`exists_count`](Self::exists_count) for several.
    ///
    /// `EXISTS`, O(1), since 1.0.
    fn exists(key: impl ToArgs) -> bool {
        Command::known(&table::EXISTS).one(key)?
    }

    /// How many of these keys exist. A key named twice counts twice.
    ///
    /// `EXISTS`, O(N), since 3.0.3.
    fn exists_count(keys: impl ToArgs) -> u64 {
        Command::known(&table::EXISTS).arg(keys)
    }

    /// Notes that a key or several were used; gives how many there are.
    ///
    /// `TOUCH`, O(N), since 3.2.1.
    fn touch(keys: impl ToArgs) -> u64 {
        Command::known(&table::TOUCH).arg(keys)
    }

    /// The type of a key.
    ///
    /// `TYPE`, O(1), since 1.0.
    fn key_type(key: impl ToArgs) -> KeyType {
        Command::known(&table::TYPE).one(key)?
    }

    /// Gives a key another name in the same slot, in place of what has that name.
    ///
    /// `RENAME`, O(1), since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    fn rename(key: impl ToArgs, to: impl ToArgs) -> () {
        Command::known(&table::RENAME).one(key)?.one(to)?
    }

    /// Gives a key another name in the same slot, unless something has that name, and says whether it did.
    ///
    /// `RENAMENX`, O(1), since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    fn renamenx(key: impl ToArgs, to: impl ToArgs) -> bool {
        Command::known(&table::RENAMENX).one(key)?.one(to)?
    }

    /// Lets a key expire after this time; false if there is no such key.
    ///
    /// `PEXPIRE`, O(1), since 2.6.
    fn expire(key: impl ToArgs, ttl: Duration) -> bool {
        let command = Command::known(&table::PEXPIRE).one(key)?;
        command.ttl(ttl)?
    }

    /// Lets a key expire after this time under a condition; false if it is not met, or there is no such key.
    ///
    /// `PEXPIRE`, O(1), since 7.0.
    fn expire_with(key: impl ToArgs, ttl: Duration, condition: ExpireIf) -> bool {
        let command = Command::known(&table::PEXPIRE).one(key)?.ttl(ttl)?;
        command.arg(condition)
    }

    /// Lets a key expire at this time; false if there is no such key. It is deleted at once if the time has
    /// passed.
    ///
    /// `PEXPIREAT`, O(1), since 2.6.
    fn expire_at(key: impl ToArgs, time: SystemTime) -> bool {
        let command = Command::known(&table::PEXPIREAT).one(key)?;
        command.unix_time(time)?
    }

    /// Lets a key expire at this time under a condition; false if it is not met, or there is no such key.
    ///
    /// `PEXPIREAT`, O(1), since 7.0.
    fn expire_at_with(key: impl ToArgs, time: SystemTime, condition: ExpireIf) -> bool {
        let command = Command::known(&table::PEXPIREAT)
            .one(key)?
            .unix_time(time)?;
        command.arg(condition)
    }

    /// How much longer a key lives.
    ///
    /// `PTTL`, O(1), since 2.8.
    fn ttl(key: impl ToArgs) -> Ttl {
        Command::known(&table::PTTL).one(key)?
    }

    /// When a key expires.
    ///
    /// `PEXPIRETIME`, O(1), since 7.0.
    fn expire_time(key: impl ToArgs) -> ExpireTime {
        Command::known(&table::PEXPIRETIME).one(key)?
    }

    /// Lets a key never expire; false if it would not have, or does not exist.
    ///
    /// `PERSIST`, O(1), since 2.2.
    fn persist(key: impl ToArgs) -> bool {
        Command::known(&table::PERSIST).one(key)?
    }

    /// The value of a key in the servers' own form, for [`restore`](Self::restore).
    ///
    /// `DUMP`, O(N) by the elements, since 2.6.
    fn dump<T>(key: impl ToArgs) -> T {
        Command::known(&table::DUMP).one(key)?
    }

    /// Makes a key of what [`dump`](Self::dump) gave.
    ///
    /// `RESTORE`, O(N) by the elements, since 2.6; options since 5.0.
    ///
    /// # Errors
    ///
    /// Also if the key exists, unless it is to be [replaced](RestoreOptions::replaces).
    fn restore(key: impl ToArgs, dump: impl ToArgs, options: RestoreOptions) -> () {
        let command = Command::known(&table::RESTORE).one(key)?;
        let command = match options.expiry {
            Some(Expiry::In(ttl)) => command.ttl(ttl)?.one(dump)?,
            Some(Expiry::At(time)) => command.unix_time(time)?.one(dump)?.arg("ABSTTL"),
            _ => command.arg(0).one(dump)?,
        };
        command.arg(options)
    }

    /// How a key is stored, such as `listpack`; `None` if there is no such key.
    ///
    /// `OBJECT ENCODING`, O(1), since 2.2.3.
    fn object_encoding(key: impl ToArgs) -> Option<String> {
        let command = Command::known(&table::OBJECT).arg("ENCODING");
        command.one(key)?
    }

    /// How often a key was used, on a logarithmic scale up to 255; `None` if there is no such key.
    ///
    /// `OBJECT FREQ`, O(1), since 4.0.
    ///
    /// # Errors
    ///
    /// Also if the server's eviction policy is not one of the `lfu` ones.
    fn object_freq(key: impl ToArgs) -> Option<u8> {
        let command = Command::known(&table::OBJECT).arg("FREQ");
        command.one(key)?
    }

    /// For how long a key was not used, in whole seconds; `None` if there is no such key.
    ///
    /// `OBJECT IDLETIME`, O(1), since 2.2.3.
    ///
    /// # Errors
    ///
    /// Also if the server's eviction policy is one of the `lfu` ones.
    fn object_idletime(key: impl ToArgs) -> Option<Duration> {
        Command::known(&table::OBJECT).arg("IDLETIME").one(key)?
    }
    from |seconds: Option<u64>| seconds.map(Duration::from_secs);

    /// How many references there are to the value of a key; `None` if there is no such key.
    ///
    /// `OBJECT REFCOUNT`, O(1), since 2.2.3.
    fn object_refcount(key: impl ToArgs) -> Option<u64> {
        let command = Command::known(&table::OBJECT).arg("REFCOUNT");
        command.one(key)?
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
