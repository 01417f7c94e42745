//! How streams are cut short, and what that does to their consumer groups.

use super::StreamId;
use crate::command::{ArgWriter, ToArgs};

/// How a stream is cut short, from its oldest entry on.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{StreamId, StreamTrim}, cmd};
///
/// let trim = StreamTrim::min_id(StreamId::new(1_526_919_030_474, 0));
/// let command = cmd("XTRIM").arg("events").arg(trim);
/// assert!(command.args().skip(2).eq(["MINID", "1526919030474-0"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTrim {
    threshold: Threshold,
    is_approximate: bool,
    limit: Option<u64>,
    references: Option<StreamReferences>,
}

/// What becomes of the references that consumer groups have to entries that are deleted. Since Redis 8.2.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::StreamReferences, cmd};
///
/// let command = cmd("XDELEX").arg("events").arg(StreamReferences::Delete);
/// assert!(command.args().skip(2).eq(["DELREF".as_bytes()]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamReferences {
    /// They stay, and lead nowhere (`KEEPREF`), as `XDEL` does it.
    Keep,
    /// They are deleted too (`DELREF`).
    Delete,
    /// Entries are deleted only if all groups have acknowledged them (`ACKED`).
    Acknowledged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threshold {
    MaxLen(u64),
    MinId(StreamId),
}

// ===== impl StreamTrim =====

impl StreamTrim {
    /// Keeps this many entries (`MAXLEN`).
    pub fn max_len(entries: u64) -> Self {
        Self::new(Threshold::MaxLen(entries))
    }

    /// Keeps the entries from this one on (`MINID`). Since 6.2.
    pub fn min_id(id: StreamId) -> Self {
        Self::new(Threshold::MinId(id))
    }

    fn new(threshold: Threshold) -> Self {
        Self {
            threshold,
            is_approximate: false,
            limit: None,
            references: None,
        }
    }

    /// Keeps some more where that is less work (`~`).
    #[must_use]
    pub fn approximately(mut self) -> Self {
        self.is_approximate = true;
        self
    }

    /// Deletes this many at most (`LIMIT`); 0 is any number. The server takes it only
    /// [approximately](Self::approximately). Since 6.2.
    #[must_use]
    pub fn limit(mut self, entries: u64) -> Self {
        self.limit = Some(entries);
        self
    }

    /// Says what becomes of the references to what is deleted. Since Redis 8.2.
    #[must_use]
    pub fn references(mut self, references: StreamReferences) -> Self {
        self.references = Some(references);
        self
    }
}

impl ToArgs for StreamTrim {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.references.write_args(out);
        let word = match self.threshold {
            Threshold::MaxLen(_) => "MAXLEN",
            Threshold::MinId(_) => "MINID",
        };
        (word, self.is_approximate.then_some("~")).write_args(out);
        match self.threshold {
            Threshold::MaxLen(entries) => entries.write_args(out),
            Threshold::MinId(id) => id.write_args(out),
        }
        self.limit.map(|limit| ("LIMIT", limit)).write_args(out);
    }
}

// ===== impl StreamReferences =====

impl ToArgs for StreamReferences {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Keep => "KEEPREF",
            Self::Delete => "DELREF",
            Self::Acknowledged => "ACKED",
        });
    }
}
