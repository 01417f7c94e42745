//! What a server answers: [`Value`], and its conversion to Rust types by [`FromValue`].

mod from_value;
mod reveal;
mod server_error;

use std::fmt;

use bytes::Bytes;

use self::reveal::Reveal;

pub use self::from_value::{ConversionError, FromValue};
pub use self::server_error::ServerError;

/// A reply: every type of RESP2 and RESP3.
///
/// Strings are slices of the connection's read buffer, not copies: a small value kept for long keeps the buffer
/// it arrived in. Convert it to a `String` or `Vec<u8>` to keep it by itself.
///
/// An error reply is a value too, [`Value::Error`], wherever it stands: services answer `Ok` with it, and
/// [`Cluster`](crate::Cluster)'s methods turn it into an [`Error`](crate::Error).
///
/// `Debug` shows types and lengths but no contents, so that no key's value ends up in a log by accident.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
// What is smaller than a word is then beside the tag: a value is moved by each layer, and in whole words that is faster.
// It is no promise: the layout may change.
#[repr(u32)]
pub enum Value {
    /// Null; in RESP2 the null bulk string and the null array.
    Nil,
    /// A 64-bit signed integer.
    Integer(i64),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// An integer of any size, in decimal digits.
    BigNumber(Bytes),
    /// A status such as `OK`.
    SimpleString(Bytes),
    /// A binary-safe string.
    BulkString(Bytes),
    /// A text with its format, such as `txt` or `mkd`.
    VerbatimString {
        /// Three bytes that name the format.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// A list of values.
    Array(Vec<Value>),
    /// A list of values without an order.
    Set(Vec<Value>),
    /// Pairs of keys and values, in the order sent.
    Map(Vec<(Value, Value)>),
    /// Out-of-band data; the first element names its kind.
    Push(Vec<Value>),
    /// A value with the attributes sent ahead of it.
    Attributed {
        /// The attributes.
        attributes: Vec<(Value, Value)>,
        /// The value they belong to.
        value: Box<Value>,
    },
    /// An error reply.
    Error(ServerError),
}

impl Value {
    /// The name of its type, such as `bulk string`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::Boolean(_) => "boolean",
            Self::BigNumber(_) => "big number",
            Self::SimpleString(_) => "simple string",
            Self::BulkString(_) => "bulk string",
            Self::VerbatimString { .. } => "verbatim string",
            Self::Array(_) => "array",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
            Self::Push(_) => "push",
            Self::Attributed { .. } => "attributed value",
            Self::Error(_) => "error",
        }
    }

    /// True for [`Nil`](Value::Nil), with or without attributes.
    pub fn is_nil(&self) -> bool {
        matches!(self.plain(), Self::Nil)
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self.plain() {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The contents of a simple, bulk or verbatim string.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self.plain() {
            Self::SimpleString(text)
            | Self::BulkString(text)
            | Self::VerbatimString { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The contents of a simple, bulk or verbatim string that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The elements of an array, a set or a push.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self.plain() {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => Some(values),
            _ => None,
        }
    }

    /// The error reply, if it is one. Those inside an aggregate are not looked for.
    pub fn as_error(&self) -> Option<&ServerError> {
        match self.plain() {
            Self::Error(error) => Some(error),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push; others are given back.
    ///
    /// # Errors
    ///
    /// The value itself, without its attributes, if it is of another type.
    pub fn into_array(self) -> Result<Vec<Value>, Value> {
        match self.into_plain() {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => Ok(values),
            other => Err(other),
        }
    }

    /// The value without the attributes sent ahead of it. Those of its elements stay.
    pub fn plain(&self) -> &Value {
        let mut plain = self;
        while let Self::Attributed { value, .. } = plain {
            plain = value;
        }
        plain
    }

    /// The value without the attributes sent ahead of it. Those of its elements stay.
    #[inline]
    pub fn into_plain(self) -> Value {
        let mut plain = self;
        while let Self::Attributed { value, .. } = plain {
            plain = *value;
        }
        plain
    }

    /// Shows the contents, as `redis-cli` does: for people at a terminal, not for logs.
    ///
    /// Bytes that are not printable ASCII are escaped.
    ///
    /// ```
    /// use tower_redis_cluster::Value;
    ///
    /// let value = Value::Array(vec![Value::BulkString("caf\u{e9}".into()), Value::Integer(7)]);
    /// assert_eq!(value.reveal().to_string(), "1) \"caf\\xc3\\xa9\"\n2) (integer) 7");
    /// assert_eq!(format!("{value:?}"), "Array([BulkString(5 bytes), Integer(7)])");
    /// ```
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        Reveal(self)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = |name, text: &Bytes| write!(f, "{name}({} bytes)", text.len());
        match self {
            Self::BigNumber(digits) => text("BigNumber", digits),
            Self::SimpleString(line) => text("SimpleString", line),
            Self::BulkString(string) => text("BulkString", string),
            Self::VerbatimString { text: string, .. } => text("VerbatimString", string),
            Self::Nil => f.write_str("Nil"),
            Self::Integer(number) => f.debug_tuple("Integer").field(number).finish(),
            Self::Double(number) => f.debug_tuple("Double").field(number).finish(),
            Self::Boolean(truth) => f.debug_tuple("Boolean").field(truth).finish(),
            Self::Array(values) => f.debug_tuple("Array").field(values).finish(),
            Self::Set(values) => f.debug_tuple("Set").field(values).finish(),
            Self::Map(pairs) => f.debug_tuple("Map").field(pairs).finish(),
            Self::Push(values) => f.debug_tuple("Push").field(values).finish(),
            Self::Attributed { attributes, value } => f
                .debug_struct("Attributed")
                .field("attributes", attributes)
                .field("value", value)
                .finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_contents_of_no_string() {
        let secret = || Bytes::from_static(b"hunter2");
        let value = Value::Map(vec![
            (Value::SimpleString(secret()), Value::BulkString(secret())),
            (
                Value::BigNumber(secret()),
                Value::VerbatimString {
                    format: *b"txt",
                    text: secret(),
                },
            ),
        ]);
        let attributed = Value::Attributed {
            attributes: vec![(value.clone(), value)],
            value: Box::new(Value::Nil),
        };
        assert!(!format!("{attributed:?}").contains("hunter2"));
        assert!(attributed.reveal().to_string().contains("hunter2"));
    }

    #[test]
    fn accessors_look_behind_attributes() {
        let behind = |value| Value::Attributed {
            attributes: Vec::new(),
            value: Box::new(Value::Attributed {
                attributes: Vec::new(),
                value: Box::new(value),
            }),
        };
        let error = ServerError::new("ERR no");
        let list = vec![Value::Nil];
        assert!(behind(Value::Nil).is_nil());
        assert_eq!(behind(Value::Integer(1)).as_integer(), Some(1));
        assert_eq!(behind(Value::SimpleString("a".into())).as_str(), Some("a"));
        assert_eq!(behind(Value::Error(error.clone())).as_error(), Some(&error));
        assert_eq!(behind(Value::Set(list.clone())).as_array(), Some(&list[..]));
        assert_eq!(behind(Value::Push(list.clone())).into_array(), Ok(list));
        assert_eq!(behind(Value::Nil).into_array(), Err(Value::Nil));
    }
}
