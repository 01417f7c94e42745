//! Options of reading streams, by oneself and in a consumer group.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::StreamId;
use super::expiry::{millis, unix_millis};
use crate::command::{ArgWriter, Command, ToArgs};
use crate::error::Error;

/// How [`xread_with`](crate::Cluster::xread_with) reads.
///
/// ```no_run
/// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
/// use std::{collections::HashMap, time::Duration};
/// use tower_redis_cluster::cluster::commands::XReadOptions;
///
/// let options = XReadOptions::new().count(100).block(Duration::from_secs(5));
/// let new = cluster.xread_with::<HashMap<String, String>>("events", "$", options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XReadOptions {
    count: Option<u64>,
    /// `Some(None)` is forever.
    block: Option<Option<Duration>>,
}

/// How [`xreadgroup_with`](crate::Cluster::xreadgroup_with) reads.
///
/// ```no_run
/// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
/// use std::{collections::HashMap, time::Duration};
/// use tower_redis_cluster::cluster::commands::XReadGroupOptions;
///
/// let options = XReadGroupOptions::new().block(Duration::from_secs(5)).no_ack();
/// let new = cluster
///     .xreadgroup_with::<HashMap<String, String>>("workers", "me", "events", ">", options)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XReadGroupOptions {
    read: XReadOptions,
    claim: Option<Duration>,
    needs_no_ack: bool,
}

/// How entries are [claimed](crate::Cluster::xclaim_with).
///
/// ```
/// use tower_redis_cluster::{cluster::commands::XClaimOptions, cmd};
///
/// let command = cmd("XCLAIM").arg(("s", "g", "c", 0, "1-1")).arg(XClaimOptions::new().delivered(3));
/// assert!(command.args().skip(6).eq(["RETRYCOUNT", "3"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XClaimOptions {
    since: Option<Since>,
    deliveries: Option<u64>,
    is_forced: bool,
    last_id: Option<StreamId>,
}

/// Which pending entries to [list](crate::Cluster::xpending_entries).
///
/// ```no_run
/// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
/// use tower_redis_cluster::cluster::commands::XPendingOptions;
///
/// let mine = XPendingOptions::new().consumer("me");
/// for entry in cluster.xpending_entries("events", "workers", .., 100, mine).await? {
///     println!("{} was delivered {} times", entry.id, entry.deliveries);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XPendingOptions {
    pub(super) idle: Option<Duration>,
    pub(super) consumer: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Idle(Duration),
    Time(SystemTime),
}

// ===== impl XReadOptions =====

impl XReadOptions {
    /// All entries there are, without waiting.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many entries of each stream (`COUNT`).
    #[must_use]
    pub fn count(mut self, entries: u64) -> Self {
        self.count = Some(entries);
        self
    }

    /// Waits this long for an entry if there is none (`BLOCK`), rounded up to whole milliseconds; `None` is
    /// forever. [Blocks](crate::cluster::commands#blocking-commands).
    #[must_use]
    pub fn block(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.block = Some(timeout.into());
        self
    }

    /// Adds the options to a command, unless the time makes no sense.
    pub(super) fn add_to(self, command: Command) -> Result<Command, Error> {
        let command = command.arg(self.count.map(|count| ("COUNT", count)));
        match self.block {
            None => Ok(command),
            Some(timeout) => command.arg("BLOCK").block_millis(timeout),
        }
    }
}

// ===== impl XReadGroupOptions =====

impl XReadGroupOptions {
    /// All entries there are, without waiting, to be acknowledged.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`XReadOptions::count`].
    #[must_use]
    pub fn count(mut self, entries: u64) -> Self {
        self.read = self.read.count(entries);
        self
    }

    /// As [`XReadOptions::block`].
    #[must_use]
    pub fn block(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.read = self.read.block(timeout);
        self
    }

    /// Entries that another consumer has had this long without acknowledging them come first (`CLAIM`), rounded up
    /// to whole milliseconds. Since Redis 8.4.
    #[must_use]
    pub fn claims(mut self, idle: Duration) -> Self {
        self.claim = Some(idle);
        self
    }

    /// Entries count as acknowledged when they are read (`NOACK`): what is lost on the way is lost.
    #[must_use]
    pub fn no_ack(mut self) -> Self {
        self.needs_no_ack = true;
        self
    }

    /// Adds the options to a command, unless the time makes no sense.
    pub(super) fn add_to(self, command: Command) -> Result<Command, Error> {
        let command = self.read.add_to(command)?;
        let claim = self.claim.map(|idle| ("CLAIM", millis(idle)));
        Ok(command.arg(claim).arg(self.needs_no_ack.then_some("NOACK")))
    }
}

// ===== impl XClaimOptions =====

impl XClaimOptions {
    /// Entries that are pending, delivered now and once more.
    pub fn new() -> Self {
        Self::default()
    }

    /// As if delivered this long ago (`IDLE`), rounded up to whole milliseconds.
    #[must_use]
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.since = Some(Since::Idle(time));
        self
    }

    /// As if delivered at this time (`TIME`), rounded up to whole milliseconds.
    #[must_use]
    pub fn delivered_at(mut self, time: SystemTime) -> Self {
        self.since = Some(Since::Time(time));
        self
    }

    /// As if delivered this many times (`RETRYCOUNT`).
    #[must_use]
    pub fn delivered(mut self, times: u64) -> Self {
        self.deliveries = Some(times);
        self
    }

    /// Also entries that are pending for nobody (`FORCE`).
    #[must_use]
    pub fn forces(mut self) -> Self {
        self.is_forced = true;
        self
    }

    /// Moves the group's last delivered id to this one, if it is greater (`LASTID`).
    #[must_use]
    pub fn last_id(mut self, id: StreamId) -> Self {
        self.last_id = Some(id);
        self
    }
}

impl ToArgs for XClaimOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match self.since {
            None => {}
            Some(Since::Idle(time)) => ("IDLE", millis(time)).write_args(out),
            Some(Since::Time(time)) => ("TIME", unix_millis(time)).write_args(out),
        }
        let deliveries = self.deliveries.map(|times| ("RETRYCOUNT", times));
        deliveries.write_args(out);
        self.is_forced.then_some("FORCE").write_args(out);
        self.last_id.map(|id| ("LASTID", id)).write_args(out);
    }
}

// ===== impl XPendingOptions =====

impl XPendingOptions {
    /// Those of all consumers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that were delivered at least this long ago (`IDLE`), rounded up to whole milliseconds. Since 6.2.
    #[must_use]
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// Those of this consumer.
    #[must_use]
    pub fn consumer(mut self, name: impl AsRef<[u8]>) -> Self {
        self.consumer = Some(Bytes::copy_from_slice(name.as_ref()));
        self
    }
}
