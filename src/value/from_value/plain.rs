//! What all replies convert to: the value itself, nothing, and the two ways to have an alternative.

use super::{ConversionError, FromValue};
use crate::value::{ServerError, Value};

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        Ok(value)
    }
}

impl FromValue for () {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        // Who asks for nothing must still hear that part of a pipeline or transaction failed.
        let mut pending = vec![&value];
        while let Some(next) = pending.pop() {
            match next.plain() {
                error @ Value::Error(_) => return Err(ConversionError::new("no error", error)),
                Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                    pending.extend(values.iter().rev());
                }
                Value::Map(pairs) => pending.extend(pairs.iter().flat_map(|(k, v)| [k, v])),
                _ => {}
            }
        }
        Ok(())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        if value.is_nil() {
            return Ok(None);
        }
        T::from_value(value).map(Some)
    }
}

impl<T: FromValue> FromValue for Result<T, ServerError> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value.as_error() {
            Some(error) => Ok(Err(error.clone())),
            None => T::from_value(value).map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Value {
        Value::Error(ServerError::new("ERR no"))
    }

    #[test]
    fn errors_among_the_elements_can_be_had_one_by_one() {
        let reply = Value::Array(vec![Value::Integer(1), failure()]);
        let results = Vec::<Result<i64, ServerError>>::from_value(reply).expect("an array");
        assert_eq!(results, [Ok(1), Err(ServerError::new("ERR no"))]);
    }

    #[test]
    fn nothing_does_not_hide_an_error() {
        assert_eq!(<()>::from_value(Value::Nil), Ok(()));
        assert_eq!(<()>::from_value(Value::Array(vec![Value::Nil])), Ok(()));
        for reply in [
            failure(),
            Value::Array(vec![Value::Array(vec![failure()])]),
            Value::Map(vec![(Value::Nil, failure())]),
        ] {
            let error = <()>::from_value(reply).unwrap_err();
            assert_eq!(error.server_error().map(ServerError::code), Some("ERR"));
        }
    }

    #[test]
    fn an_error_is_no_value_of_any_other_type() {
        assert!(Option::<String>::from_value(failure()).is_err());
        assert!(bool::from_value(failure()).is_err());
        assert!(Vec::<String>::from_value(failure()).is_err());
        assert_eq!(Value::from_value(failure()), Ok(failure()));
    }

    #[test]
    fn attributes_are_dropped() {
        let attributed = |value| Value::Attributed {
            attributes: vec![(Value::Integer(1), Value::Integer(2))],
            value: Box::new(value),
        };
        assert_eq!(Option::<i64>::from_value(attributed(Value::Nil)), Ok(None));
        assert_eq!(i64::from_value(attributed(Value::Integer(3))), Ok(3));
        assert!(matches!(
            Result::<i64, ServerError>::from_value(attributed(failure())),
            Ok(Err(_))
        ));
        let list = attributed(Value::Array(vec![attributed(Value::Integer(3))]));
        assert_eq!(Vec::<i64>::from_value(list), Ok(vec![3]));
    }
}
