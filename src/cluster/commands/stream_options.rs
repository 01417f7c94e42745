//! Options of what adds to streams.

use std::time::Duration;

use bytes::Bytes;

use super::expiry::millis;
use super::{StreamId, StreamTrim};
use crate::command::{ArgWriter, ToArgs};

/// How an entry is [added](crate::Cluster::xadd_with).
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{StreamTrim, XAddOptions}, cmd};
///
/// let trim = StreamTrim::max_len(1000).approximately();
/// let command = cmd("XADD").arg("events").arg(XAddOptions::new().trims(trim));
/// assert!(command.args().skip(2).eq(["MAXLEN", "~", "1000", "*"].map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XAddOptions {
    needs_stream: bool,
    once: Option<Once>,
    trim: Option<StreamTrim>,
    id: Option<NewId>,
}

/// For how long, and for how many entries, a stream remembers what must be added [only
/// once](XAddOptions::only_once).
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{cluster::commands::XCfgSetOptions, cmd};
///
/// let options = XCfgSetOptions::new().remembers_for(Duration::from_secs(60)).remembers_entries(500);
/// let command = cmd("XCFGSET").arg("events").arg(options);
/// let words = ["IDMP-DURATION", "60", "IDMP-MAXSIZE", "500"];
/// assert!(command.args().skip(2).eq(words.map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XCfgSetOptions {
    duration: Option<Duration>,
    entries: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Once {
    ByContent { producer: Bytes },
    ById { producer: Bytes, id: Bytes },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewId {
    Chosen(StreamId),
    At(u64),
}

// ===== impl XAddOptions =====

impl XAddOptions {
    /// The server chooses the id, and makes a stream where there is none.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this id, which must be greater than all in the stream.
    #[must_use]
    pub fn id(mut self, id: StreamId) -> Self {
        self.id = Some(NewId::Chosen(id));
        self
    }

    /// With this time, in milliseconds since the epoch, which must not be less than the last entry's; the server
    /// numbers it. Since 7.0.
    #[must_use]
    pub fn id_at(mut self, millis: u64) -> Self {
        self.id = Some(NewId::At(millis));
        self
    }

    /// Only if there is such a stream (`NOMKSTREAM`). Since 6.2.
    #[must_use]
    pub fn only_if_present(mut self) -> Self {
        self.needs_stream = true;
        self
    }

    /// Only if this producer has not added an entry with this id of its own yet (`IDMP`), so that it may try again
    /// when it does not know what became of it: the command counts as [idempotent](crate::Command::idempotent), and is
    /// retried by itself. The answer is the id of the entry in the stream, in either case. Since Redis 8.6.
    #[must_use]
    pub fn only_once(mut self, producer: impl AsRef<[u8]>, id: impl AsRef<[u8]>) -> Self {
        self.once = Some(Once::ById {
            producer: Bytes::copy_from_slice(producer.as_ref()),
            id: Bytes::copy_from_slice(id.as_ref()),
        });
        self
    }

    /// As [`only_once`](Self::only_once), with an id that the server makes of the fields and values (`IDMPAUTO`).
    #[must_use]
    pub fn only_once_by_content(mut self, producer: impl AsRef<[u8]>) -> Self {
        let producer = Bytes::copy_from_slice(producer.as_ref());
        self.once = Some(Once::ByContent { producer });
        self
    }

    /// Cuts the stream short then.
    #[must_use]
    pub fn trims(mut self, trim: StreamTrim) -> Self {
        self.trim = Some(trim);
        self
    }

    pub(super) fn is_idempotent(&self) -> bool {
        self.once.is_some()
    }
}

impl ToArgs for XAddOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.needs_stream.then_some("NOMKSTREAM").write_args(out);
        match &self.once {
            None => {}
            Some(Once::ByContent { producer }) => ("IDMPAUTO", producer).write_args(out),
            Some(Once::ById { producer, id }) => ("IDMP", producer, id).write_args(out),
        }
        self.trim.write_args(out);
        match self.id {
            None => out.put("*"),
            Some(NewId::Chosen(id)) => id.write_args(out),
            Some(NewId::At(millis)) => out.put(format!("{millis}-*")),
        }
    }
}

// ===== impl XCfgSetOptions =====

impl XCfgSetOptions {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// For this long (`IDMP-DURATION`), rounded up to whole seconds.
    #[must_use]
    pub fn remembers_for(mut self, time: Duration) -> Self {
        self.duration = Some(time);
        self
    }

    /// The latest so many entries of each producer (`IDMP-MAXSIZE`).
    #[must_use]
    pub fn remembers_entries(mut self, entries: u64) -> Self {
        self.entries = Some(entries);
        self
    }
}

impl ToArgs for XCfgSetOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        let seconds = |time| millis(time).unsigned_abs().div_ceil(1000);
        let duration = self.duration.map(|time| ("IDMP-DURATION", seconds(time)));
        duration.write_args(out);
        self.entries
            .map(|count| ("IDMP-MAXSIZE", count))
            .write_args(out);
    }
}
