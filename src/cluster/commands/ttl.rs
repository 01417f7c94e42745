//! What the servers answer when asked how long a key or a field lives.

use std::time::{Duration, SystemTime};

use crate::value::{ConversionError, FromValue, Value};

/// How much longer a key or a field lives.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{FromValue, Value, cluster::commands::Ttl};
///
/// let ttl = Ttl::from_value(Value::Integer(1500))?;
/// assert_eq!(ttl, Ttl::Expires(Duration::from_millis(1500)));
/// assert_eq!(ttl.remaining(), Some(Duration::from_millis(1500)));
/// assert_eq!(Ttl::from_value(Value::Integer(-1))?, Ttl::Persistent);
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// There is no such key or field.
    Missing,
    /// It never expires.
    Persistent,
    /// It expires after this time, to the millisecond.
    Expires(Duration),
}

/// When a key or a field expires.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_redis_cluster::{FromValue, Value, cluster::commands::ExpireTime};
///
/// let time = ExpireTime::from_value(Value::Integer(1500))?;
/// let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
/// assert_eq!(time, ExpireTime::Expires(expected));
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireTime {
    /// There is no such key or field.
    Missing,
    /// It never expires.
    Persistent,
    /// It expires at this time, to the millisecond.
    Expires(SystemTime),
}

// ===== impl Ttl =====

impl Ttl {
    /// The time that remains, if it expires.
    pub fn remaining(self) -> Option<Duration> {
        match self {
            Self::Expires(ttl) => Some(ttl),
            Self::Missing | Self::Persistent => None,
        }
    }
}

impl FromValue for Ttl {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match i64::from_value(value)? {
            -2 => Ok(Self::Missing),
            -1 => Ok(Self::Persistent),
            millis => Ok(Self::Expires(to_duration(millis, "a time to live")?)),
        }
    }
}

// ===== impl ExpireTime =====

impl ExpireTime {
    /// The time, if it expires.
    pub fn time(self) -> Option<SystemTime> {
        match self {
            Self::Expires(time) => Some(time),
            Self::Missing | Self::Persistent => None,
        }
    }
}

impl FromValue for ExpireTime {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        const WANTED: &str = "a time in milliseconds";
        match i64::from_value(value)? {
            -2 => Ok(Self::Missing),
            -1 => Ok(Self::Persistent),
            millis => SystemTime::UNIX_EPOCH
                .checked_add(to_duration(millis, WANTED)?)
                .map(Self::Expires)
                .ok_or_else(|| ConversionError::new(WANTED, &Value::Integer(millis))),
        }
    }
}

fn to_duration(millis: i64, wanted: &'static str) -> Result<Duration, ConversionError> {
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| ConversionError::new(wanted, &Value::Integer(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_meaning_is_an_error() {
        assert!(Ttl::from_value(Value::Integer(-3)).is_err());
        assert!(ExpireTime::from_value(Value::Integer(-3)).is_err());
        assert!(Ttl::from_value(Value::Nil).is_err());
    }
}
