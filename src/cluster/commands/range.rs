//! Ranges of positions, scores and members, made from Rust's own.

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

use crate::command::{ArgWriter, ToArgs};

/// A range of positions, counted from 0; negative ones count from the end, -1 being the last.
///
/// Made from Rust's ranges, or from the first and the last as the servers have it, both of them included. Say it in
/// the latter way where only the last is negative: clippy takes `1..-1` for an empty range.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::IndexRange, cmd};
///
/// let args = |range: IndexRange| {
///     let command = cmd("LRANGE").arg("list").arg(range);
///     let args = command.args().skip(2).map(|arg| String::from_utf8_lossy(arg).into_owned());
///     args.collect::<Vec<_>>()
/// };
/// assert_eq!(args((..).into()), ["0", "-1"]);
/// assert_eq!(args((..10).into()), ["0", "9"]);
/// assert_eq!(args((-10..).into()), ["-10", "-1"]);
/// assert_eq!(args((1, -2).into()), ["1", "-2"]);
/// assert_eq!(args((..0).into()), ["1", "0"], "nothing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRange {
    first: i64,
    last: i64,
}

/// A range of scores.
///
/// Made from Rust's ranges of `f64`, so that `1.0..5.0` leaves 5 out and `1.0..=5.0` does not; to leave the start out,
/// from a pair of [`Bound`]s.
///
/// ```
/// use std::ops::Bound;
/// use tower_redis_cluster::{cluster::commands::ScoreRange, cmd};
///
/// let range = ScoreRange::from((Bound::Excluded(1.5), Bound::Unbounded));
/// let command = cmd("ZCOUNT").arg("scores").arg(range);
/// assert!(command.args().eq(["ZCOUNT", "scores", "(1.5", "+inf"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    min: Bound<f64>,
    max: Bound<f64>,
}

/// A range of members in the order of their bytes, for sorted sets where all have the same score.
///
/// Made from Rust's ranges of strings or byte strings, or from a pair of [`Bound`]s.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::LexRange, cmd};
///
/// let command = cmd("ZLEXCOUNT").arg("names").arg(LexRange::from("a".."c"));
/// assert!(command.args().eq(["ZLEXCOUNT", "names", "[a", "(c"].map(str::as_bytes)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LexRange {
    min: Vec<u8>,
    max: Vec<u8>,
}

// ===== impl IndexRange =====

impl IndexRange {
    /// Begins behind its end: no server finds anything in it.
    const EMPTY: Self = Self { first: 1, last: 0 };

    fn new(range: impl RangeBounds<i64>) -> Self {
        let first = match range.start_bound().cloned() {
            Bound::Unbounded => 0,
            Bound::Included(first) => first,
            // Nothing is behind the last; and -1 + 1 would be the first.
            Bound::Excluded(-1 | i64::MAX) => return Self::EMPTY,
            Bound::Excluded(before) => before + 1,
        };
        let last = match range.end_bound().cloned() {
            Bound::Unbounded => -1,
            Bound::Included(last) => last,
            // Nothing is before the first; and 0 - 1 would be the last.
            Bound::Excluded(0 | i64::MIN) => return Self::EMPTY,
            Bound::Excluded(end) => end - 1,
        };
        Self { first, last }
    }
}

impl ToArgs for IndexRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (self.first, self.last).write_args(out);
    }
}

// ===== impl ScoreRange =====

impl ScoreRange {
    fn new(range: impl RangeBounds<f64>) -> Self {
        Self {
            min: range.start_bound().cloned(),
            max: range.end_bound().cloned(),
        }
    }

    /// The greatest first, as reversed ranges have it.
    pub(super) fn write_reversed(&self, out: &mut ArgWriter<'_>) {
        put_score(self.max, "+inf", out);
        put_score(self.min, "-inf", out);
    }
}

impl ToArgs for ScoreRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        put_score(self.min, "-inf", out);
        put_score(self.max, "+inf", out);
    }
}

fn put_score(bound: Bound<f64>, unbounded: &str, out: &mut ArgWriter<'_>) {
    match bound {
        Bound::Unbounded => out.put(unbounded),
        Bound::Included(score) => score.write_args(out),
        Bound::Excluded(score) => out.put(format!("({}", ryu::Buffer::new().format(score))),
    }
}

