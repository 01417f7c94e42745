//! Numbers and truth.

use std::str::FromStr;

use super::{ConversionError, FromValue};
use crate::value::Value;

macro_rules! integers {
    ($($integer:ident, $wanted:literal;)*) => {$(
        impl FromValue for $integer {
            fn from_value(value: Value) -> Result<Self, ConversionError> {
                integer(&value).ok_or_else(|| ConversionError::new($wanted, &value))
            }
        }
    )*};
}

integers! {
    i8, "an integer of 8 bits";
    i16, "an integer of 16 bits";
    i32, "an integer of 32 bits";
    i64, "an integer";
    i128, "an integer of 128 bits";
    isize, "an integer";
    u16, "an unsigned integer of 16 bits";
    u32, "an unsigned integer of 32 bits";
    u64, "an unsigned integer";
    u128, "an unsigned integer of 128 bits";
    usize, "an unsigned integer";
}

impl FromValue for u8 {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        integer(&value).ok_or_else(|| ConversionError::new("an unsigned integer of 8 bits", &value))
    }

    /// Many bytes are a string.
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConversionError> {
        super::text::bytes(value).map(Vec::from)
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value.plain() {
            Value::Double(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            other => parse(other),
        }
        .ok_or_else(|| ConversionError::new("a number", &value))
    }
}

impl FromValue for f32 {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        f64::from_value(value).map(|number| number as f32)
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value.plain() {
            Value::Boolean(truth) => Ok(*truth),
            Value::Integer(0) | Value::Nil => Ok(false),
            Value::Integer(1) => Ok(true),
            other => match other.as_bytes().map(AsRef::as_ref) {
                Some(b"0") => Ok(false),
                Some(b"1" | b"OK") => Ok(true),
                _ => Err(ConversionError::new("a boolean", other)),
            },
        }
    }
}

fn integer<T: TryFrom<i64> + FromStr>(value: &Value) -> Option<T> {
    /// Doubles below this hold every integer exactly.
    const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

    match value.plain() {
        Value::Integer(number) => T::try_from(*number).ok(),
        Value::Boolean(truth) => T::try_from(i64::from(*truth)).ok(),
        Value::Double(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            T::try_from(*number as i64).ok()
        }
        other => parse(other),
    }
}

fn parse<T: FromStr>(value: &Value) -> Option<T> {
    let text = match value {
        Value::BigNumber(digits) => digits,
        other => other.as_bytes()?,
    };
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &'static str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn integers_come_in_many_types() {
        for value in [
            Value::Integer(7),
            Value::Double(7.0),
            bulk("7"),
            Value::SimpleString("7".into()),
            Value::BigNumber("7".into()),
        ] {
            assert_eq!(i64::from_value(value.clone()), Ok(7));
            assert_eq!(u8::from_value(value.clone()), Ok(7));
            assert_eq!(usize::from_value(value), Ok(7));
        }
        assert_eq!(u32::from_value(Value::Boolean(true)), Ok(1));
        let big = Value::BigNumber("-170141183460469231731687303715884105728".into());
        assert_eq!(i128::from_value(big), Ok(i128::MIN));
    }

    #[test]
    fn what_is_out_of_range_or_not_whole_is_no_integer() {
        assert!(u8::from_value(Value::Integer(256)).is_err());
        assert!(u64::from_value(Value::Integer(-1)).is_err());
        assert!(i64::from_value(bulk("9223372036854775808")).is_err());
        assert!(i64::from_value(Value::Double(1.5)).is_err());
        assert!(i64::from_value(Value::Double(9_007_199_254_740_992.0)).is_err());
        assert!(i64::from_value(Value::Double(f64::NAN)).is_err());
        for value in [Value::Nil, bulk(""), bulk(" 7"), bulk("7.0")] {
            assert!(i64::from_value(value).is_err());
        }
        let error = i8::from_value(Value::Integer(300)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an integer of 8 bits, got the integer 300"
        );
    }

    #[test]
    fn doubles_come_as_strings_in_resp2() {
        assert_eq!(f64::from_value(Value::Double(0.1)), Ok(0.1));
        assert_eq!(f64::from_value(bulk("0.1")), Ok(0.1));
        assert_eq!(f64::from_value(bulk("-inf")), Ok(f64::NEG_INFINITY));
        assert_eq!(f64::from_value(Value::Integer(2)), Ok(2.0));
        assert_eq!(f32::from_value(bulk("0.1")), Ok(0.1));
        assert!(f64::from_value(bulk("x")).is_err());
        assert!(f64::from_value(Value::Nil).is_err());
    }

    #[test]
    fn truth_has_many_names() {
        for truth in [
            Value::Boolean(true),
            Value::Integer(1),
            bulk("1"),
            Value::SimpleString("OK".into()),
        ] {
            assert_eq!(bool::from_value(truth), Ok(true));
        }
        for lie in [
            Value::Boolean(false),
            Value::Integer(0),
            bulk("0"),
            Value::Nil,
        ] {
            assert_eq!(bool::from_value(lie), Ok(false));
        }
        for neither in [Value::Integer(2), bulk("yes"), Value::Array(vec![])] {
            assert!(bool::from_value(neither).is_err());
        }
    }
}
