//! The encoder: what a server would send for a value.

use bytes::{BufMut, BytesMut};

use super::{Version, line};
use crate::value::Value;

/// Appends `value` to `out` as a server sends it in this version of the protocol.
///
/// In RESP3, decoding gives the same value again. RESP2 has fewer types, and servers send the nearest: pairs of a
/// map become elements of an array, sets and pushes arrays, doubles and big numbers bulk strings, booleans the
/// integers 0 and 1; attributes are left out.
///
/// What would break the framing is sent in the nearest type that can hold it: a simple string with a line break,
/// or a big number that is none, as a bulk string; an error with a line break as a bulk error, or in RESP2 with
/// spaces for it, as servers do.
pub fn encode(value: &Value, version: Version, out: &mut BytesMut) {
    let mut encoder = Encoder { version, out };
    // Not recursive, as the decoder is not: the next value to send is the last here.
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        encoder.value(value);
        match value {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                pending.extend(values.iter().rev());
            }
            Value::Map(pairs) => pending.extend(backwards(pairs)),
            Value::Attributed { attributes, value } => {
                pending.push(value);
                if version == Version::Resp3 {
                    pending.extend(backwards(attributes));
                }
            }
            _ => {}
        }
    }
}

fn backwards(pairs: &[(Value, Value)]) -> impl Iterator<Item = &Value> {
    pairs.iter().rev().flat_map(|(key, value)| [value, key])
}

struct Encoder<'a> {
    version: Version,
    out: &'a mut BytesMut,
}

impl Encoder<'_> {
    /// Sends a value, but of an aggregate no more than the header.
    fn value(&mut self, value: &Value) {
        let resp3 = self.version == Version::Resp3;
        match value {
            Value::Nil if resp3 => self.line(b'_', b""),
            Value::Nil => self.line(b'$', b"-1"),
            Value::Integer(number) => self.integer(b':', *number),
            Value::Double(number) => self.double(*number),
            Value::Boolean(truth) if resp3 => self.line(b'#', if *truth { b"t" } else { b"f" }),
            Value::Boolean(truth) => self.integer(b':', i64::from(*truth)),
            Value::BigNumber(digits) if resp3 && line::is_big_number(digits) => {
                self.line(b'(', digits);
            }
            Value::SimpleString(text) if is_line(text) => self.line(b'+', text),
            Value::BigNumber(text) | Value::SimpleString(text) | Value::BulkString(text) => {
                self.blob(b'$', &[text]);
            }
            Value::VerbatimString { format, text } if resp3 => {
                self.blob(b'=', &[format, b":", text]);
            }
            Value::VerbatimString { text, .. } => self.blob(b'$', &[text]),
            Value::Error(error) if is_line(error.as_bytes()) => self.line(b'-', error.as_bytes()),
            Value::Error(error) if resp3 => self.blob(b'!', &[error.as_bytes()]),
            Value::Error(error) => {
                let text: Vec<u8> = error
                    .as_bytes()
                    .iter()
                    .map(|&byte| {
                        if matches!(byte, b'\r' | b'\n') {
                            b' '
                        } else {
                            byte
                        }
                    })
                    .collect();
                self.line(b'-', &text);
            }
            Value::Set(values) if resp3 => self.length(b'~', values.len()),
            Value::Push(values) if resp3 => self.length(b'>', values.len()),
            Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                self.length(b'*', values.len());
            }
            Value::Map(pairs) if resp3 => self.length(b'%', pairs.len()),
            Value::Map(pairs) => self.length(b'*', 2 * pairs.len()),
            Value::Attributed { attributes, .. } if resp3 => self.length(b'|', attributes.len()),
            Value::Attributed { .. } => {}
        }
    }

    fn line(&mut self, type_byte: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.put_u8(type_byte);
        self.out.put_slice(text);
        self.out.put_slice(b"\r\n");
    }

    fn integer(&mut self, type_byte: u8, number: i64) {
        self.line(type_byte, itoa::Buffer::new().format(number).as_bytes());
    }

    fn length(&mut self, type_byte: u8, length: usize) {
        self.line(type_byte, itoa::Buffer::new().format(length).as_bytes());
    }

    fn blob(&mut self, type_byte: u8, parts: &[&[u8]]) {
        self.length(type_byte, parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.out.put_slice(part);
        }
        self.out.put_slice(b"\r\n");
    }

    fn double(&mut self, number: f64) {
        let mut buffer = ryu::Buffer::new();
        let text = format_double(number, &mut buffer).as_bytes();
        match self.version {
            Version::Resp3 => self.line(b',', text),
            Version::Resp2 => self.blob(b'$', &[text]),
        }
    }
}

/// A double as servers write it: the shortest form that reads back the same, whole numbers without a point.
pub(crate) fn format_double(number: f64, buffer: &mut ryu::Buffer) -> &str {
    if number.is_nan() {
        "nan"
    } else if number.is_infinite() {
        if number > 0.0 { "inf" } else { "-inf" }
    } else {
        let text = buffer.format_finite(number);
        text.strip_suffix(".0").unwrap_or(text)
    }
}

fn is_line(text: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ServerError;

    fn encoded(value: &Value, version: Version) -> String {
        let mut out = BytesMut::new();
        encode(value, version, &mut out);
        String::from_utf8(out.to_vec()).expect("these tests encode text")
    }

    #[test]
    fn resp2_takes_the_nearest_type() {
        let pairs = vec![(Value::Boolean(true), Value::Double(1.5))];
        for (value, bytes) in [
            (Value::Nil, "$-1\r\n"),
            (Value::Double(f64::NEG_INFINITY), "$4\r\n-inf\r\n"),
            (Value::Double(3.0), "$1\r\n3\r\n"),
            (Value::Boolean(false), ":0\r\n"),
            (Value::BigNumber("-12".into()), "$3\r\n-12\r\n"),
            (Value::Map(pairs.clone()), "*2\r\n:1\r\n$3\r\n1.5\r\n"),
            (Value::Set(vec![Value::Nil]), "*1\r\n$-1\r\n"),
            (Value::Push(vec![]), "*0\r\n"),
            (
                Value::VerbatimString {
                    format: *b"txt",
                    text: "a".into(),
                },
                "$1\r\na\r\n",
            ),
            (
                Value::Attributed {
                    attributes: pairs,
                    value: Box::new(Value::Integer(1)),
                },
                ":1\r\n",
            ),
        ] {
            assert_eq!(encoded(&value, Version::Resp2), bytes);
        }
    }

    #[test]
    fn a_line_break_in_a_text_does_not_break_the_stream() {
        let error = Value::Error(ServerError::new("ERR a\r\nb"));
        assert_eq!(encoded(&error, Version::Resp2), "-ERR a  b\r\n");
        assert_eq!(encoded(&error, Version::Resp3), "!8\r\nERR a\r\nb\r\n");
        let status = Value::SimpleString("a\nb".into());
        assert_eq!(encoded(&status, Version::Resp3), "$3\r\na\nb\r\n");
        let number = Value::BigNumber("1\r\n".into());
        assert_eq!(encoded(&number, Version::Resp3), "$3\r\n1\r\n\r\n");
    }
}
