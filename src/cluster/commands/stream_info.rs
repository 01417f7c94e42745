//! What `XINFO` tells of streams, their groups and consumers.

use std::time::{Duration, SystemTime};

use super::reply_fields::ReplyFields;
use super::{StreamEntry, StreamId};
use crate::value::{ConversionError, FromValue, Value};

/// What [`xinfo_stream`](crate::Cluster::xinfo_stream) tells of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo<T> {
    /// How many entries it has.
    pub length: u64,
    /// How many consumer groups it has.
    pub groups: u64,
    /// The id of the entry added last, which may have been deleted.
    pub last_id: StreamId,
    /// The greatest id of a deleted entry. Since 7.0.
    pub max_deleted_id: Option<StreamId>,
    /// How many entries were ever added. Since 7.0.
    pub entries_added: Option<u64>,
    /// The oldest entry.
    pub first_entry: Option<StreamEntry<T>>,
    /// The newest entry.
    pub last_entry: Option<StreamEntry<T>>,
}

/// What [`xinfo_stream_full`](crate::Cluster::xinfo_stream_full) tells of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamDetails<T> {
    /// How many entries it has.
    pub length: u64,
    /// The id of the entry added last, which may have been deleted.
    pub last_id: StreamId,
    /// The greatest id of a deleted entry. Since 7.0.
    pub max_deleted_id: Option<StreamId>,
    /// How many entries were ever added. Since 7.0.
    pub entries_added: Option<u64>,
    /// The oldest entries, as many as asked for.
    pub entries: Vec<StreamEntry<T>>,
    /// The consumer groups.
    pub groups: Vec<GroupDetails>,
}

/// A consumer group, in [`StreamDetails`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDetails {
    /// Its name.
    pub name: String,
    /// The id of the entry delivered last.
    pub last_delivered_id: StreamId,
    /// How many entries were read, if that is known. Since 7.0.
    pub entries_read: Option<u64>,
    /// How many entries were not read yet, if that is known. Since 7.0.
    pub lag: Option<u64>,
    /// How many entries were delivered, but not acknowledged.
    pub pending: u64,
    /// The consumers.
    pub consumers: Vec<ConsumerDetails>,
}

/// A consumer, in [`StreamDetails`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerDetails {
    /// Its name.
    pub name: String,
    /// When it last tried to read or claim, to the millisecond.
    pub seen: SystemTime,
    /// When it last read or claimed an entry, to the millisecond. Since 7.2.
    pub active: Option<SystemTime>,
    /// How many entries were delivered to it that it did not acknowledge.
    pub pending: u64,
}

/// What [`xinfo_groups`](crate::Cluster::xinfo_groups) tells of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupInfo {
    /// Its name.
    pub name: String,
    /// How many consumers it has.
    pub consumers: u64,
    /// How many entries were delivered, but not acknowledged.
    pub pending: u64,
    /// The id of the entry delivered last.
    pub last_delivered_id: StreamId,
    /// How many entries were read, if that is known. Since 7.0.
    pub entries_read: Option<u64>,
    /// How many entries were not read yet, if that is known. Since 7.0.
    pub lag: Option<u64>,
}

/// What [`xinfo_consumers`](crate::Cluster::xinfo_consumers) tells of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerInfo {
    /// Its name.
    pub name: String,
    /// How many entries were delivered to it that it did not acknowledge.
    pub pending: u64,
    /// How long ago it last tried to read or claim.
    pub idle: Duration,
    /// How long ago it last read or claimed an entry, if it ever did. Since 7.2.
    pub inactive: Option<Duration>,
}

impl<T: FromValue> FromValue for StreamInfo<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        Ok(Self {
            length: fields.take("length")?,
            groups: fields.take("groups")?,
            last_id: fields.take("last-generated-id")?,
            max_deleted_id: fields.find("max-deleted-entry-id")?,
            entries_added: fields.find("entries-added")?,
            first_entry: fields.find("first-entry")?,
            last_entry: fields.find("last-entry")?,
        })
    }
}

impl<T: FromValue> FromValue for StreamDetails<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        Ok(Self {
            length: fields.take("length")?,
            last_id: fields.take("last-generated-id")?,
            max_deleted_id: fields.find("max-deleted-entry-id")?,
            entries_added: fields.find("entries-added")?,
            entries: fields.take("entries")?,
            groups: fields.take("groups")?,
        })
    }
}

impl FromValue for GroupDetails {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        Ok(Self {
            name: fields.take("name")?,
            last_delivered_id: fields.take("last-delivered-id")?,
            entries_read: fields.find("entries-read")?,
            lag: fields.find("lag")?,
            pending: fields.take("pel-count")?,
            consumers: fields.take("consumers")?,
        })
    }
}

impl FromValue for ConsumerDetails {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        Ok(Self {
            name: fields.take("name")?,
            seen: time(fields.take("seen-time")?)?,
            // -1 for a consumer that never was given any.
            active: match fields.find("active-time")? {
                None | Some(-1) => None,
                Some(millis) => Some(time(millis)?),
            },
            pending: fields.take("pel-count")?,
        })
    }
}

impl FromValue for GroupInfo {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        Ok(Self {
            name: fields.take("name")?,
            consumers: fields.take("consumers")?,
            pending: fields.take("pending")?,
            last_delivered_id: fields.take("last-delivered-id")?,
            entries_read: fields.find("entries-read")?,
            lag: fields.find("lag")?,
        })
    }
}

impl FromValue for ConsumerInfo {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        let inactive: Option<i64> = fields.find("inactive")?;
        Ok(Self {
            name: fields.take("name")?,
            pending: fields.take("pending")?,
            idle: Duration::from_millis(fields.take("idle")?),
            // -1 for a consumer that never was given any.
            inactive: inactive
                .and_then(|millis| u64::try_from(millis).ok())
                .map(Duration::from_millis),
        })
    }
}

fn time(millis: i64) -> Result<SystemTime, ConversionError> {
    u64::try_from(millis)
        .ok()
        .and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        .ok_or_else(|| ConversionError::new("a time in milliseconds", &Value::Integer(millis)))
}
