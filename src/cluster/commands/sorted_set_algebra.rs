//! Differences, intersections and unions of sorted sets.

use tower::{BoxError, Service};

use crate::cluster::Cluster;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

/// # Differences, intersections and unions of sorted sets
///
/// All keys must be in one slot. They may be sets too, whose members have the score 1. N is the number of their
/// members, K that of the keys, M that of the members in the result.
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// The members of the first that are in none of the others.
    ///
    /// `ZDIFF`, O(N+M*log(M)), since 6.2.
    pub async fn zdiff<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::ZDIFF).counted(keys))
            .await
    }

    /// The members of the first that are in none of the others, with their scores.
    ///
    /// `ZDIFF .. WITHSCORES`, O(N+M*log(M)), since 6.2.
    pub async fn zdiff_withscores<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        let command = Command::known(&table::ZDIFF).counted(keys);
        self.query(command.arg("WITHSCORES")).await
    }

    /// Stores what [`zdiff`](Cluster::zdiff) gives, in place of what the destination was; gives how many.
    ///
    /// `ZDIFFSTORE`, O(N+M*log(M)), since 6.2.
    pub async fn zdiffstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZDIFFSTORE).one(destination)?;
        self.query(command.counted(keys)).await
    }

    /// The members that are in all of them.
    ///
    /// `ZINTER`, O(N*K+M*log(M)) by the members of the smallest, since 6.2.
    pub async fn zinter<T: FromValue>(
        &self,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZINTER).counted(keys);
        self.query(command.arg(scores)).await
    }

    /// The members that are in all of them, with their scores.
    ///
    /// `ZINTER .. WITHSCORES`, O(N*K+M*log(M)) by the members of the smallest, since 6.2.
    pub async fn zinter_withscores<T: FromValue>(
        &self,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZINTER).counted(keys);
        self.query(command.arg(scores).arg("WITHSCORES")).await
    }

    /// Stores what [`zinter`](Cluster::zinter) gives, in place of what the destination was; gives how many.
    ///
    /// `ZINTERSTORE`, O(N*K+M*log(M)) by the members of the smallest, since 2.0.
    pub async fn zinterstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZINTERSTORE).one(destination)?;
        self.query(command.counted(keys).arg(scores)).await
    }

    /// How many members are in all of them.
    ///
    /// `ZINTERCARD`, O(N*K) by the members of the smallest, since 7.0.
    pub async fn zintercard(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::ZINTERCARD).counted(keys))
            .await
    }

    /// As [`zintercard`](Cluster::zintercard), but counts no further than the limit; 0 is none.
    ///
    /// `ZINTERCARD .. LIMIT`, O(N*K) by the members of the smallest, since 7.0.
    pub async fn zintercard_limit(&self, keys: impl ToArgs, limit: u64) -> Result<u64, Error> {
        let command = Command::known(&table::ZINTERCARD).counted(keys);
        self.query(command.arg(("LIMIT", limit))).await
    }

    /// The members of all of them.
    ///
    /// `ZUNION`, O(N+M*log(M)), since 6.2.
    pub async fn zunion<T: FromValue>(
        &self,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZUNION).counted(keys);
        self.query(command.arg(scores)).await
    }

    /// The members of all of them, with their scores.
    ///
    /// `ZUNION .. WITHSCORES`, O(N+M*log(M)), since 6.2.
    pub async fn zunion_withscores<T: FromValue>(
        &self,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZUNION).counted(keys);
        self.query(command.arg(scores).arg("WITHSCORES")).await
    }

    /// Stores what [`zunion`](Cluster::zunion) gives, in place of what the destination was; gives how many.
    ///
    /// `ZUNIONSTORE`, O(N+M*log(M)), since 2.0.
    pub async fn zunionstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
        scores: Combine,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZUNIONSTORE).one(destination)?;
        self.query(command.counted(keys).arg(scores)).await
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
