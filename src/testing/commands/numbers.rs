//! Numbers in strings.

use bytes::Bytes;

use super::{ONE, Reply, Request, Spec, args, reply, write};
use crate::testing::store::Data;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("INCR", 2, ONE, |r| add(r, 1)),
    write("DECR", 2, ONE, |r| add(r, -1)),
    write("INCRBY", 3, ONE, |r| add(r, r.int(2)?)),
    write("DECRBY", 3, ONE, |r| {
        let less = r.int(2)?.checked_neg();
        let less = less.ok_or_else(|| reply::error("ERR decrement would overflow"))?;
        add(r, less)
    }),
    write("INCRBYFLOAT", 3, ONE, add_float),
];

fn add(r: &mut Request<'_>, more: i64) -> Reply {
    let old = match r.store.read::<Bytes>(r.key())? {
        Some(value) => args::int(value)?,
        None => 0,
    };
    let new = sum(old, more)?;
    put(r, new.to_string())?;
    Ok(Value::Integer(new))
}

pub(super) fn sum(old: i64, more: i64) -> Result<i64, ServerError> {
    let new = old.checked_add(more);
    new.ok_or_else(|| reply::error("ERR increment or decrement would overflow"))
}

fn add_float(r: &mut Request<'_>) -> Reply {
    let old = r.store.read::<Bytes>(r.key())?.cloned();
    let new = sum_floats(
        old.as_deref().unwrap_or(b"0"),
        r.arg(2),
        "ERR value is not a valid float",
    )?;
    put(r, new.clone())?;
    Ok(reply::bulk(new))
}

fn put(r: &mut Request<'_>, number: String) -> Result<(), ServerError> {
    // In place, so that the key keeps its expiry.
    if !r.store.contains(r.key()) {
        r.store.insert(r.key(), Data::String(Bytes::new()), None);
    }
    r.store
        .edit::<Bytes, _>(r.key(), |value| *value = number.into())
}

/// The sum of two numbers with a point, written as servers do. `invalid` is the error when the first is none.
pub(super) fn sum_floats(
    old: &[u8],
    more: &[u8],
    invalid: &'static str,
) -> Result<String, ServerError> {
    let old_float = args::parse_float(old).ok_or_else(|| reply::error(invalid))?;
    let more_float = args::float(more)?;
    if let (Some(old), Some(more)) = (decimal(old), decimal(more))
        && let Some(sum) = old.checked_add(more)
    {
        return Ok(show_decimal(sum));
    }
    let sum = old_float + more_float;
    if !sum.is_finite() {
        return Err(reply::error("ERR increment would produce NaN or Infinity"));
    }
    Ok(format!("{sum}"))
}

/// Digits after the point that servers write.
const PLACES: u32 = 17;

/// A number in units of 10^-17. Servers add in 80 bit floats and show 17 places, which no `f64` comes close to.
fn decimal(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (text, 0i32),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{part}").parse().ok()?;
    let shift = PLACES as i32 + exponent - i32::try_from(part.len()).ok()?;
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    let scaled = if shift >= 0 {
        number.checked_mul(power)?
    } else {
        number / power
    };
    Some(sign * scaled)
}

fn show_decimal(number: i128) -> String {
    let one = 10u128.pow(PLACES);
    let (whole, part) = (number.unsigned_abs() / one, number.unsigned_abs() % one);
    let sign = if number < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{part:017}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_add_up_as_people_expect() {
        for (old, more, sum) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("-1", "0.5", "-0.5"),
            ("3", "-3", "0"),
        ] {
            let found = sum_floats(old.as_bytes(), more.as_bytes(), "").expect("numbers");
            assert_eq!(found, sum, "{old} + {more}");
        }
    }
}
