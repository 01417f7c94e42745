//! What the stream commands answer.

use std::time::Duration;

use bytes::Bytes;

use super::StreamId;
use crate::value::{ConversionError, FromValue, Value};

/// An entry of a stream, its fields and values in the type asked for: a map, a `Vec` of pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamEntry<T> {
    /// Where it is in the stream.
    pub id: StreamId,
    /// Its fields and values.
    pub fields: T,
}

/// An entry that a consumer was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveredEntry<T> {
    /// Where it is in the stream.
    pub id: StreamId,
    /// Its fields and values; `None` if it has been deleted since it was delivered for the first time.
    pub fields: Option<T>,
    /// For how long it had been with another consumer. Only where entries are
    /// [claimed](super::XReadGroupOptions::claims).
    pub idle: Option<Duration>,
    /// How often it had been delivered before. Only where entries are
    /// [claimed](super::XReadGroupOptions::claims).
    pub deliveries: Option<u64>,
}

/// What was read of one of several streams.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamEntries<E> {
    /// The stream.
    pub key: Bytes,
    /// Its entries, oldest first.
    pub entries: Vec<E>,
}

/// Some of the entries that a consumer took over, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoClaimed<E> {
    /// Where the next call begins; [`StreamId::ZERO`] when all pending entries have been looked at.
    pub cursor: StreamId,
    /// What was claimed: [`StreamEntry`]s, or their ids.
    pub entries: Vec<E>,
    /// What was pending, but is no longer in the stream; it is not pending any more. Since 7.0.
    pub deleted: Vec<StreamId>,
}

/// What became of an entry that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryDeleted {
    /// It is deleted.
    Deleted,
    /// There is no such entry.
    Missing,
    /// It stays if it is there, since some group has not acknowledged it.
    Kept,
}

/// How much a group has not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingSummary {
    /// How many entries.
    pub count: u64,
    /// The first of them.
    pub first: Option<StreamId>,
    /// The last of them.
    pub last: Option<StreamId>,
    /// How many each consumer has that has any.
    pub consumers: Vec<(String, u64)>,
}

/// An entry that was not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingEntry {
    /// Where it is in the stream.
    pub id: StreamId,
    /// Who has it.
    pub consumer: String,
    /// How long ago it was delivered for the last time.
    pub idle: Duration,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl<T: FromValue> FromValue for StreamEntry<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (id, fields) = FromValue::from_value(value)?;
        Ok(Self { id, fields })
    }
}

impl<T: FromValue> FromValue for DeliveredEntry<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        // The last two were added by Redis 8.4, and only where entries are claimed.
        let has_history = value.as_array().is_some_and(|parts| parts.len() > 2);
        if !has_history {
            let (id, fields) = FromValue::from_value(value)?;
            return Ok(Self {
                id,
                fields,
                idle: None,
                deliveries: None,
            });
        }
        let (id, fields, millis, deliveries) = FromValue::from_value(value)?;
        Ok(Self {
            id,
            fields,
            idle: Option::map(millis, Duration::from_millis),
            deliveries,
        })
    }
}

impl<E: FromValue> FromValue for StreamEntries<E> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (key, entries) = FromValue::from_value(value)?;
        Ok(Self { key, entries })
    }

    /// Several streams are a map, or in RESP2 pairs.
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConversionError> {
        let streams = Vec::from_value(value)?.into_iter();
        Ok(streams
            .map(|(key, entries)| Self { key, entries })
            .collect())
    }
}

// ===== impl AutoClaimed =====

impl<E> AutoClaimed<E> {
    /// Where the next call begins; `None` when all pending entries have been looked at.
    pub fn next(&self) -> Option<StreamId> {
        (self.cursor != StreamId::ZERO).then_some(self.cursor)
    }
}

impl<E: FromValue> FromValue for AutoClaimed<E> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        // Before 7.0 deleted entries were nil among the others.
        let names_deleted = value.as_array().is_some_and(|parts| parts.len() > 2);
        let (cursor, entries, deleted) = if names_deleted {
            FromValue::from_value(value)?
        } else {
            let (cursor, entries) = FromValue::from_value(value)?;
            (cursor, entries, Vec::new())
        };
        Ok(Self {
            cursor,
            entries: present(entries),
            deleted,
        })
    }
}

/// Without the entries that are no longer in the stream.
pub(super) fn present<E>(entries: Vec<Option<E>>) -> Vec<E> {
    entries.into_iter().flatten().collect()
}

// ===== impl EntryDeleted =====

impl FromValue for EntryDeleted {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match i64::from_value(value)? {
            1 => Ok(Self::Deleted),
            -1 => Ok(Self::Missing),
            2 => Ok(Self::Kept),
            other => Err(ConversionError::new("1, -1 or 2", &Value::Integer(other))),
        }
    }
}

// ===== impl PendingSummary =====

impl FromValue for PendingSummary {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (count, first, last, consumers) = FromValue::from_value(value)?;
        Ok(Self {
            count,
            first,
            last,
            consumers: Option::unwrap_or_default(consumers),
        })
    }
}

// ===== impl PendingEntry =====

impl FromValue for PendingEntry {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (id, consumer, millis, deliveries) = FromValue::from_value(value)?;
        Ok(Self {
            id,
            consumer,
            idle: Duration::from_millis(millis),
            deliveries,
        })
    }
}
