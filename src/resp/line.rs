//! The lines of the protocol: where they end, and the numbers in them.

/// What a header says of the length of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// `-1`, RESP2's null.
    Null,
    /// `?`: parts follow, and then an end mark.
    Streamed,
    /// This many bytes, elements or pairs.
    Of(usize),
}

/// The place of the first line feed, given that the first `scanned` bytes hold none.
pub(super) fn find_end(bytes: &[u8], scanned: usize) -> Option<usize> {
    // Headers are a handful of bytes: for them a plain loop is over before memchr has set itself up.
    const SHORT: usize = 16;

    let rest = bytes.get(scanned..)?;
    let (head, tail) = rest.split_at(rest.len().min(SHORT));
    match head.iter().position(|&byte| byte == b'\n') {
        Some(place) => Some(scanned + place),
        None => memchr::memchr(b'\n', tail).map(|place| scanned + head.len() + place),
    }
}

pub(super) fn length(text: &[u8]) -> Option<Length> {
    match text {
        b"-1" => Some(Length::Null),
        b"?" => Some(Length::Streamed),
        _ => usize::try_from(unsigned(text)?).ok().map(Length::Of),
    }
}

pub(super) fn integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        [b'+', digits @ ..] | digits => i64::try_from(unsigned(digits)?).ok(),
    }
}

fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

pub(super) fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"inf" | b"+inf" => return Some(f64::INFINITY),
        b"-inf" => return Some(f64::NEG_INFINITY),
        // Servers before 7.2 print what the C library prints, sign included.
        b"nan" | b"-nan" => return Some(f64::NAN),
        _ => {}
    }
    // Rust's own parser takes more than the protocol does, such as `infinity` and `.5`.
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(super) fn is_big_number(text: &[u8]) -> bool {
    let digits = match text {
        [b'-' | b'+', digits @ ..] | digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_feed_is_found_from_every_offset() {
        for len in 0..80 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(find_end(&bytes, 0), None);
            bytes.extend_from_slice(b"\nmore\n");
            for scanned in 0..=len {
                assert_eq!(find_end(&bytes, scanned), Some(len));
            }
        }
    }

    #[test]
    fn an_offset_beyond_the_bytes_finds_nothing() {
        assert_eq!(find_end(b"\n", 2), None);
    }

    #[test]
    fn integers_reach_both_ends_of_i64_and_no_further() {
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"+12"), Some(12));
        assert_eq!(integer(b"-0"), Some(0));
        for wrong in [
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "",
            "-",
            "+",
            "--1",
            "+-1",
            "1 ",
            " 1",
            "1a",
            "0x1",
        ] {
            assert_eq!(integer(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn lengths_take_no_sign_but_that_of_null() {
        assert_eq!(length(b"-1"), Some(Length::Null));
        assert_eq!(length(b"?"), Some(Length::Streamed));
        assert_eq!(length(b"0"), Some(Length::Of(0)));
        for wrong in ["", "+1", "-0", "-2", "-", "??", "99999999999999999999"] {
            assert_eq!(length(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn doubles_are_those_of_the_protocol() {
        for (text, number) in [
            ("1", 1.0),
            ("-1.5", -1.5),
            ("+1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(double(text.as_bytes()), Some(number), "{text}");
        }
        assert!(double(b"nan").is_some_and(f64::is_nan));
        for wrong in [
            "", "infinity", "NaN", ".5", "-", "-+1", "1.5.", "1,5", "0x1",
        ] {
            assert_eq!(double(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
