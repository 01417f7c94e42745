//! Differences, intersections and unions of sorted sets.

use super::typed::commands;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};

commands! {
    /// # Differences, intersections and unions of sorted sets
    ///
    /// All keys must be in one slot. They may be sets too, whose members have the score 1. N is the number of their
    /// members, K that of the keys, M that of the members in the result.
    group "Differences, intersections and unions of sorted sets";

    /// The members of the first that are in none of the others.
    ///
    /// `ZDIFF`, O(N+M*log(M)), since 6.2.
    fn zdiff<T>(keys: impl ToArgs) -> T {
        Command::known(&table::ZDIFF).counted(keys)
    }

    /// The members of the first that are in none of the others, with their scores.
    ///
    /// `ZDIFF .. WITHSCORES`, O(N+M*log(M)), since 6.2.
    fn zdiff_withscores<T>(keys: impl ToArgs) -> T {
        let command = Command::known(&table::ZDIFF).counted(keys);
        command.arg("WITHSCORES")
    }

    /// Stores what [`zdiff`](Self::zdiff) gives, in place of what the destination was; gives how many.
    ///
    /// `ZDIFFSTORE`, O(N+M*log(M)), since 6.2.
    fn zdiffstore(destination: impl ToArgs, keys: impl ToArgs) -> u64 {
        let command = Command::known(&table::ZDIFFSTORE).one(destination)?;
        command.counted(keys)
    }

    /// The members that are in all of them.
    ///
    /// `ZINTER`, O(N*K+M*log(M)) by the members of the smallest, since 6.2.
    fn zinter<T>(keys: impl ToArgs, scores: Combine) -> T {
        let command = Command::known(&table::ZINTER).counted(keys);
        command.arg(scores)
    }

    /// The members that are in all of them, with their scores.
    ///
    /// `ZINTER .. WITHSCORES`, O(N*K+M*log(M)) by the members of the smallest, since 6.2.
    fn zinter_withscores<T>(keys: impl ToArgs, scores: Combine) -> T {
        let command = Command::known(&table::ZINTER).counted(keys);
        command.arg(scores).arg("WITHSCORES")
    }

    /// Stores what [`zinter`](Self::zinter) gives, in place of what the destination was; gives how many.
    ///
    /// `ZINTERSTORE`, O(N*K+M*log(M)) by the members of the smallest, since 2.0.
    fn zinterstore(destination: impl ToArgs, keys: impl ToArgs, scores: Combine) -> u64 {
        let command = Command::known(&table::ZINTERSTORE).one(destination)?;
        command.counted(keys).arg(scores)
    }

    /// How many members are in all of them.
    ///
    /// `ZINTERCARD`, O(N*K) by the members of the smallest, since 7.0.
    fn zintercard(keys: impl ToArgs) -> u64 {
        Command::known(&table::ZINTERCARD).counted(keys)
    }

    /// As [`zintercard`](Self::zintercard), but counts no further than the limit; 0 is none.
    ///
    /// `ZINTERCARD .. LIMIT`, O(N*K) by the members of the smallest, since 7.0.
    fn zintercard_limit(keys: impl ToArgs, limit: u64) -> u64 {
        let command = Command::known(&table::ZINTERCARD).counted(keys);
        command.arg(("LIMIT", limit))
    }

    /// The members of all of them.
    ///
    /// `ZUNION`, O(N+M*log(M)), since 6.2.
    fn zunion<T>(keys: impl ToArgs, scores: Combine) -> T {
        let command = Command::known(&table::ZUNION).counted(keys);
        command.arg(scores)
    }

    /// The members of all of them, with their scores.
    ///
    /// `ZUNION .. WITHSCORES`, O(N+M*log(M)), since 6.2.
    fn zunion_withscores<T>(keys: impl ToArgs, scores: Combine) -> T {
        let command = Command::known(&table::ZUNION).counted(keys);
        command.arg(scores).arg("WITHSCORES")
    }

    /// Stores what [`zunion`](Self::zunion) gives, in place of what the destination was; gives how many.
    ///
    /// `ZUNIONSTORE`, O(N+M*log(M)), since 2.0.
    fn zunionstore(destination: impl ToArgs, keys: impl ToArgs, scores: Combine) -> u64 {
        let command = Command::known(&table::ZUNIONSTORE).one(destination)?;
        command.counted(keys).arg(scores)
    }
}

/// How the scores that a member has in several sorted sets become one.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{Aggregate, Combine}, cmd};
///
/// let scores = Combine::with(Aggregate::Max).weights([1.0, 2.5]);
/// let command = cmd("ZUNION").arg((2, "{s}a", "{s}b")).arg(scores);
/// let expected = ["WEIGHTS", "1.0", "2.5", "AGGREGATE", "MAX"];
/// assert!(command.args().skip(4).eq(expected.map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Combine {
    weights: Vec<f64>,
    aggregate: Aggregate,
}

/// What is done with several scores.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::Aggregate, cmd};
///
/// let command = cmd("ZINTER").arg((1, "scores", "AGGREGATE", Aggregate::Min));
/// assert!(command.args().skip(4).eq(["MIN".as_bytes()]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// They are added.
    #[default]
    Sum,
    /// The least is taken.
    Min,
    /// The greatest is taken.
    Max,
}

// ===== impl Combine =====

impl Combine {
    /// They are added.
    pub fn sum() -> Self {
        Self::default()
    }

    /// This is done with them.
    pub fn with(aggregate: Aggregate) -> Self {
        Self {
            weights: Vec::new(),
            aggregate,
        }
    }

    /// The scores of each key are multiplied with its weight first (`WEIGHTS`). The server refuses another number
    /// of weights than of keys.
    #[must_use]
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = weights.into();
        self
    }
}

impl From<Aggregate> for Combine {
    fn from(aggregate: Aggregate) -> Self {
        Self::with(aggregate)
    }
}

impl ToArgs for Combine {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        if !self.weights.is_empty() {
            ("WEIGHTS", &self.weights).write_args(out);
        }
        if self.aggregate != Aggregate::Sum {
            ("AGGREGATE", self.aggregate).write_args(out);
        }
    }
}

impl ToArgs for Aggregate {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Sum => "SUM",
            Self::Min => "MIN",
            Self::Max => "MAX",
        });
    }
}
