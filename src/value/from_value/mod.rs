//! Conversion of replies to Rust types.

mod collection;
mod error;
mod number;
mod plain;
mod text;
mod tuple;

use super::Value;

pub use self::error::ConversionError;

/// A type that a reply can be converted to.
///
/// The same command is answered in different types by RESP2 and RESP3, by different servers and from inside scripts;
/// a conversion takes all that mean the same, and loses nothing:
///
/// | to | from |
/// |---|---|
/// | integers | integers, booleans, whole doubles, decimal digits in strings, if in range |
/// | `f32`, `f64` | doubles, integers, decimal numbers in strings, rounded to what the type holds |
/// | `bool` | booleans, the integers and strings 0 and 1; `OK` is true and nil is false, as `SET .. NX` answers |
/// | `String` | strings of all kinds, if UTF-8, and numbers, as decimal text |
/// | [`Bytes`](bytes::Bytes), `Vec<u8>`, `[u8; N]` | the same, UTF-8 or not; only `Bytes` is not a copy |
/// | `Vec<T>`, `[T; N]`, sets, tuples | arrays, sets, pushes, and maps as keys and values by turns |
/// | `HashMap`, `BTreeMap`, `Vec<(K, V)>` | maps, arrays of keys and values by turns, arrays of pairs |
/// | `Option<T>` | nil as `None`, all that `T` takes |
/// | `Result<T, ServerError>` | error replies as `Err`, all that `T` takes: for the elements of `EXEC`'s reply |
/// | `()` | anything that is not, and does not hold, an error reply |
/// | [`Value`] | anything, as it is |
///
/// Attributes are dropped, except by `Value`.
///
/// **Nil is no empty collection.** It means that there is no key, or that a transaction was aborted: ask for
/// `Option<Vec<T>>` where that may be. Only `Option`, `bool`, `()` and `Value` take it.
///
/// ```
/// use std::collections::HashMap;
/// use tower_redis_cluster::{FromValue, Value};
///
/// let resp2 = Value::Array(vec![Value::BulkString("age".into()), Value::BulkString("7".into())]);
/// let resp3 = Value::Map(vec![(Value::BulkString("age".into()), Value::Integer(7))]);
/// for reply in [resp2, resp3] {
///     let map = HashMap::<String, u8>::from_value(reply)?;
///     assert_eq!(map["age"], 7);
/// }
/// let error = Vec::<u8>::from_value(Value::Nil).unwrap_err();
/// let message = "expected a string, got nil: ask for an Option where there may be no value";
/// assert_eq!(error.to_string(), message);
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
///
/// For a type of one's own, convert to one of these first:
///
/// ```
/// use tower_redis_cluster::{ConversionError, FromValue, Value};
///
/// struct Port(u16);
///
/// impl FromValue for Port {
///     fn from_value(value: Value) -> Result<Self, ConversionError> {
///         u16::from_value(value).map(Port)
///     }
/// }
/// # assert_eq!(Port::from_value(Value::Integer(80)).unwrap().0, 80);
/// ```
pub trait FromValue: Sized {
    /// Converts a reply.
    ///
    /// # Errors
    ///
    /// If the value is of a type that does not mean `Self`, out of range, or an error reply.
    fn from_value(value: Value) -> Result<Self, ConversionError>;

    /// Converts to a vector of the type: bytes are strings and pairs are maps, all others are elements.
    #[doc(hidden)]
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConversionError> {
        collection::from_elements(value)
    }
}
