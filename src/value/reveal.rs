//! Values as `redis-cli` shows them.

use std::fmt::{self, Display, Formatter, Write};

use super::Value;
use crate::resp::format_double;

/// What [`Value::reveal`] returns.
pub(super) struct Reveal<'a>(pub(super) &'a Value);

impl Display for Reveal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(self.0, 0, f)
    }
}

/// Writes `value`; its further lines are indented by this many columns.
fn show(value: &Value, indent: usize, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Nil => f.write_str("(nil)"),
        Value::Integer(number) => write!(f, "(integer) {number}"),
        Value::Double(number) => {
            let mut buffer = ryu::Buffer::new();
            write!(f, "(double) {}", format_double(*number, &mut buffer))
        }
        Value::Boolean(truth) => write!(f, "({truth})"),
        Value::BigNumber(digits) => write!(f, "(big number) {}", digits.escape_ascii()),
        Value::SimpleString(text) => write!(f, "{}", text.escape_ascii()),
        Value::BulkString(text) | Value::VerbatimString { text, .. } => {
            write!(f, "\"{}\"", text.escape_ascii())
        }
        Value::Error(error) => write!(f, "(error) {}", error.as_bytes().escape_ascii()),
        Value::Array(values) => items(values, ')', "(empty array)", indent, f),
        Value::Push(values) => items(values, ')', "(empty push)", indent, f),
        Value::Set(values) => items(values, '~', "(empty set)", indent, f),
        Value::Map(entries) => pairs(entries, '#', indent, f),
        Value::Attributed { attributes, value } => {
            pairs(attributes, '|', indent, f)?;
            line_break(indent, f)?;
            show(value, indent, f)
        }
    }
}

fn items(
    values: &[Value],
    mark: char,
    empty: &str,
    indent: usize,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    if values.is_empty() {
        return f.write_str(empty);
    }
    let width = decimal_width(values.len());
    for (index, value) in values.iter().enumerate() {
        number(index, width, mark, indent, f)?;
        show(value, indent + width + 2, f)?;
    }
    Ok(())
}

fn pairs(
    entries: &[(Value, Value)],
    mark: char,
    indent: usize,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    if entries.is_empty() {
        return f.write_str("(empty hash)");
    }
    let width = decimal_width(entries.len());
    let inner = indent + width + 2;
    for (index, (key, value)) in entries.iter().enumerate() {
        number(index, width, mark, indent, f)?;
        show(key, inner, f)?;
        f.write_str(" =>")?;
        if is_aggregate(value) {
            line_break(inner, f)?;
        } else {
            f.write_char(' ')?;
        }
        show(value, inner, f)?;
    }
    Ok(())
}

fn number(
    index: usize,
    width: usize,
    mark: char,
    indent: usize,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    if index > 0 {
        line_break(indent, f)?;
    }
    write!(f, "{:>width$}{mark} ", index + 1)
}

fn line_break(indent: usize, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n{:indent$}", "")
}

fn decimal_width(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn is_aggregate(value: &Value) -> bool {
    matches!(
        value,
        Value::Array(_) | Value::Set(_) | Value::Push(_) | Value::Map(_) | Value::Attributed { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_numbered_and_indented() {
        let value = Value::Array(vec![
            Value::Nil,
            Value::Map(vec![
                (
                    Value::SimpleString("a".into()),
                    Value::Set(vec![Value::Double(2.0), Value::Boolean(true)]),
                ),
                (Value::Integer(1), Value::BulkString("x\r\n\"".into())),
            ]),
            Value::Attributed {
                attributes: vec![(Value::SimpleString("ttl".into()), Value::Integer(9))],
                value: Box::new(Value::Array(vec![])),
            },
        ]);
        let lines = [
            "1) (nil)",
            "2) 1# a =>",
            "      1~ (double) 2",
            "      2~ (true)",
            "   2# (integer) 1 => \"x\\r\\n\\\"\"",
            "3) 1| ttl => (integer) 9",
            "   (empty array)",
        ];
        assert_eq!(Reveal(&value).to_string(), lines.join("\n"));
    }

    #[test]
    fn numbers_are_aligned() {
        let value = Value::Array(vec![Value::Nil; 10]);
        let text = Reveal(&value).to_string();
        assert!(text.starts_with(" 1) (nil)\n 2) "), "{text}");
        assert!(text.ends_with("\n10) (nil)"), "{text}");
    }
}
