//! The aggregates that are open while their elements arrive.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::error::Reason;
use crate::value::Value;

/// A header's kind of aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Array,
    Set,
    Push,
    Map,
    Attributes,
}

/// An aggregate, or a streamed string, that has not ended yet.
#[derive(Debug)]
pub(super) enum Open {
    /// Elements by themselves.
    Items {
        kind: Aggregate,
        values: Vec<Value>,
        due: Due,
    },
    /// Keys and values by turns; `key` waits for its value.
    Pairs {
        kind: Aggregate,
        pairs: Vec<(Value, Value)>,
        key: Option<Value>,
        due: Due,
    },
    /// Attributes that are complete; the value they belong to is due.
    Attributed { attributes: Vec<(Value, Value)> },
    /// The parts of a streamed string, joined.
    Text(BytesMut),
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// This many elements or pairs.
    Count(usize),
    /// Any number, until the end mark.
    Streamed,
}

impl Due {
    /// Counts one off; true if it was the last.
    fn is_last(&mut self) -> bool {
        match self {
            Self::Count(count) => {
                *count = count.saturating_sub(1);
                *count == 0
            }
            Self::Streamed => false,
        }
    }
}

impl Aggregate {
    /// How many values stand for one of the header's count.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Array | Self::Set | Self::Push => 1,
            Self::Map | Self::Attributes => 2,
        }
    }

    /// True if the protocol knows a form of it without a count.
    pub(super) fn may_stream(self) -> bool {
        matches!(self, Self::Array | Self::Set | Self::Map)
    }
}

impl Open {
    /// An aggregate with room for `capacity` elements or pairs.
    pub(super) fn aggregate(kind: Aggregate, due: Due, capacity: usize) -> Self {
        match kind {
            Aggregate::Array | Aggregate::Set | Aggregate::Push => Self::Items {
                kind,
                values: Vec::with_capacity(capacity),
                due,
            },
            Aggregate::Attributes if due == Due::Count(0) => Self::Attributed {
                attributes: Vec::new(),
            },
            Aggregate::Map | Aggregate::Attributes => Self::Pairs {
                kind,
                pairs: Vec::with_capacity(capacity),
                key: None,
                due,
            },
        }
    }

    /// Whether a line of this type may come next.
    pub(super) fn admit(&self, type_byte: u8) -> Result<(), Reason> {
        let admitted = match (type_byte, self) {
            (b';', _) => matches!(self, Self::Text(_)),
            (_, Self::Text(_)) => false,
            (b'.', Self::Pairs { key, .. }) => key.is_none() && self.is_streamed(),
            (b'.', _) => self.is_streamed(),
            // RESP3: pushes stand before or after a reply, never inside. One with attributes is refused too, so
            // that a push is always seen as one.
            (b'>', _) => false,
            _ => true,
        };
        admitted.then_some(()).ok_or(Reason::Misplaced)
    }

    pub(super) fn is_push(&self) -> bool {
        matches!(
            self,
            Self::Items {
                kind: Aggregate::Push,
                ..
            }
        )
    }

    pub(super) fn is_streamed(&self) -> bool {
        match self {
            Self::Items { due, .. } | Self::Pairs { due, .. } => *due == Due::Streamed,
            Self::Attributed { .. } => false,
            Self::Text(_) => true,
        }
    }

    /// The length of what a streamed string holds so far, in bytes.
    pub(super) fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Takes the next element. The whole is returned if that was the last.
    pub(super) fn add(&mut self, value: Value) -> Option<Value> {
        match self {
            Self::Items { values, due, .. } => {
                values.push(value);
                if due.is_last() { self.end() } else { None }
            }
            Self::Pairs {
                kind,
                pairs,
                key,
                due,
            } => {
                let Some(first) = key.take() else {
                    *key = Some(value);
                    return None;
                };
                pairs.push((first, value));
                if !due.is_last() {
                    return None;
                }
                if *kind == Aggregate::Attributes {
                    *self = Self::Attributed {
                        attributes: mem::take(pairs),
                    };
                    return None;
                }
                self.end()
            }
            Self::Attributed { attributes } => Some(Value::Attributed {
                attributes: mem::take(attributes),
                value: Box::new(value),
            }),
            Self::Text(text) => {
                if let Value::BulkString(part) = value {
                    text.extend_from_slice(&part);
                }
                None
            }
        }
    }

    /// Ends the aggregate here. `None` for attributes, which are no value by themselves.
    pub(super) fn end(&mut self) -> Option<Value> {
        match self {
            Self::Items { kind, values, .. } => {
                let values = mem::take(values);
                Some(match kind {
                    Aggregate::Set => Value::Set(values),
                    Aggregate::Push => Value::Push(values),
                    _ => Value::Array(values),
                })
            }
            Self::Pairs { pairs, .. } => Some(Value::Map(mem::take(pairs))),
            Self::Attributed { .. } => None,
            Self::Text(text) => Some(Value::BulkString(Bytes::from(mem::take(text)))),
        }
    }
}
