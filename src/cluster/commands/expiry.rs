//! When a key or a field expires: as the options of several commands, and under which condition.

use std::time::{Duration, SystemTime};

use crate::command::{ArgWriter, ToArgs};

/// What [`getex`](crate::Cluster::getex) and [`hgetex`](crate::Cluster::hgetex) do to the time to live.
///
/// A `Duration` or a `SystemTime` stands for itself: `cluster.getex("key", Duration::from_secs(60))`.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{cluster::commands::GetEx, cmd};
///
/// let command = cmd("GETEX").arg("key").arg(GetEx::In(Duration::from_secs(1)));
/// assert!(command.args().eq(["GETEX", "key", "PX", "1000"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetEx {
    /// Let it expire after this time (`PX`).
    In(Duration),
    /// Let it expire at this time (`PXAT`).
    At(SystemTime),
    /// Let it never expire (`PERSIST`).
    Persist,
}

/// Under which condition a time to live is set.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::ExpireIf, cmd};
///
/// let command = cmd("EXPIRE").arg("key").arg(60).arg(ExpireIf::Later);
/// assert!(command.args().eq(["EXPIRE", "key", "60", "GT"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireIf {
    /// If it has none (`NX`).
    Unset,
    /// If it has one (`XX`).
    Set,
    /// If it is later than the one it has (`GT`). Never is the latest.
    Later,
    /// If it is sooner than the one it has (`LT`). Never is the latest.
    Sooner,
}

// ===== impl GetEx =====

impl From<Duration> for GetEx {
    fn from(ttl: Duration) -> Self {
        Self::In(ttl)
    }
}

impl From<SystemTime> for GetEx {
    fn from(time: SystemTime) -> Self {
        Self::At(time)
    }
}

impl ToArgs for GetEx {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        Expiry::from(*self).write_args(out);
    }
}

// ===== impl ExpireIf =====

impl ToArgs for ExpireIf {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Unset => "NX",
            Self::Set => "XX",
            Self::Later => "GT",
            Self::Sooner => "LT",
        });
    }
}

// ===== what the options have in common =====

/// The longest time that is sent, in milliseconds: servers add the time of day to it, and must not overflow.
const LONGEST: i64 = i64::MAX / 2;

/// An expiry as the options of several commands spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    In(Duration),
    At(SystemTime),
    Keep,
    Persist,
}

impl Expiry {
    /// Says what is wrong with it.
    pub(super) fn check(self) -> Result<(), &'static str> {
        let (millis, too_small) = match self {
            Self::In(ttl) => (millis(ttl), "a time of zero; the least is a millisecond"),
            Self::At(time) => (unix_millis(time), "a time before the year 1970"),
            Self::Keep | Self::Persist => return Ok(()),
        };
        match millis {
            ..=0 => Err(too_small),
            1..=LONGEST => Ok(()),
            _ => Err("a time of more than 146 million years"),
        }
    }
}

impl From<GetEx> for Expiry {
    fn from(expiry: GetEx) -> Self {
        match expiry {
            GetEx::In(ttl) => Self::In(ttl),
            GetEx::At(time) => Self::At(time),
            GetEx::Persist => Self::Persist,
        }
    }
}

impl ToArgs for Expiry {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match *self {
            Self::In(ttl) => ("PX", millis(ttl)).write_args(out),
            Self::At(time) => ("PXAT", unix_millis(time)).write_args(out),
            Self::Keep => out.put("KEEPTTL"),
            Self::Persist => out.put("PERSIST"),
        }
    }
}

/// Whole milliseconds, rounded up so that nothing expires too soon, and so that only zero is zero.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Whole milliseconds since the epoch, rounded up; 0 for times before it.
pub(super) fn unix_millis(time: SystemTime) -> i64 {
    millis(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_millisecond_are_rounded_up() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_micros(1000)), 1);
        assert_eq!(millis(Duration::from_micros(1001)), 2);
        assert_eq!(millis(Duration::MAX), i64::MAX);
    }

    #[test]
    fn what_a_server_could_not_add_to_its_clock_is_refused() {
        let refused = |expiry: Expiry| expiry.check().is_err();
        assert!(refused(Expiry::In(Duration::ZERO)));
        assert!(refused(Expiry::In(Duration::MAX)));
        assert!(refused(Expiry::In(Duration::from_millis(
            LONGEST as u64 + 1
        ))));
        assert!(refused(Expiry::At(SystemTime::UNIX_EPOCH)));
        assert!(refused(Expiry::At(
            SystemTime::UNIX_EPOCH - Duration::from_secs(1)
        )));
        assert!(!refused(Expiry::In(Duration::from_millis(LONGEST as u64))));
        assert!(!refused(Expiry::In(Duration::from_nanos(1))));
        assert!(!refused(Expiry::At(SystemTime::now())));
        assert!(!refused(Expiry::Keep));
    }
}
