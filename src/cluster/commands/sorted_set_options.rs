//! Options of the sorted set commands.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::{IndexRange, LexRange, ScoreRange};
use crate::command::{ArgWriter, ToArgs};

/// Under which condition members are added or given another score.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::ZAddOptions, cmd};
///
/// let options = ZAddOptions::new().only_if_greater().counts_changed();
/// let command = cmd("ZADD").arg("scores").arg(options).arg((10.5, "ann"));
/// assert!(command.args().eq(["ZADD", "scores", "GT", "CH", "10.5", "ann"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZAddOptions {
    presence: Option<&'static str>,
    comparison: Option<&'static str>,
    counts_changed: bool,
}

/// Which members of a sorted set, and in which order.
///
/// A range of integers is one of ranks; see [`IndexRange`]. As in Rust, `..10` leaves 10 out.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::ZRange, cmd};
///
/// let args = |range: ZRange| {
///     let command = cmd("ZRANGE").arg("scores").arg(range);
///     let args = command.args().skip(2).map(|arg| String::from_utf8_lossy(arg).into_owned());
///     args.collect::<Vec<_>>().join(" ")
/// };
/// assert_eq!(args(ZRange::from(..10)), "0 9");
/// assert_eq!(args(ZRange::ranks(..10).reversed()), "0 9 REV");
/// assert_eq!(args(ZRange::scores(1.0..5.0)), "1.0 (5.0 BYSCORE");
/// assert_eq!(args(ZRange::scores(1.0..).reversed().limit(0, 3)), "+inf 1.0 BYSCORE REV LIMIT 0 3");
/// assert_eq!(args(ZRange::members("a"..="c")), "[a [c BYLEX");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ZRange {
    by: By,
    is_reversed: bool,
    limit: Option<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq)]
enum By {
    Rank(IndexRange),
    Score(ScoreRange),
    Member(LexRange),
}

// ===== impl ZAddOptions =====

impl ZAddOptions {
    /// All are added, or given their score if they are there already.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds members, but leaves those alone that are there (`NX`). The server refuses it together with
    /// [`only_if_greater`](Self::only_if_greater) or [`only_if_less`](Self::only_if_less).
    #[must_use]
    pub fn only_if_absent(mut self) -> Self {
        self.presence = Some("NX");
        self
    }

    /// Gives scores to members that are there, but adds none (`XX`).
    #[must_use]
    pub fn only_if_present(mut self) -> Self {
        self.presence = Some("XX");
        self
    }

    /// Changes no score but to a greater one (`GT`). Members are added all the same. Since 6.2.
    #[must_use]
    pub fn only_if_greater(mut self) -> Self {
        self.comparison = Some("GT");
        self
    }

    /// Changes no score but to a lesser one (`LT`). Members are added all the same. Since 6.2.
    #[must_use]
    pub fn only_if_less(mut self) -> Self {
        self.comparison = Some("LT");
        self
    }

    /// Counts the members whose score was changed too, not only those added (`CH`).
    #[must_use]
    pub fn counts_changed(mut self) -> Self {
        self.counts_changed = true;
        self
    }
}

impl ToArgs for ZAddOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.presence.write_args(out);
        self.comparison.write_args(out);
        self.counts_changed.then_some("CH").write_args(out);
    }
}

// ===== impl ZRange =====

impl ZRange {
    /// By rank, counted from 0; negative ones count from the end.
    pub fn ranks(range: impl Into<IndexRange>) -> Self {
        Self::new(By::Rank(range.into()))
    }

    /// By score (`BYSCORE`).
    pub fn scores(range: impl Into<ScoreRange>) -> Self {
        Self::new(By::Score(range.into()))
    }

    /// By member (`BYLEX`), where all members have the same score.
    pub fn members(range: impl Into<LexRange>) -> Self {
        Self::new(By::Member(range.into()))
    }

    fn new(by: By) -> Self {
        Self {
            by,
            is_reversed: false,
            limit: None,
        }
    }

    /// The greatest first (`REV`). Ranks count from the greatest then; scores and members stay as they were said,
    /// the lesser one first.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.is_reversed = true;
        self
    }

    /// Only so many members, from this one of the range on (`LIMIT`). The server refuses it for ranks.
    #[must_use]
    pub fn limit(mut self, offset: u64, count: u64) -> Self {
        self.limit = Some((offset, count));
        self
    }
}

impl ToArgs for ZRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        // ZRANGE .. REV wants the greater bound first, except for ranks, which it counts from the other end.
        match (&self.by, self.is_reversed) {
            (By::Rank(range), _) => range.write_args(out),
            (By::Score(range), false) => range.write_args(out),
            (By::Score(range), true) => range.write_reversed(out),
            (By::Member(range), false) => range.write_args(out),
            (By::Member(range), true) => range.write_reversed(out),
        }
        match self.by {
            By::Rank(_) => {}
            By::Score(_) => out.put("BYSCORE"),
            By::Member(_) => out.put("BYLEX"),
        }
        self.is_reversed.then_some("REV").write_args(out);
        self.limit.map(|limit| ("LIMIT", limit)).write_args(out);
    }
}

macro_rules! from_ranks {
    ($($range:ty),*) => {$(
        impl From<$range> for ZRange {
            fn from(range: $range) -> Self {
                Self::ranks(range)
            }
        }
    )*};
}

from_ranks!(
    RangeFull,
    Range<i64>,
    RangeFrom<i64>,
    RangeInclusive<i64>,
    RangeTo<i64>,
    RangeToInclusive<i64>,
    (i64, i64)
);
