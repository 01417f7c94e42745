//! Where an entry is in a stream, and from where to where.

use std::fmt;
use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};
use std::str::FromStr;

use super::range::from_ranges;
use crate::command::{ArgWriter, ToArgs};
use crate::value::{ConversionError, FromValue, Value};

/// The id of a stream's entry: when it was added, and its number among those of the same millisecond.
///
/// ```
/// use tower_redis_cluster::cluster::commands::StreamId;
///
/// let id: StreamId = "1526919030474-55".parse().expect("an id");
/// assert_eq!(id, StreamId::new(1_526_919_030_474, 55));
/// assert!(id < StreamId::new(1_526_919_030_475, 0));
/// assert_eq!(id.to_string(), "1526919030474-55");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since the epoch by the server's clock, unless the application chose the id.
    pub millis: u64,
    /// The number within the millisecond.
    pub sequence: u64,
}

/// A text that is no [`StreamId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseStreamIdError(());

/// A range of a stream's entries.
///
/// Made from Rust's ranges of [`StreamId`], so that `a..b` leaves `b` out and `a..=b` does not; to leave the start out,
/// from a pair of [`Bound`]s. Bounds that are left out need Redis 6.2.
///
/// ```
/// use tower_redis_cluster::cluster::commands::{StreamId, StreamRange};
/// use tower_redis_cluster::cmd;
///
/// let range = StreamRange::from(StreamId::new(5, 1)..StreamId::new(7, 0));
/// let command = cmd("XRANGE").arg("events").arg(range);
/// assert!(command.args().skip(2).eq(["5-1", "(7-0"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRange {
    start: Bound<StreamId>,
    end: Bound<StreamId>,
}

// ===== impl StreamId =====

impl StreamId {
    /// Before the first entry of every stream.
    pub const ZERO: Self = Self::new(0, 0);

    /// The id with this time, in milliseconds since the epoch, and this number among those of the same millisecond.
    pub const fn new(millis: u64, sequence: u64) -> Self {
        Self { millis, sequence }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for StreamId {
    type Err = ParseStreamIdError;

    fn from_str(text: &str) -> Result<Self, ParseStreamIdError> {
        let number = |digits: &str| {
            let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_plain.then(|| digits.parse().ok()).flatten();
            number.ok_or(ParseStreamIdError(()))
        };
        let (millis, sequence) = text.split_once('-').ok_or(ParseStreamIdError(()))?;
        Ok(Self::new(number(millis)?, number(sequence)?))
    }
}

impl ToArgs for StreamId {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self.to_string());
    }
}

impl FromValue for StreamId {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let id = value.as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| ConversionError::new("the id of a stream's entry", &value))
    }
}

// ===== impl ParseStreamIdError =====

impl fmt::Display for ParseStreamIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a stream's entry is two numbers, as in 1526919030474-55")
    }
}

impl std::error::Error for ParseStreamIdError {}

// ===== impl StreamRange =====

impl StreamRange {
    fn new(range: impl RangeBounds<StreamId>) -> Self {
        Self {
            start: range.start_bound().cloned(),
            end: range.end_bound().cloned(),
        }
    }

    /// The end first, as `XREVRANGE` has it.
    pub(super) fn write_reversed(&self, out: &mut ArgWriter<'_>) {
        put_bound(self.end, "+", out);
        put_bound(self.start, "-", out);
    }
}

impl ToArgs for StreamRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        put_bound(self.start, "-", out);
        put_bound(self.end, "+", out);
    }
}

fn put_bound(bound: Bound<StreamId>, unbounded: &str, out: &mut ArgWriter<'_>) {
    match bound {
        Bound::Unbounded => out.put(unbounded),
        Bound::Included(id) => id.write_args(out),
        Bound::Excluded(id) => out.put(format!("({id}")),
    }
}

from_ranges!(
    StreamRange: RangeFull,
    Range<StreamId>,
    RangeFrom<StreamId>,
    RangeInclusive<StreamId>,
    RangeTo<StreamId>,
    RangeToInclusive<StreamId>,
    (Bound<StreamId>, Bound<StreamId>)
);

/// A range that is written with its end first.
pub(super) struct Reversed(pub(super) StreamRange);

impl ToArgs for Reversed {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.0.write_reversed(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "+1-2",
            "1-x",
            "18446744073709551616-0",
        ] {
            assert!(text.parse::<StreamId>().is_err(), "{text}");
        }
        assert!(StreamId::from_value(Value::Integer(5)).is_err());
        assert!(StreamId::from_value(Value::Nil).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for id in [StreamId::ZERO, StreamId::new(u64::MAX, u64::MAX)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