// ===== impl LexRange =====

impl LexRange {
    fn new<T: AsRef<[u8]>>(min: Bound<T>, max: Bound<T>) -> Self {
        Self {
            min: member(min, b"-"),
            max: member(max, b"+"),
        }
    }

    /// The greatest first, as reversed ranges have it.
    pub(super) fn write_reversed(&self, out: &mut ArgWriter<'_>) {
        out.put(&self.max);
        out.put(&self.min);
    }
}

impl ToArgs for LexRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(&self.min);
        out.put(&self.max);
    }
}

/// Shows no members.
impl std::fmt::Debug for LexRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LexRange").finish_non_exhaustive()
    }
}

fn member<T: AsRef<[u8]>>(bound: Bound<T>, unbounded: &[u8]) -> Vec<u8> {
    match bound {
        Bound::Unbounded => unbounded.to_vec(),
        Bound::Included(member) => [b"[", member.as_ref()].concat(),
        Bound::Excluded(member) => [b"(", member.as_ref()].concat(),
    }
}

// ===== conversions from Rust's ranges =====

macro_rules! from_ranges {
    ($ours:ident: $($range:ty),*) => {$(
        impl From<$range> for $ours {
            fn from(range: $range) -> Self {
                Self::new(range)
            }
        }
    )*};
}
pub(super) use from_ranges;

from_ranges!(
    IndexRange: RangeFull,
    Range<i64>,
    RangeFrom<i64>,
    RangeInclusive<i64>,
    RangeTo<i64>,
    RangeToInclusive<i64>,
    (Bound<i64>, Bound<i64>)
);

from_ranges!(
    ScoreRange: RangeFull,
    Range<f64>,
    RangeFrom<f64>,
    RangeInclusive<f64>,
    RangeTo<f64>,
    RangeToInclusive<f64>,
    (Bound<f64>, Bound<f64>)
);

impl From<(i64, i64)> for IndexRange {
    fn from((first, last): (i64, i64)) -> Self {
        Self { first, last }
    }
}

impl From<RangeFull> for LexRange {
    fn from(_: RangeFull) -> Self {
        Self::new::<&str>(Bound::Unbounded, Bound::Unbounded)
    }
}

impl<T: AsRef<[u8]>> From<Range<T>> for LexRange {
    fn from(range: Range<T>) -> Self {
        Self::new(Bound::Included(range.start), Bound::Excluded(range.end))
    }
}

impl<T: AsRef<[u8]>> From<RangeFrom<T>> for LexRange {
    fn from(range: RangeFrom<T>) -> Self {
        Self::new(Bound::Included(range.start), Bound::Unbounded)
    }
}

impl<T: AsRef<[u8]>> From<RangeInclusive<T>> for LexRange {
    fn from(range: RangeInclusive<T>) -> Self {
        let (start, end) = range.into_inner();
        Self::new(Bound::Included(start), Bound::Included(end))
    }
}

impl<T: AsRef<[u8]>> From<RangeTo<T>> for LexRange {
    fn from(range: RangeTo<T>) -> Self {
        Self::new(Bound::Unbounded, Bound::Excluded(range.end))
    }
}

impl<T: AsRef<[u8]>> From<RangeToInclusive<T>> for LexRange {
    fn from(range: RangeToInclusive<T>) -> Self {
        Self::new(Bound::Unbounded, Bound::Included(range.end))
    }
}

impl<T: AsRef<[u8]>> From<(Bound<T>, Bound<T>)> for LexRange {
    fn from((min, max): (Bound<T>, Bound<T>)) -> Self {
        Self::new(min, max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excluded_position_never_wraps_around_the_ends() {
        let excluded = |first, last| {
            let range = IndexRange::from((Bound::Excluded(first), Bound::Excluded(last)));
            (range.first, range.last)
        };
        assert_eq!(excluded(0, -1), (1, -2));
        for (first, last) in [(-1, 5), (i64::MAX, 5), (0, 0), (0, i64::MIN)] {
            assert_eq!(excluded(first, last), (1, 0), "{first} {last}");
        }
    }
}
