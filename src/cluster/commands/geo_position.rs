//! Where a place is, and what is found there.

use crate::command::{ArgWriter, ToArgs};
use crate::value::{ConversionError, FromValue, Value};

/// A position in degrees.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::GeoPosition, cmd};
///
/// let command = cmd("GEOADD").arg("sicily").arg((GeoPosition::new(13.36, 38.11), "Palermo"));
/// assert!(command.args().skip(2).eq(["13.36", "38.11", "Palermo"].map(str::as_bytes)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPosition {
    /// Degrees to the east, from -180 to 180.
    pub longitude: f64,
    /// Degrees to the north. Servers take those from -85.05112878 to 85.05112878.
    pub latitude: f64,
}

/// A place that was [found](crate::Cluster::geosearch_found).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GeoFound<T> {
    /// The place.
    pub member: T,
    /// How far it is from the centre of the area, in the unit of the area.
    pub distance: f64,
    /// Its score in the sorted set: a geohash of 52 bits.
    pub hash: u64,
    /// Where it is.
    pub position: GeoPosition,
}

/// A unit of length.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::GeoUnit, cmd};
///
/// let command = cmd("GEODIST").arg(("sicily", "Palermo", "Catania", GeoUnit::Kilometres));
/// assert!(command.args().skip(4).eq(["KM".as_bytes()]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeoUnit {
    /// Metres.
    Metres,
    /// Kilometres.
    Kilometres,
    /// Feet.
    Feet,
    /// Miles.
    Miles,
}

// ===== impl GeoPosition =====

impl GeoPosition {
    /// The longitude first, as the servers have it.
    pub fn new(longitude: f64, latitude: f64) -> Self {
        Self {
            longitude,
            latitude,
        }
    }

    pub(super) fn is_nan(self) -> bool {
        self.longitude.is_nan() || self.latitude.is_nan()
    }
}

/// Longitude and latitude.
impl From<(f64, f64)> for GeoPosition {
    fn from((longitude, latitude): (f64, f64)) -> Self {
        Self::new(longitude, latitude)
    }
}

impl ToArgs for GeoPosition {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (self.longitude, self.latitude).write_args(out);
    }
}

impl FromValue for GeoPosition {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        <(f64, f64)>::from_value(value).map(Self::from)
    }
}

// ===== impl GeoFound =====

impl<T: FromValue> FromValue for GeoFound<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (member, distance, hash, position) = FromValue::from_value(value)?;
        Ok(Self {
            member,
            distance,
            hash,
            position,
        })
    }
}

// ===== impl GeoUnit =====

impl ToArgs for GeoUnit {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Metres => "M",
            Self::Kilometres => "KM",
            Self::Feet => "FT",
            Self::Miles => "MI",
        });
    }
}
