//! Replies that are a value for each name, as those of `XINFO` are.

use std::collections::HashMap;

use crate::value::{ConversionError, FromValue, Value};

/// What is left of such a reply: each value is taken once, and what nobody takes, newer servers' additions among it,
/// is dropped.
pub(super) struct ReplyFields(HashMap<String, Value>);

impl ReplyFields {
    /// The value of this name.
    pub(super) fn take<T: FromValue>(&mut self, name: &str) -> Result<T, ConversionError> {
        let value = self.0.remove(name);
        let value = value.ok_or_else(|| {
            ConversionError::new(format!("a map with `{name}`"), &self.as_value())
        })?;
        T::from_value(value)
    }

    /// The value of this name, if the server sent one and it is not nil.
    pub(super) fn find<T: FromValue>(&mut self, name: &str) -> Result<Option<T>, ConversionError> {
        let value = self.0.remove(name).unwrap_or(Value::Nil);
        Option::from_value(value)
    }

    /// What an error says came in place of what was wanted.
    fn as_value(&self) -> Value {
        let pair = |(name, value): (&String, &Value)| {
            (Value::SimpleString(name.clone().into()), value.clone())
        };
        Value::Map(self.0.iter().map(pair).collect())
    }
}

impl FromValue for ReplyFields {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        HashMap::from_value(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_the_missing_one_is_named() {
        let name = |name: &'static str| Value::SimpleString(name.into());
        let reply = Value::Array(vec![name("a"), Value::Integer(1), name("b"), Value::Nil]);
        let mut fields = ReplyFields::from_value(reply).expect("a map");
        assert_eq!(fields.take::<u64>("a"), Ok(1));
        assert_eq!(fields.find::<u64>("b"), Ok(None));
        assert_eq!(fields.find::<u64>("c"), Ok(None));
        let error = fields.take::<u64>("c").unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a map with `c`, got a map of 0 pairs"
        );
    }
}
