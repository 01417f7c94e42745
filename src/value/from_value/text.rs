//! Strings, of text and of bytes.

use bytes::Bytes;

use super::{ConversionError, FromValue};
use crate::resp::format_double;
use crate::value::Value;

impl FromValue for Bytes {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        bytes(value)
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        // The common case, without a look at the rest and with one copy.
        match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None if value.as_bytes().is_some() => Err(ConversionError::new("UTF-8 text", &value)),
            None => {
                // A big number or a number: digits.
                let text = bytes(value)?;
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
        }
    }
}

/// The contents of a string, or a number in decimal.
pub(super) fn bytes(value: Value) -> Result<Bytes, ConversionError> {
    match value.into_plain() {
        Value::BulkString(text)
        | Value::SimpleString(text)
        | Value::VerbatimString { text, .. }
        | Value::BigNumber(text) => Ok(text),
        Value::Integer(number) => Ok(Bytes::copy_from_slice(
            itoa::Buffer::new().format(number).as_bytes(),
        )),
        Value::Double(number) => {
            let mut buffer = ryu::Buffer::new();
            let text = format_double(number, &mut buffer);
            Ok(Bytes::copy_from_slice(text.as_bytes()))
        }
        other => Err(ConversionError::new("a string", &other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_all_kinds_and_numbers_are_text() {
        for (value, text) in [
            (Value::BulkString("a".into()), "a"),
            (Value::SimpleString("a".into()), "a"),
            (
                Value::VerbatimString {
                    format: *b"txt",
                    text: "a".into(),
                },
                "a",
            ),
            (Value::BigNumber("123".into()), "123"),
            (Value::Integer(-5), "-5"),
            (Value::Double(1.5), "1.5"),
            (Value::Double(2.0), "2"),
        ] {
            assert_eq!(String::from_value(value.clone()).as_deref(), Ok(text));
            assert_eq!(
                Bytes::from_value(value.clone()).as_deref(),
                Ok(text.as_bytes())
            );
            assert_eq!(Vec::<u8>::from_value(value).as_deref(), Ok(text.as_bytes()));
        }
    }

    #[test]
    fn only_text_has_to_be_utf8() {
        let value = Value::BulkString(Bytes::from_static(b"\xff\x00"));
        let error = String::from_value(value.clone()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected UTF-8 text, got a bulk string of 2 bytes"
        );
        assert_eq!(Vec::<u8>::from_value(value.clone()), Ok(vec![0xff, 0]));
        assert_eq!(<[u8; 2]>::from_value(value), Ok([0xff, 0]));
    }

    #[test]
    fn bytes_are_not_copied() {
        let text = Bytes::from(vec![1, 2, 3]);
        let same = Bytes::from_value(Value::BulkString(text.clone())).expect("a string");
        assert_eq!(same.as_ptr(), text.as_ptr());
    }

    #[test]
    fn neither_nil_nor_an_aggregate_is_a_string() {
        assert!(String::from_value(Value::Nil).is_err());
        assert!(Vec::<u8>::from_value(Value::Array(vec![])).is_err());
        assert!(Bytes::from_value(Value::Boolean(true)).is_err());
    }
}
