//! Options of `SET` and of what is like it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::expiry::Expiry;
use crate::command::{ArgWriter, ToArgs};

/// Under which condition a value is set, and when it expires.
///
/// Of several conditions, and of several expiries, the last counts.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{cluster::commands::SetOptions, cmd};
///
/// let options = SetOptions::new().only_if_absent().expires_in(Duration::from_secs(60));
/// let command = cmd("SET").arg("key").arg("value").arg(options);
/// assert!(command.args().eq(["SET", "key", "value", "NX", "PX", "60000"].map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    condition: Option<Condition>,
    pub(super) expiry: Option<Expiry>,
}

/// What the value of a key must be, so that something is done to it: `IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`.
///
/// `Debug` does not show the value.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::IfValue, cmd};
///
/// let command = cmd("DELEX").arg("lock").arg(IfValue::is("my token"));
/// assert!(command.args().eq(["DELEX", "lock", "IFEQ", "my token"].map(str::as_bytes)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct IfValue {
    word: &'static str,
    value: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Absent,
    Present,
    Value(IfValue),
}

impl SetOptions {
    /// No conditions, no expiry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if the key does not exist (`NX`).
    #[must_use]
    pub fn only_if_absent(mut self) -> Self {
        self.condition = Some(Condition::Absent);
        self
    }

    /// Only if the key exists (`XX`).
    #[must_use]
    pub fn only_if_present(mut self) -> Self {
        self.condition = Some(Condition::Present);
        self
    }

    /// Only if the value is what is said (`IFEQ` and its like). Redis 8.4 has all of them, Valkey 8.1 only
    /// [`IfValue::is`]; `MSETEX` has none.
    #[must_use]
    pub fn only_if(mut self, condition: IfValue) -> Self {
        self.condition = Some(Condition::Value(condition));
        self
    }

    /// The key expires after this time (`PX`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_in(mut self, ttl: Duration) -> Self {
        self.expiry = Some(Expiry::In(ttl));
        self
    }

    /// The key expires at this time (`PXAT`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// The key expires when its old value would have (`KEEPTTL`). Otherwise setting it ends that.
    #[must_use]
    pub fn keeps_ttl(mut self) -> Self {
        self.expiry = Some(Expiry::Keep);
        self
    }
}

impl ToArgs for SetOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match &self.condition {
            None => {}
            Some(Condition::Absent) => out.put("NX"),
            Some(Condition::Present) => out.put("XX"),
            Some(Condition::Value(condition)) => condition.write_args(out),
        }
        self.expiry.write_args(out);
    }
}

// ===== impl IfValue =====

impl IfValue {
    /// If it is this (`IFEQ`).
    pub fn is(value: impl AsRef<[u8]>) -> Self {
        Self::new("IFEQ", value.as_ref())
    }

    /// If it is not this (`IFNE`).
    pub fn is_not(value: impl AsRef<[u8]>) -> Self {
        Self::new("IFNE", value.as_ref())
    }

    /// If its [digest](crate::Cluster::digest) is this (`IFDEQ`).
    pub fn digest_is(digest: impl AsRef<[u8]>) -> Self {
        Self::new("IFDEQ", digest.as_ref())
    }

    /// If its [digest](crate::Cluster::digest) is not this (`IFDNE`).
    pub fn digest_is_not(digest: impl AsRef<[u8]>) -> Self {
        Self::new("IFDNE", digest.as_ref())
    }

    fn new(word: &'static str, value: &[u8]) -> Self {
        Self {
            word,
            value: Bytes::copy_from_slice(value),
        }
    }
}

impl ToArgs for IfValue {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self.word);
        out.put_bytes(self.value.clone());
    }
}

impl std::fmt::Debug for IfValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IfValue({} {} bytes)", self.word, self.value.len())
    }
}
