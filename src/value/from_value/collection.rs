//! Collections: of elements, and of keys with their values.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::error::Shape;
use super::{ConversionError, FromValue};
use crate::value::Value;

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        T::vec_from_value(value)
    }
}

impl<T: FromValue, const N: usize> FromValue for [T; N] {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let shape = Shape::of(&value);
        T::vec_from_value(value)?
            .try_into()
            .map_err(|_| ConversionError::of_shape(format!("{N} elements or bytes").into(), shape))
    }
}

impl<T: FromValue + Eq + Hash, S: BuildHasher + Default> FromValue for HashSet<T, S> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        from_elements(value)
    }
}

impl<T: FromValue + Ord> FromValue for BTreeSet<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        from_elements(value)
    }
}

impl<K, V, S> FromValue for HashMap<K, V, S>
where
    K: FromValue + Eq + Hash,
    V: FromValue,
    S: BuildHasher + Default,
{
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        from_pairs(value)
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        from_pairs(value)
    }
}

/// The elements of an array, a set or a push; of a map the keys and values by turns, as in RESP2.
pub(super) fn elements(
    value: Value,
    wanted: impl FnOnce() -> String,
) -> Result<Vec<Value>, ConversionError> {
    match value.into_array() {
        Ok(values) => Ok(values),
        Err(Value::Map(pairs)) => Ok(pairs.into_iter().flat_map(<[Value; 2]>::from).collect()),
        Err(other) => Err(ConversionError::new(wanted(), &other)),
    }
}

pub(super) fn from_elements<C, T>(value: Value) -> Result<C, ConversionError>
where
    C: FromIterator<T>,
    T: FromValue,
{
    elements(value, || "an array".to_owned())?
        .into_iter()
        .enumerate()
        .map(|(index, element)| T::from_value(element).map_err(|error| error.at_element(index)))
        .collect()
}

pub(super) fn from_pairs<C, K, V>(value: Value) -> Result<C, ConversionError>
where
    C: FromIterator<(K, V)>,
    K: FromValue,
    V: FromValue,
{
    let values = match value.into_array() {
        Ok(values) => values,
        Err(Value::Map(pairs)) => return pairs.into_iter().enumerate().map(pair).collect(),
        Err(other) => return Err(ConversionError::new("a map", &other)),
    };
    // Keys are never aggregates: what begins with one is a list of pairs, as `XRANGE` or RESP3's
    // `ZRANGE .. WITHSCORES` answer.
    if values
        .first()
        .is_some_and(|first| first.as_array().is_some())
    {
        return values
            .into_iter()
            .enumerate()
            .map(|(index, element)| {
                <(K, V)>::from_value(element).map_err(|error| error.at_element(index))
            })
            .collect();
    }
    if values.len() % 2 == 1 {
        return Err(ConversionError::new(
            "a value for each key",
            &Value::Array(values),
        ));
    }
    let mut values = values.into_iter();
    std::iter::from_fn(|| values.next().zip(values.next()))
        .enumerate()
        .map(pair)
        .collect()
}

fn pair<K: FromValue, V: FromValue>(
    (index, (key, value)): (usize, (Value, Value)),
) -> Result<(K, V), ConversionError> {
    let key = K::from_value(key).map_err(|error| error.at_key(index))?;
    let value = V::from_value(value).map_err(|error| error.at_value(index))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &'static str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn a_map_may_come_in_three_shapes() {
        let map = Value::Map(vec![(bulk("a"), bulk("1")), (bulk("b"), Value::Integer(2))]);
        let flat = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), Value::Integer(2)]);
        let nested = Value::Array(vec![
            Value::Array(vec![bulk("a"), bulk("1")]),
            Value::Array(vec![bulk("b"), Value::Integer(2)]),
        ]);
        let expected = [("a".to_owned(), 1), ("b".to_owned(), 2)];
        for value in [map, flat, nested] {
            let pairs = Vec::<(String, i64)>::from_value(value.clone());
            assert_eq!(pairs.as_deref(), Ok(&expected[..]));
            let map = HashMap::<String, i64>::from_value(value.clone());
            assert_eq!(map, Ok(HashMap::from(expected.clone())));
            let map = BTreeMap::<String, i64>::from_value(value);
            assert_eq!(map, Ok(BTreeMap::from(expected.clone())));
        }
        let empty = Value::Array(vec![]);
        assert_eq!(Vec::<(String, i64)>::from_value(empty), Ok(vec![]));
    }

    #[test]
    fn a_stream_of_entries_converts() {
        let fields = Value::Array(vec![bulk("f"), bulk("v")]);
        let entries = Value::Array(vec![Value::Array(vec![bulk("1-1"), fields])]);
        type Entries = Vec<(String, Vec<(String, String)>)>;
        let fields = vec![("f".to_owned(), "v".to_owned())];
        assert_eq!(
            Entries::from_value(entries),
            Ok(vec![("1-1".to_owned(), fields)])
        );
    }

    #[test]
    fn a_map_is_its_keys_and_values_by_turns() {
        let map = Value::Map(vec![(bulk("a"), bulk("1"))]);
        assert_eq!(
            Vec::<String>::from_value(map),
            Ok(vec!["a".to_owned(), "1".to_owned()])
        );
    }

    #[test]
    fn sets_come_as_arrays_in_resp2() {
        let values = vec![bulk("a"), bulk("b"), bulk("a")];
        let expected = ["a".to_owned(), "b".to_owned()];
        for value in [Value::Set(values.clone()), Value::Array(values)] {
            let set = HashSet::<String>::from_value(value.clone());
            assert_eq!(set, Ok(HashSet::from(expected.clone())));
            let set = BTreeSet::<String>::from_value(value);
            assert_eq!(set, Ok(BTreeSet::from(expected.clone())));
        }
    }

    #[test]
    fn vectors_of_bytes_are_strings_at_every_depth() {
        let value = Value::Array(vec![bulk("a"), Value::Nil]);
        assert_eq!(
            Vec::<Option<Vec<u8>>>::from_value(value),
            Ok(vec![Some(b"a".to_vec()), None])
        );
    }

    #[test]
    fn nil_is_no_empty_collection() {
        assert!(Vec::<String>::from_value(Value::Nil).is_err());
        assert!(HashMap::<String, String>::from_value(Value::Nil).is_err());
        assert_eq!(Option::<Vec<String>>::from_value(Value::Nil), Ok(None));
    }

    #[test]
    fn errors_name_the_place() {
        let value = Value::Array(vec![Value::Array(vec![Value::Integer(1), bulk("x")])]);
        let error = Vec::<Vec<i64>>::from_value(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "element 0: element 1: expected an integer, got a bulk string of 1 byte"
        );
        let value = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), bulk("x")]);
        let error = HashMap::<String, i64>::from_value(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "value 1: expected an integer, got a bulk string of 1 byte"
        );
    }

    #[test]
    fn a_key_without_a_value_is_no_map() {
        let value = Value::Array(vec![bulk("a"), bulk("1"), bulk("b")]);
        let error = HashMap::<String, String>::from_value(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a value for each key, got an array of 3 elements"
        );
    }

    #[test]
    fn arrays_have_their_length() {
        let value = Value::Array(vec![Value::Integer(1), Value::Integer(2)]);
        assert_eq!(<[i64; 2]>::from_value(value.clone()), Ok([1, 2]));
        assert!(<[i64; 3]>::from_value(value).is_err());
        assert!(<[u8; 3]>::from_value(bulk("ab")).is_err());
    }
}
