//! Options of the hash commands.

use std::time::{Duration, SystemTime};

use super::expiry::Expiry;
use crate::command::{ArgWriter, ToArgs};

/// Under which condition fields are set, and when they expire.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{cluster::commands::HSetExOptions, cmd};
///
/// let options = HSetExOptions::new().only_if_absent().expires_in(Duration::from_secs(1));
/// let command = cmd("HSETEX").arg("hash").arg(options).arg(("FIELDS", 1, "f", "v"));
/// assert!(command.args().skip(2).take(3).eq(["FNX", "PX", "1000"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HSetExOptions {
    key_condition: Option<&'static str>,
    condition: Option<&'static str>,
    pub(super) expiry: Option<Expiry>,
}

impl HSetExOptions {
    /// No conditions, no expiry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if none of the fields exists (`FNX`).
    #[must_use]
    pub fn only_if_absent(mut self) -> Self {
        self.condition = Some("FNX");
        self
    }

    /// Only if all of the fields exist (`FXX`).
    #[must_use]
    pub fn only_if_present(mut self) -> Self {
        self.condition = Some("FXX");
        self
    }

    /// Only if the key does not exist (`NX`). Valkey alone.
    #[must_use]
    pub fn only_if_key_absent(mut self) -> Self {
        self.key_condition = Some("NX");
        self
    }

    /// Only if the key exists (`XX`). Valkey alone.
    #[must_use]
    pub fn only_if_key_present(mut self) -> Self {
        self.key_condition = Some("XX");
        self
    }

    /// The fields expire after this time (`PX`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_in(mut self, ttl: Duration) -> Self {
        self.expiry = Some(Expiry::In(ttl));
        self
    }

    /// The fields expire at this time (`PXAT`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// The fields expire when their old values would have (`KEEPTTL`). Otherwise setting them ends that.
    #[must_use]
    pub fn keeps_ttl(mut self) -> Self {
        self.expiry = Some(Expiry::Keep);
        self
    }
}

impl ToArgs for HSetExOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.key_condition.write_args(out);
        self.condition.write_args(out);
        self.expiry.write_args(out);
    }
}
