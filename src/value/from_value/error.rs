//! Why a value could not be converted.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{ServerError, Value};

/// A value is not what was asked for; see [`FromValue`](super::FromValue).
///
/// It says what was wanted and what came, by type and length; the contents of strings are left out. Where the value
/// was part of another, it says which, counted from 0: `element 2: expected an integer, got a bulk string of 5 bytes`.
#[derive(Clone, PartialEq)]
pub struct ConversionError {
    // Boxed, since every conversion's result has room for it.
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq)]
struct Inner {
    wanted: Cow<'static, str>,
    got: Shape,
    /// Where the value was, innermost first.
    path: Vec<Place>,
}

/// What can be told of a value without its contents.
#[derive(Clone, PartialEq)]
pub(super) enum Shape {
    Nil,
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Bytes(&'static str, usize),
    Elements(&'static str, usize),
    Pairs(usize),
    Error(ServerError),
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Element(usize),
    Key(usize),
    ValueOfKey(usize),
}

impl ConversionError {
    /// `wanted` is what would have been right, with its article: `an integer`.
    pub fn new(wanted: impl Into<Cow<'static, str>>, got: &Value) -> Self {
        Self::of_shape(wanted.into(), Shape::of(got))
    }

    pub(super) fn of_shape(wanted: Cow<'static, str>, got: Shape) -> Self {
        Self {
            inner: Box::new(Inner {
                wanted,
                got,
                path: Vec::new(),
            }),
        }
    }

    /// The server's error reply, if one came in place of what was wanted.
    pub fn server_error(&self) -> Option<&ServerError> {
        match &self.inner.got {
            Shape::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Says that the value was this element of an array, a set or a push, counted from 0.
    #[must_use]
    pub fn at_element(self, index: usize) -> Self {
        self.at(Place::Element(index))
    }

    /// Says that the value was the key of this pair of a map, counted from 0.
    #[must_use]
    pub fn at_key(self, index: usize) -> Self {
        self.at(Place::Key(index))
    }

    /// Says that the value was the value of this pair of a map, counted from 0.
    #[must_use]
    pub fn at_value(self, index: usize) -> Self {
        self.at(Place::ValueOfKey(index))
    }

    /// Which element of the whole the value was, or was a part of.
    pub(crate) fn element(&self) -> Option<usize> {
        match self.inner.path.last() {
            Some(Place::Element(index)) => Some(*index),
            _ => None,
        }
    }

    fn at(mut self, place: Place) -> Self {
        self.inner.path.push(place);
        self
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.inner.path.iter().rev() {
            match place {
                Place::Element(index) => write!(f, "element {index}: "),
                Place::Key(index) => write!(f, "key {index}: "),
                Place::ValueOfKey(index) => write!(f, "value {index}: "),
            }?;
        }
        write!(f, "expected {}, got {}", self.inner.wanted, self.inner.got)?;
        match self.inner.got {
            Shape::Nil => f.write_str(": ask for an Option where there may be no value"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConversionError({:?})", self.to_string())
    }
}

impl std::error::Error for ConversionError {}

impl From<ConversionError> for Error {
    fn from(error: ConversionError) -> Self {
        let ours = match error.server_error() {
            Some(server) if error.inner.path.is_empty() => return Self::server(server.clone()),
            // The place is in the source.
            Some(server) => Self::server(server.clone()).with_source(error),
            None => Self::new(ErrorKind::Conversion, error.to_string()),
        };
        // There was an answer: what it answers, or part of it, has been done.
        ours.with_delivery(Delivery::Unknown)
    }
}

// ===== impl Shape =====

impl Shape {
    pub(super) fn of(value: &Value) -> Self {
        let name = value.plain().type_name();
        match value.plain() {
            // A plain value has no attributes.
            Value::Nil | Value::Attributed { .. } => Self::Nil,
            Value::Integer(number) => Self::Integer(*number),
            Value::Double(number) => Self::Double(*number),
            Value::Boolean(truth) => Self::Boolean(*truth),
            Value::BigNumber(text)
            | Value::SimpleString(text)
            | Value::BulkString(text)
            | Value::VerbatimString { text, .. } => Self::Bytes(name, text.len()),
            Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                Self::Elements(name, values.len())
            }
            Value::Map(pairs) => Self::Pairs(pairs.len()),
            Value::Error(error) => Self::Error(error.clone()),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, count, unit) = match self {
            Self::Nil => return f.write_str("nil"),
            Self::Integer(number) => return write!(f, "the integer {number}"),
            Self::Double(number) => return write!(f, "the double {number}"),
            Self::Boolean(truth) => return write!(f, "the boolean {truth}"),
            Self::Error(error) => return write!(f, "the error {error}"),
            Self::Bytes(name, len) => (*name, *len, "byte"),
            Self::Elements(name, len) => (*name, *len, "element"),
            Self::Pairs(len) => ("map", *len, "pair"),
        };
        let article = if name.starts_with('a') { "an" } else { "a" };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{article} {name} of {count} {unit}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_came_and_where_but_not_the_contents() {
        let secret = Value::BulkString("hunter2".into());
        let error = ConversionError::new("an integer", &secret)
            .at_value(1)
            .at_element(2);
        assert_eq!(
            error.to_string(),
            "element 2: value 1: expected an integer, got a bulk string of 7 bytes"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn a_conversion_error_does_not_claim_that_nothing_was_applied() {
        let error = Error::from(ConversionError::new("an integer", &Value::Nil));
        assert_eq!(error.kind(), ErrorKind::Conversion);
        assert_eq!(error.delivery(), Delivery::Unknown);
    }

    #[test]
    fn a_server_error_stays_one() {
        let reply = Value::Error(ServerError::new("LOADING soon"));
        let error = Error::from(ConversionError::new("an integer", &reply));
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(error.delivery(), Delivery::NotApplied);
    }

    #[test]
    fn an_error_inside_a_reply_does_not_speak_for_the_whole() {
        let reply = Value::Error(ServerError::new("WRONGTYPE no"));
        let error = Error::from(ConversionError::new("an integer", &reply).at_element(1));
        assert_eq!(
            error.server_error().map(ServerError::code),
            Some("WRONGTYPE")
        );
        assert_eq!(error.delivery(), Delivery::Unknown);
    }
}
