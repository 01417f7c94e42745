//! Reading the parts of a reply, in RESP2 and RESP3 alike.

use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// More entries than slots cannot be right.
const MAX_ENTRIES: usize = 16384;

/// The entries of a whole reply.
pub(super) fn entries<'a>(reply: &'a Value, command: &str) -> Result<&'a [Value], Error> {
    match plain(reply) {
        Value::Error(error) => Err(refusal(error, command)),
        reply => list(reply)
            .filter(|entries| entries.len() <= MAX_ENTRIES)
            .ok_or_else(|| malformed(command, "expected an array of at most 16384 entries")),
    }
}

/// The error for an answer that makes no sense.
pub(super) fn malformed(command: &str, what: impl std::fmt::Display) -> Error {
    Error::not_sent(
        ErrorKind::Protocol,
        format!("malformed answer to {command}: {what}"),
    )
}

fn refusal(error: &crate::value::ServerError, command: &str) -> Error {
    let is_standalone =
        memchr::memmem::find(error.message(), b"cluster support disabled").is_some();
    if is_standalone {
        let message = "not a cluster node: its cluster support is disabled";
        return Error::not_sent(ErrorKind::Config, message);
    }
    let kind = match error.code() {
        "NOAUTH" | "WRONGPASS" => ErrorKind::Authentication,
        _ => ErrorKind::Topology,
    };
    Error::not_sent(kind, format!("{command} was refused: {error}"))
}

/// The value without its attributes.
fn plain(value: &Value) -> &Value {
    match value {
        Value::Attributed { value, .. } => plain(value),
        value => value,
    }
}

pub(super) fn list(value: &Value) -> Option<&[Value]> {
    match plain(value) {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match plain(value) {
        Value::BulkString(text)
        | Value::SimpleString(text)
        | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

pub(super) fn integer(value: &Value) -> Option<i64> {
    match plain(value) {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn is_nil(value: &Value) -> bool {
    matches!(plain(value), Value::Nil)
}

/// The value of a field, in a RESP3 map or in RESP2's flat array of names and values.
pub(super) fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let is_name = |value| bytes(value) == Some(name.as_bytes());
    match plain(record) {
        Value::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| is_name(key))
            .map(|(_, value)| value),
        Value::Array(items) => items
            .chunks_exact(2)
            .find(|pair| is_name(&pair[0]))
            .map(|pair| &pair[1]),
        _ => None,
    }
}

/// The slots `from..=to`, if that is what these two are.
pub(super) fn slot_range(from: Option<&Value>, to: Option<&Value>) -> Result<(u16, u16), String> {
    let slot = |value: Option<&Value>| {
        let number = value
            .and_then(integer)
            .ok_or("expected the first and the last slot as integers")?;
        u16::try_from(number)
            .ok()
            .and_then(crate::command::Slot::new)
            .map(crate::command::Slot::number)
            .ok_or_else(|| format!("slot {number} is out of range"))
    };
    let (from, to) = (slot(from)?, slot(to)?);
    if from > to {
        return Err(format!("slots {from} to {to} are in the wrong order"));
    }
    Ok((from, to))
}

#[cfg(test)]
pub(super) mod testing {
    //! Short ways to write replies down.

    use crate::value::Value;

    pub(crate) fn int(number: i64) -> Value {
        Value::Integer(number)
    }

    pub(crate) fn bulk(text: &str) -> Value {
        Value::BulkString(text.to_owned().into())
    }

    pub(crate) fn array(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Array(items.into_iter().collect())
    }

    pub(crate) fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Map(
            fields
                .into_iter()
                .map(|(name, value)| (bulk(name), value))
                .collect(),
        )
    }

    pub(crate) fn flat<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        array(
            fields
                .into_iter()
                .flat_map(|(name, value)| [bulk(name), value]),
        )
    }
}
