//! Hash fields that expire.

use std::time::{Duration, SystemTime};

use super::typed::commands;
use super::{ExpireIf, ExpireTime, GetEx, HSetExOptions, Ttl};
use crate::command::{Command, ToArgs, generated as table};
use crate::value::{ConversionError, FromValue, Value};

commands! {
    /// # Hash fields that expire
    ///
    /// Where the answer is a `Vec`, it has one element for each field, in the order asked for.
    group "Hash fields that expire";

    /// Lets a field, or several, expire after this time.
    ///
    /// `HPEXPIRE`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hexpire(key: impl ToArgs, ttl: Duration, fields: impl ToArgs) -> Vec<FieldExpired> {
        let command = Command::known(&table::HPEXPIRE).one(key)?.ttl(ttl)?;
        command.arg("FIELDS").counted(fields)
    }

    /// Lets a field, or several, expire after this time, each under a condition.
    ///
    /// `HPEXPIRE`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hexpire_with(
        key: impl ToArgs,
        ttl: Duration,
        condition: ExpireIf,
        fields: impl ToArgs,
    ) -> Vec<FieldExpired> {
        let command = Command::known(&table::HPEXPIRE).one(key)?.ttl(ttl)?;
        let command = command.arg(condition).arg("FIELDS");
        command.counted(fields)
    }

    /// Lets a field, or several, expire at this time.
    ///
    /// `HPEXPIREAT`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hexpire_at(key: impl ToArgs, time: SystemTime, fields: impl ToArgs) -> Vec<FieldExpired> {
        let command = Command::known(&table::HPEXPIREAT).one(key)?;
        let command = command.unix_time(time)?.arg("FIELDS");
        command.counted(fields)
    }

    /// Lets a field, or several, expire at this time, each under a condition.
    ///
    /// `HPEXPIREAT`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hexpire_at_with(
        key: impl ToArgs,
        time: SystemTime,
        condition: ExpireIf,
        fields: impl ToArgs,
    ) -> Vec<FieldExpired> {
        let command = Command::known(&table::HPEXPIREAT).one(key)?;
        let command = command.unix_time(time)?.arg(condition).arg("FIELDS");
        command.counted(fields)
    }

    /// How much longer a field, or several, live.
    ///
    /// `HPTTL`, O(N), since Redis 7.4 and Valkey 9.0.
    fn httl(key: impl ToArgs, fields: impl ToArgs) -> Vec<Ttl> {
        let command = Command::known(&table::HPTTL).one(key)?;
        command.arg("FIELDS").counted(fields)
    }

    /// When a field, or several, expire.
    ///
    /// `HPEXPIRETIME`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hexpire_time(key: impl ToArgs, fields: impl ToArgs) -> Vec<ExpireTime> {
        let command = Command::known(&table::HPEXPIRETIME).one(key)?;
        command.arg("FIELDS").counted(fields)
    }

    /// Lets a field, or several, never expire.
    ///
    /// `HPERSIST`, O(N), since Redis 7.4 and Valkey 9.0.
    fn hpersist(key: impl ToArgs, fields: impl ToArgs) -> Vec<FieldPersisted> {
        let command = Command::known(&table::HPERSIST).one(key)?;
        command.arg("FIELDS").counted(fields)
    }

    /// The values of a field, or several, which are deleted.
    ///
    /// `HGETDEL`, O(N), since Redis 8.0 and Valkey 9.1.
    fn hgetdel<T>(key: impl ToArgs, fields: impl ToArgs) -> T {
        let command = Command::known(&table::HGETDEL).one(key)?;
        command.arg("FIELDS").counted(fields)
    }

    /// The values of a field, or several, which are given a new time to live.
    ///
    /// `HGETEX`, O(N), since Redis 8.0 and Valkey 9.0.
    fn hgetex<T>(key: impl ToArgs, expiry: impl Into<GetEx>, fields: impl ToArgs) -> T {
        let expiry = expiry.into();
        let command = Command::known(&table::HGETEX).one(key)?;
        let command = command.checked(Some(expiry.into()))?.arg(expiry);
        command.arg("FIELDS").counted(fields)
    }

    /// Sets a field, or several, with options; and says whether it did: all or none.
    ///
    /// `HSETEX`, O(N), since Redis 8.0 and Valkey 9.0.
    fn hsetex(key: impl ToArgs, fields: impl ToArgs, options: HSetExOptions) -> bool {
        let command = Command::known(&table::HSETEX).one(key)?;
        let command = command.checked(options.expiry)?.arg(options);
        command.arg("FIELDS").counted_pairs(fields)?
    }
}

/// What became of a field that was to expire.
///
/// ```
/// use tower_redis_cluster::{FromValue, Value, cluster::commands::FieldExpired};
///
/// let reply = Value::Array(vec![Value::Integer(1), Value::Integer(-2)]);
/// let fields = Vec::<FieldExpired>::from_value(reply)?;
/// assert_eq!(fields, [FieldExpired::Set, FieldExpired::Missing]);
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpired {
    /// There is no such field or key.
    Missing,
    /// The condition was not met.
    Unchanged,
    /// It will expire.
    Set,
    /// It was deleted: the time had passed.
    Deleted,
}

impl FromValue for FieldExpired {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match i64::from_value(value)? {
            -2 => Ok(Self::Missing),
            0 => Ok(Self::Unchanged),
            1 => Ok(Self::Set),
            2 => Ok(Self::Deleted),
            other => Err(ConversionError::new(
                "what became of a field",
                &Value::Integer(other),
            )),
        }
    }
}

/// What became of a field that was to expire no more.
///
/// ```
/// use tower_redis_cluster::{FromValue, Value, cluster::commands::FieldPersisted};
///
/// let field = FieldPersisted::from_value(Value::Integer(-1))?;
/// assert_eq!(field, FieldPersisted::Unchanged);
/// # Ok::<_, tower_redis_cluster::ConversionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldPersisted {
    /// There is no such field or key.
    Missing,
    /// It would not have expired.
    Unchanged,
    /// It will expire no more.
    Persisted,
}

impl FromValue for FieldPersisted {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match i64::from_value(value)? {
            -2 => Ok(Self::Missing),
            -1 => Ok(Self::Unchanged),
            1 => Ok(Self::Persisted),
            other => Err(ConversionError::new(
                "what became of a field",
                &Value::Integer(other),
            )),
        }
    }
}
