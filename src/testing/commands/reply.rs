//! Replies and errors, as servers word them.

use bytes::Bytes;

use super::Reply;
use crate::value::{ServerError, Value};

pub(in crate::testing) fn ok() -> Value {
    simple("OK")
}

pub(in crate::testing) fn simple(text: &'static str) -> Value {
    Value::SimpleString(Bytes::from_static(text.as_bytes()))
}

pub(super) fn bulk(bytes: impl Into<Bytes>) -> Value {
    Value::BulkString(bytes.into())
}

/// A bulk string, or nil.
pub(super) fn bulk_or_nil(bytes: Option<impl Into<Bytes>>) -> Value {
    bytes.map_or(Value::Nil, bulk)
}

pub(super) fn int(number: usize) -> Value {
    Value::Integer(number as i64)
}

/// 1 or 0: servers use no booleans for these, in any version.
pub(super) fn truth(is_so: bool) -> Value {
    Value::Integer(is_so.into())
}

pub(super) fn array<T: Into<Bytes>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(items.into_iter().map(bulk).collect())
}

pub(super) fn set<T: Into<Bytes>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::Set(items.into_iter().map(bulk).collect())
}

/// Text for people; a bulk string in RESP2.
pub(super) fn text(text: String) -> Value {
    Value::VerbatimString {
        format: *b"txt",
        text: text.into(),
    }
}

pub(in crate::testing) fn flatten(reply: Reply) -> Value {
    reply.unwrap_or_else(Value::Error)
}

// ===== errors =====

pub(in crate::testing) fn error(text: impl Into<Bytes>) -> ServerError {
    ServerError::new(text)
}

pub(in crate::testing) fn wrong_type() -> ServerError {
    error("WRONGTYPE Operation against a key holding the wrong kind of value")
}

pub(super) fn syntax() -> ServerError {
    error("ERR syntax error")
}

pub(super) fn not_an_integer() -> ServerError {
    error("ERR value is not an integer or out of range")
}

pub(super) fn no_such_key() -> ServerError {
    error("ERR no such key")
}

/// The name may be one with a subcommand's.
pub(super) fn wrong_arity(name: &str) -> ServerError {
    let name = name.to_ascii_lowercase().replace(' ', "|");
    error(format!(
        "ERR wrong number of arguments for '{name}' command"
    ))
}

pub(super) fn unknown_command(args: &[Bytes]) -> ServerError {
    let name = lossy(args.first().map_or(&[], |name| name), 128);
    let mut shown = String::new();
    for arg in args.iter().skip(1) {
        if shown.len() >= 128 {
            break;
        }
        shown.push_str(&format!("'{}' ", lossy(arg, 128 - shown.len())));
    }
    error(format!(
        "ERR unknown command '{name}', with args beginning with: {shown}"
    ))
}

/// At most so many bytes of an argument, as a text on one line.
pub(super) fn lossy(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(max)]);
    text.replace(['\r', '\n'], " ")
}
