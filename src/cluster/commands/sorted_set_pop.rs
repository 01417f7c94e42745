//! Taking members from the ends of sorted sets.

use std::time::Duration;

use super::typed::commands;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};

commands! {
    /// # Priority queues of sorted sets
    ///
    /// A timeout of `None` is forever.
    group "Priority queues of sorted sets";

    /// Takes the member with the least score.
    ///
    /// `ZPOPMIN`, O(log(N)), since 5.0.
    fn zpopmin<T>(key: impl ToArgs) -> Option<(T, f64)> {
        Command::known(&table::ZPOPMIN).one(key)?
    }
    from first;

    /// Takes up to so many members with the least scores, and gives them with their scores, the least first.
    ///
    /// `ZPOPMIN`, O(log(N)) for each, since 5.0.
    fn zpopmin_count<T>(key: impl ToArgs, count: u64) -> T {
        Command::known(&table::ZPOPMIN).one(key)?.arg(count)
    }

    /// Takes the member with the greatest score.
    ///
    /// `ZPOPMAX`, O(log(N)), since 5.0.
    fn zpopmax<T>(key: impl ToArgs) -> Option<(T, f64)> {
        Command::known(&table::ZPOPMAX).one(key)?
    }
    from first;

    /// Takes up to so many members with the greatest scores, and gives them with their scores, the greatest first.
    ///
    /// `ZPOPMAX`, O(log(N)) for each, since 5.0.
    fn zpopmax_count<T>(key: impl ToArgs, count: u64) -> T {
        Command::known(&table::ZPOPMAX).one(key)?.arg(count)
    }

    /// Takes up to so many members from the first of these sorted sets that has any. The keys must be in one
    /// slot. Gives that key and its members with their scores, if any: ask for an
    /// `Option<(String, Vec<(String, f64)>)>`.
    ///
    /// `ZMPOP`, O(K+M*log(N)) by the keys and the members given, since 7.0.
    fn zmpop<T>(keys: impl ToArgs, which: Extreme, count: u64) -> T {
        let command = Command::known(&table::ZMPOP).counted(keys).arg(which);
        command.arg(("COUNT", count))
    }

    /// As [`zmpop`](Self::zmpop), and waits for a member; nil if none comes in time.
    ///
    /// `BZMPOP`, O(K+M*log(N)) by the keys and the members given, since 7.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn bzmpop<T>(
        keys: impl ToArgs,
        which: Extreme,
        count: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> T {
        let command = Command::known(&table::BZMPOP).block_for(timeout.into())?;
        let command = command.counted(keys).arg(which);
        command.arg(("COUNT", count))
    }

    /// Takes the member with the least score from the first of these sorted sets that has any, and waits for one.
    /// The keys must be in one slot. Gives the key, the member and its score, nil if none comes in time: ask for
    /// an `Option<(String, String, f64)>`.
    ///
    /// `BZPOPMIN`, O(log(N)), since 5.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn bzpopmin<T>(keys: impl ToArgs, timeout: impl Into<Option<Duration>>) -> T {
        let command = Command::known(&table::BZPOPMIN).arg(keys);
        command.block_for(timeout.into())?
    }

    /// As [`bzpopmin`](Self::bzpopmin), but takes the member with the greatest score.
    ///
    /// `BZPOPMAX`, O(log(N)), since 5.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn bzpopmax<T>(keys: impl ToArgs, timeout: impl Into<Option<Duration>>) -> T {
        let command = Command::known(&table::BZPOPMAX).arg(keys);
        command.block_for(timeout.into())?
    }
}

/// An end of a sorted set.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::Extreme, cmd};
///
/// let command = cmd("ZMPOP").arg((1, "scores", Extreme::Min));
/// assert!(command.args().skip(3).eq(["MIN".as_bytes()]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The members with the least scores.
    Min,
    /// The members with the greatest scores.
    Max,
}

impl ToArgs for Extreme {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Min => "MIN",
            Self::Max => "MAX",
        });
    }
}

/// Without a count the reply is the member and its score, or an empty array.
fn first<T>(mut pairs: Vec<(T, f64)>) -> Option<(T, f64)> {
    pairs.pop()
}
