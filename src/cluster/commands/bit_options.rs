//! Options of the bitmap commands.

use super::IndexRange;
use crate::command::{ArgWriter, ToArgs};

/// A range of bytes, or of bits.
///
/// Made of what [`IndexRange`] is made of, it is one of bytes.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::BitRange, cmd};
///
/// let command = cmd("BITCOUNT").arg("bits").arg(BitRange::bits(..10));
/// assert!(command.args().skip(2).eq(["0", "9", "BIT"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    range: IndexRange,
    is_bits: bool,
}

/// How bits are [combined](crate::Cluster::bitop).
///
/// ```
/// use tower_redis_cluster::{cluster::commands::BitOperation, cmd};
///
/// let command = cmd("BITOP").arg(BitOperation::And).arg(["{b}both", "{b}1", "{b}2"]);
/// assert!(command.args().eq(["BITOP", "AND", "{b}both", "{b}1", "{b}2"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BitOperation {
    /// 1 where all are.
    And,
    /// 1 where any is.
    Or,
    /// 1 where an odd number of them is.
    Xor,
    /// 1 where the only one is not.
    Not,
    /// 1 where the first is, and none of the others. Since Redis 8.2.
    Diff,
    /// 1 where the first is not, but any of the others. Since Redis 8.2.
    Diff1,
    /// 1 where the first is, and any of the others. Since Redis 8.2.
    AndOr,
    /// 1 where exactly one is. Since Redis 8.2.
    One,
}

// ===== impl BitRange =====

impl BitRange {
    /// From one byte to another.
    pub fn bytes(range: impl Into<IndexRange>) -> Self {
        Self {
            range: range.into(),
            is_bits: false,
        }
    }

    /// From one bit to another (`BIT`). Since 7.0.
    pub fn bits(range: impl Into<IndexRange>) -> Self {
        Self {
            range: range.into(),
            is_bits: true,
        }
    }
}

impl<T: Into<IndexRange>> From<T> for BitRange {
    fn from(range: T) -> Self {
        Self::bytes(range)
    }
}

impl ToArgs for BitRange {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (self.range, self.is_bits.then_some("BIT")).write_args(out);
    }
}

// ===== impl BitOperation =====

impl ToArgs for BitOperation {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::Not => "NOT",
            Self::Diff => "DIFF",
            Self::Diff1 => "DIFF1",
            Self::AndOr => "ANDOR",
            Self::One => "ONE",
        });
    }
}
