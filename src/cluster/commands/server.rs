//! The whole keyspace, and the servers themselves.

use std::time::{Duration, SystemTime};

use super::typed::commands;
use crate::command::{Command, Slot, Target, ToArgs, generated as table};
use crate::value::{ConversionError, FromValue, Value};

commands! {
    /// # The keyspace and the servers
    ///
    /// What concerns all keys is asked of all primaries by the
    /// stack's layers; over a stack of your own without them it is refused. See the
    /// [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use tower_redis_cluster::Slot;
    ///
    /// println!("{} keys", cluster.dbsize().await?);
    /// let slot = Slot::of("user:1");
    /// let beside: Vec<String> = cluster.cluster_getkeysinslot(slot, 10).await?;
    /// println!("in the slot of user:1, among others: {beside:?}");
    /// # Ok(())
    /// # }
    /// ```
    group "The keyspace and the servers";

    /// How many keys of a slot there are.
    ///
    /// `CLUSTER COUNTKEYSINSLOT`, O(1), since 3.0.
    fn cluster_countkeysinslot(slot: Slot) -> u64 {
        let command = Command::known(&table::CLUSTER).arg("COUNTKEYSINSLOT");
        command.arg(slot.number()).target(Target::Slot(slot))
    }

    /// Up to so many keys of a slot: ask for a `Vec<String>`.
    ///
    /// `CLUSTER GETKEYSINSLOT`, O(N) by the keys given, since 3.0.
    fn cluster_getkeysinslot<T>(slot: Slot, count: u64) -> T {
        let command = Command::known(&table::CLUSTER).arg("GETKEYSINSLOT");
        command.arg((slot.number(), count)).target(Target::Slot(slot))
    }

    /// How many keys there are.
    ///
    /// `DBSIZE`, O(1), since 1.0.
    fn dbsize() -> u64 {
        Command::known(&table::DBSIZE)
    }

    /// Copies a key to another database, unless it exists there, and says whether it did. Where the servers have several
    /// databases in a cluster: since Valkey 9.0.
    ///
    /// `COPY .. DB`, O(N) by the elements, since 6.2.
    fn copy_to_database(source: impl ToArgs, destination: impl ToArgs, database: u64) -> bool {
        let command = Command::known(&table::COPY).one(source)?;
        command.one(destination)?.arg(("DB", database))
    }

    /// A message, sent back: to see that a server answers.
    ///
    /// `ECHO`, O(1), since 1.0.
    fn echo<T>(message: impl ToArgs) -> T {
        Command::known(&table::ECHO).one(message)?
    }

    /// Deletes all keys of all databases. The servers decide by their configuration whether memory is freed in the
    /// background.
    ///
    /// `FLUSHALL`, O(N), since 1.0.
    fn flushall() -> () {
        Command::known(&table::FLUSHALL)
    }

    /// Deletes all keys of all databases, and frees their memory in the background.
    ///
    /// `FLUSHALL ASYNC`, O(1), since 4.0.
    fn flushall_async() -> () {
        Command::known(&table::FLUSHALL).arg("ASYNC")
    }

    /// Deletes all keys of all databases, and frees their memory before it returns.
    ///
    /// `FLUSHALL SYNC`, O(N), since 6.2.
    fn flushall_sync() -> () {
        Command::known(&table::FLUSHALL).arg("SYNC")
    }

    /// Deletes all keys of the database. The servers decide by their configuration whether memory is freed in the
    /// background.
    ///
    /// `FLUSHDB`, O(N), since 1.0.
    fn flushdb() -> () {
        Command::known(&table::FLUSHDB)
    }

    /// Deletes all keys of the database, and frees their memory in the background.
    ///
    /// `FLUSHDB ASYNC`, O(1), since 4.0.
    fn flushdb_async() -> () {
        Command::known(&table::FLUSHDB).arg("ASYNC")
    }

    /// Deletes all keys of the database, and frees their memory before it returns.
    ///
    /// `FLUSHDB SYNC`, O(N), since 6.2.
    fn flushdb_sync() -> () {
        Command::known(&table::FLUSHDB).arg("SYNC")
    }

    /// All keys that match this glob-style pattern: ask for a `Vec<String>`. Each server does nothing else meanwhile:
    /// for small keyspaces, and for tests.
    ///
    /// `KEYS`, O(N), since 1.0.
    fn keys<T>(pattern: impl ToArgs) -> T {
        Command::known(&table::KEYS).one(pattern)?
    }

    /// How many bytes of memory a key takes, about, by a sample of the elements of its value; `None` if there is no
    /// such key.
    ///
    /// `MEMORY USAGE`, O(N) by the elements looked at, since 4.0.
    fn memory_usage(key: impl ToArgs) -> Option<u64> {
        Command::known(&table::MEMORY).arg("USAGE").one(key)?
    }

    /// How many bytes of memory a key takes, by so many elements of its value, 0 being all; `None` if there is no such
    /// key.
    ///
    /// `MEMORY USAGE .. SAMPLES`, O(N) by the elements looked at, since 4.0.
    fn memory_usage_samples(key: impl ToArgs, samples: u64) -> Option<u64> {
        let command = Command::known(&table::MEMORY).arg("USAGE").one(key)?;
        command.arg(("SAMPLES", samples))
    }

    /// Moves a key to another database, unless it exists there, and says whether it did. Where the servers have several
    /// databases in a cluster: since Valkey 9.0.
    ///
    /// `MOVE`, O(1), since 1.0.
    fn move_to_database(key: impl ToArgs, database: u64) -> bool {
        Command::known(&table::MOVE).one(key)?.arg(database)
    }

    /// Asks for an answer.
    ///
    /// `PING`, O(1), since 1.0.
    fn ping() -> () {
        Command::known(&table::PING)
    }

    /// A key chosen at random, nil if there is none. Ask for an `Option<String>`.
    ///
    /// `RANDOMKEY`, O(1), since 1.0.
    fn randomkey<T>() -> T {
        Command::known(&table::RANDOMKEY)
    }

    /// The time by the clock of a server, to the microsecond.
    ///
    /// `TIME`, O(1), since 2.6.
    fn time() -> SystemTime {
        Command::known(&table::TIME)
    }
    from |time: ServerTime| time.0;

    /// Waits until so many replicas of each primary have the writes that were sent over this client's connections before,
    /// and gives how many have at the least; fewer if the time is up.
    ///
    /// It goes over the shared connections, since only there are the caller's writes, and
    /// [holds them up](crate::exclusive#wait-and-waitaof) meanwhile. So `None`, which is forever, is refused without a
    /// deadline.
    ///
    /// `WAIT`, O(1), since 3.0.
    fn wait(replicas: u64, timeout: impl Into<Option<Duration>>) -> u64 {
        Command::known(&table::WAIT).arg(replicas).block_millis(timeout.into())?
    }

    /// As [`wait`](Self::wait), but until the writes are in the append-only files on the disks of so many primaries,
    /// 0 or 1, and replicas.
    ///
    /// `WAITAOF`, O(1), since 7.2.
    fn waitaof(
        primaries: u64,
        replicas: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> (u64, u64) {
        let command = Command::known(&table::WAITAOF).arg((primaries, replicas));
        command.block_millis(timeout.into())?
    }
}

/// Seconds and microseconds since the epoch.
struct ServerTime(SystemTime);

impl FromValue for ServerTime {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (seconds, micros): (u64, u32) = FromValue::from_value(value)?;
        let time = Duration::from_micros(micros.into()).checked_add(Duration::from_secs(seconds));
        time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time))
            .map(Self)
            .ok_or_else(|| {
                let seconds = Value::BigNumber(seconds.to_string().into());
                ConversionError::new("seconds that a clock can show", &seconds)
            })
    }
}
