//! Reading arguments.

use bytes::Bytes;

use super::{Request, reply};
use crate::value::ServerError;

/// An integer, as strictly as servers take it: no sign `+`, no leading zeros, no spaces.
pub(super) fn parse_int(arg: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(arg).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == arg).then_some(number)
}

pub(super) fn int(arg: &[u8]) -> Result<i64, ServerError> {
    parse_int(arg).ok_or_else(reply::not_an_integer)
}

/// A double with `inf`, but not NaN.
pub(super) fn parse_float(arg: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(arg).ok()?;
    let is_number = text.bytes().all(|byte| !byte.is_ascii_whitespace());
    let number: f64 = text.parse().ok()?;
    (is_number && !number.is_nan()).then_some(number)
}

pub(super) fn float(arg: &[u8]) -> Result<f64, ServerError> {
    parse_float(arg).ok_or_else(|| reply::error("ERR value is not a valid float"))
}

/// True if an argument is this word, in any case.
pub(super) fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// The argument in upper case, to be matched with words.
pub(super) fn upper(arg: &[u8]) -> String {
    String::from_utf8_lossy(arg).to_ascii_uppercase()
}

/// Positions from the start, or from the end if negative, made a range within `len`; empty if there is none.
pub(super) fn range(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let absolute = |position: i64| {
        if position < 0 {
            position.saturating_add(len)
        } else {
            position
        }
    };
    let start = absolute(start).max(0);
    let end = absolute(end).min(len - 1);
    if start > end || start >= len {
        return 0..0;
    }
    start as usize..end as usize + 1
}

impl<'a> Request<'a> {
    /// An argument by position.
    ///
    /// # Panics
    ///
    /// If there are fewer than the command's arity guarantees.
    pub(super) fn arg(&self, index: usize) -> &'a Bytes {
        &self.args[index]
    }

    /// The first key of most commands.
    pub(super) fn key(&self) -> &'a Bytes {
        self.arg(1)
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, ServerError> {
        int(self.arg(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        for wrong in [
            "+1",
            "01",
            " 1",
            "1 ",
            "",
            "-0",
            "9223372036854775808",
            "1.0",
        ] {
            assert_eq!(parse_int(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_int(b"-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn ranges_are_clamped() {
        assert_eq!(range(0, -1, 3), 0..3);
        assert_eq!(range(-100, 100, 3), 0..3);
        assert_eq!(range(2, 1, 3), 0..0);
        assert_eq!(range(3, 5, 3), 0..0);
        assert_eq!(range(i64::MIN, i64::MAX, 0), 0..0);
    }
}
