//! Options of the list commands.

use crate::command::{ArgWriter, ToArgs};

/// An end of a list.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::Side, cmd};
///
/// let command = cmd("LMOVE").arg(("from", "to", Side::Left, Side::Right));
/// assert!(command.args().skip(3).eq(["LEFT", "RIGHT"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where the first element is.
    Left,
    /// Where the last element is.
    Right,
}

/// Where to insert an element.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::Insert, cmd};
///
/// let command = cmd("LINSERT").arg("list").arg(Insert::Before("b")).arg("a");
/// assert!(command.args().skip(2).eq(["BEFORE", "b", "a"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert<T> {
    /// To the left of the first element like this.
    Before(T),
    /// To the right of the first element like this.
    After(T),
}

/// Where to look for an element.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::LPosOptions, cmd};
///
/// let command = cmd("LPOS").arg(("list", "x")).arg(LPosOptions::new().rank(-1));
/// assert!(command.args().skip(3).eq(["RANK", "-1"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LPosOptions {
    rank: Option<i64>,
    max_len: Option<u64>,
}

impl ToArgs for Side {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
        });
    }
}

impl<T: ToArgs> ToArgs for Insert<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match self {
            Self::Before(pivot) => ("BEFORE", pivot).write_args(out),
            Self::After(pivot) => ("AFTER", pivot).write_args(out),
        }
    }
}

// ===== impl LPosOptions =====

impl LPosOptions {
    /// From the first element on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with this match (`RANK`), counted from 1; -1 is the last, and looks from right to left. 0 is refused
    /// by the server.
    #[must_use]
    pub fn rank(mut self, rank: i64) -> Self {
        self.rank = Some(rank);
        self
    }

    /// Looks at this many elements at most (`MAXLEN`); 0 is all.
    #[must_use]
    pub fn max_len(mut self, elements: u64) -> Self {
        self.max_len = Some(elements);
        self
    }
}

impl ToArgs for LPosOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.rank.map(|rank| ("RANK", rank)).write_args(out);
        self.max_len.map(|len| ("MAXLEN", len)).write_args(out);
    }
}
