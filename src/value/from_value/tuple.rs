//! Tuples: arrays of a known length, each element of its own type.

use super::collection::{elements, from_pairs};
use super::{ConversionError, FromValue};
use crate::value::Value;

macro_rules! tuple {
    ($len:literal: $($T:ident)+ $(; $vec:item)?) => {
        impl<$($T: FromValue),+> FromValue for ($($T,)+) {
            fn from_value(value: Value) -> Result<Self, ConversionError> {
                let mut values = exactly($len, value)?.into_iter().enumerate();
                Ok(($(next::<$T>(&mut values)?,)+))
            }

            $($vec)?
        }
    };
}

tuple!(1: A);
tuple!(2: A B;
    /// Many pairs are a map.
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConversionError> {
        from_pairs(value)
    }
);
tuple!(3: A B C);
tuple!(4: A B C D);
tuple!(5: A B C D E);
tuple!(6: A B C D E F);
tuple!(7: A B C D E F G);
tuple!(8: A B C D E F G H);
tuple!(9: A B C D E F G H I);
tuple!(10: A B C D E F G H I J);
tuple!(11: A B C D E F G H I J K);
tuple!(12: A B C D E F G H I J K L);

fn exactly(len: usize, value: Value) -> Result<Vec<Value>, ConversionError> {
    let wanted = || format!("an array of {len} elements");
    let values = elements(value, wanted)?;
    if values.len() == len {
        Ok(values)
    } else {
        Err(ConversionError::new(wanted(), &Value::Array(values)))
    }
}

fn next<T: FromValue>(
    values: &mut impl Iterator<Item = (usize, Value)>,
) -> Result<T, ConversionError> {
    let (index, value) = values
        .next()
        .expect("as many values as the tuple has elements");
    T::from_value(value).map_err(|error| error.at_element(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_has_its_type() {
        let value = Value::Array(vec![
            Value::Integer(0),
            Value::Array(vec![Value::BulkString("k".into())]),
            Value::Nil,
        ]);
        assert_eq!(
            <(u64, Vec<String>, Option<i64>)>::from_value(value),
            Ok((0, vec!["k".to_owned()], None))
        );
    }

    #[test]
    fn twelve_elements_keep_their_order() {
        let value = Value::Array((0..12).map(Value::Integer).collect());
        type Twelve = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);
        let expected = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        assert_eq!(Twelve::from_value(value), Ok(expected));
    }

    #[test]
    fn the_length_must_be_right() {
        let one = Value::Array(vec![Value::Integer(1)]);
        let error = <(i64, i64)>::from_value(one).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an array of 2 elements, got an array of 1 element"
        );
        assert!(<(i64,)>::from_value(Value::Integer(1)).is_err());
    }

    #[test]
    fn the_failing_element_is_named() {
        let value = Value::Array(vec![Value::Integer(1), Value::Nil]);
        let error = <(i64, i64)>::from_value(value).unwrap_err();
        let nil = "element 1: expected an integer, got nil: ask for an Option where there may be no value";
        assert_eq!(error.to_string(), nil);
    }
}
