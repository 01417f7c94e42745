//! Hash fields that expire.

use std::time::{Duration, SystemTime};

use tower::{BoxError, Service};

use super::expiry::Expiry;
use super::{ExpireIf, ExpireTime, GetEx, Ttl};
use crate::cluster::Cluster;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{ConversionError, FromValue, Value};

/// # Hash fields that expire
///
/// Where the answer is a `Vec`, it has one element for each field, in the order asked for.
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Lets a field, or several, expire after this time.
    ///
    /// `HPEXPIRE`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hexpire(
        &self,
        key: impl ToArgs,
        ttl: Duration,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldExpired>, Error> {
        let command = Command::known(&table::HPEXPIRE).one(key)?.ttl(ttl)?;
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// Lets a field, or several, expire after this time, each under a condition.
    ///
    /// `HPEXPIRE`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hexpire_with(
        &self,
        key: impl ToArgs,
        ttl: Duration,
        condition: ExpireIf,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldExpired>, Error> {
        let command = Command::known(&table::HPEXPIRE).one(key)?.ttl(ttl)?;
        let command = command.arg(condition).arg("FIELDS");
        self.query(command.counted(fields)).await
    }

    /// Lets a field, or several, expire at this time.
    ///
    /// `HPEXPIREAT`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hexpire_at(
        &self,
        key: impl ToArgs,
        time: SystemTime,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldExpired>, Error> {
        let command = Command::known(&table::HPEXPIREAT).one(key)?;
        let command = command.unix_time(time)?.arg("FIELDS");
        self.query(command.counted(fields)).await
    }

    /// Lets a field, or several, expire at this time, each under a condition.
    ///
    /// `HPEXPIREAT`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hexpire_at_with(
        &self,
        key: impl ToArgs,
        time: SystemTime,
        condition: ExpireIf,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldExpired>, Error> {
        let command = Command::known(&table::HPEXPIREAT).one(key)?;
        let command = command.unix_time(time)?.arg(condition).arg("FIELDS");
        self.query(command.counted(fields)).await
    }

    /// How much longer a field, or several, live.
    ///
    /// `HPTTL`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn httl(&self, key: impl ToArgs, fields: impl ToArgs) -> Result<Vec<Ttl>, Error> {
        let command = Command::known(&table::HPTTL).one(key)?;
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// When a field, or several, expire.
    ///
    /// `HPEXPIRETIME`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hexpire_time(
        &self,
        key: impl ToArgs,
        fields: impl ToArgs,
    ) -> Result<Vec<ExpireTime>, Error> {
        let command = Command::known(&table::HPEXPIRETIME).one(key)?;
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// Lets a field, or several, never expire.
    ///
    /// `HPERSIST`, O(N), since Redis 7.4 and Valkey 9.0.
    pub async fn hpersist(
        &self,
        key: impl ToArgs,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldPersisted>, Error> {
        let command = Command::known(&table::HPERSIST).one(key)?;
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// The values of a field, or several, which are deleted.
    ///
    /// `HGETDEL`, O(N), since Redis 8.0 and Valkey 9.1.
    pub async fn hgetdel<T: FromValue>(
        &self,
        key: impl ToArgs,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        let command = Command::known(&table::HGETDEL).one(key)?;
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// The values of a field, or several, which are given a new time to live.
    ///
    /// `HGETEX`, O(N), since Redis 8.0 and Valkey 9.0.
    pub async fn hgetex<T: FromValue>(
        &self,
        key: impl ToArgs,
        expiry: impl Into<GetEx>,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        let expiry = expiry.into();
        let command = Command::known(&table::HGETEX).one(key)?;
        let command = command.checked(Some(expiry.into()))?.arg(expiry);
        self.query(command.arg("FIELDS").counted(fields)).await
    }

    /// Sets a field, or several, with options; and says whether it did: all or none.
    ///
    /// `HSETEX`, O(N), since Redis 8.0 and Valkey 9.0.
    pub async fn hsetex(
        &self,
        key: impl ToArgs,
        fields: impl ToArgs,
        options: HSetExOptions,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::HSETEX).one(key)?;
        let command = command.checked(options.expiry)?.arg(options);
        self.query(command.arg("FIELDS").counted_pairs(fields)?)
            .await
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

/// Under which condition fields are set, and when they expire.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::{cluster::commands::HSetExOptions, cmd};
///
/// let options = HSetExOptions::new().only_if_absent().expires_in(Duration::from_secs(1));
/// let command = cmd("HSETEX").arg("hash").arg(options).arg(("FIELDS", 1, "f", "v"));
/// assert!(command.args().skip(2).take(3).eq(["FNX", "PX", "1000"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HSetExOptions {
    condition: Option<&'static str>,
    expiry: Option<Expiry>,
}

impl HSetExOptions {
    /// No conditions, no expiry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if none of the fields exists (`FNX`).
    #[must_use]
    pub fn only_if_absent(mut self) -> Self {
        self.condition = Some("FNX");
        self
    }

    /// Only if all of the fields exist (`FXX`).
    #[must_use]
    pub fn only_if_present(mut self) -> Self {
        self.condition = Some("FXX");
        self
    }

    /// The fields expire after this time (`PX`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_in(mut self, ttl: Duration) -> Self {
        self.expiry = Some(Expiry::In(ttl));
        self
    }

    /// The fields expire at this time (`PXAT`), rounded up to whole milliseconds.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// The fields expire when their old values would have (`KEEPTTL`). Otherwise setting them ends that.
    #[must_use]
    pub fn keeps_ttl(mut self) -> Self {
        self.expiry = Some(Expiry::Keep);
        self
    }
}

impl ToArgs for HSetExOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.condition.write_args(out);
        self.expiry.write_args(out);
    }
}
