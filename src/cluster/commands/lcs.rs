//! Where a longest common subsequence is.

use std::ops::RangeInclusive;

use super::reply_fields::ReplyFields;
use crate::value::{ConversionError, FromValue, Value};

/// A run of bytes that two strings have [in common](crate::Cluster::lcs_idx).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LcsMatch {
    /// Where it is in the first, in bytes.
    pub first: RangeInclusive<u64>,
    /// Where it is in the second, in bytes.
    pub second: RangeInclusive<u64>,
}

/// What `LCS .. IDX` answers.
pub(super) struct LcsMatches(pub(super) Vec<LcsMatch>);

impl FromValue for LcsMatches {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        fields.take("matches").map(Self)
    }
}

impl FromValue for LcsMatch {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let ([first, last], [other_first, other_last]) = FromValue::from_value(value)?;
        Ok(Self {
            first: first..=last,
            second: other_first..=other_last,
        })
    }
}
