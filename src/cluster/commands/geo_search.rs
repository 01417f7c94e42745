//! Areas to search for places.

use std::fmt;

use bytes::Bytes;

use super::{GeoPosition, GeoUnit};
use crate::command::{ArgWriter, Command, ToArgs};
use crate::error::Error;

/// An area, and how many of the places in it, in which order.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{GeoCentre, GeoSearch, GeoUnit}, cmd};
///
/// let words = |search: GeoSearch| {
///     let command = cmd("GEOSEARCH").arg("sicily").arg(search);
///     let words = command.args().skip(2).map(|word| String::from_utf8_lossy(word).into_owned());
///     words.collect::<Vec<_>>().join(" ")
/// };
/// let search = GeoSearch::radius((15.0, 37.0), 200.0, GeoUnit::Kilometres).nearest_first().count(3);
/// assert_eq!(words(search), "FROMLONLAT 15.0 37.0 BYRADIUS 200.0 KM ASC COUNT 3");
///
/// let search = GeoSearch::rectangle(GeoCentre::member("Catania"), 4.0, 2.0, GeoUnit::Miles);
/// assert_eq!(words(search), "FROMMEMBER Catania BYBOX 4.0 2.0 MI");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GeoSearch {
    area: Area,
    order: Option<&'static str>,
    count: Option<u64>,
    takes_any: bool,
}

/// The centre of an area: a [`GeoPosition`], or a pair of longitude and latitude, or a place that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct GeoCentre(Centre);

#[derive(Clone, PartialEq)]
enum Centre {
    Member(Bytes),
    Position(GeoPosition),
}

#[derive(Clone, Debug, PartialEq)]
enum Area {
    Radius(GeoCentre, f64, GeoUnit),
    Rectangle(GeoCentre, f64, f64, GeoUnit),
    Polygon(Vec<GeoPosition>),
}

// ===== impl GeoSearch =====

impl GeoSearch {
    /// A circle around a centre.
    pub fn radius(centre: impl Into<GeoCentre>, radius: f64, unit: GeoUnit) -> Self {
        Self::new(Area::Radius(centre.into(), radius, unit))
    }

    /// A rectangle around a centre, its sides along meridians and parallels.
    pub fn rectangle(centre: impl Into<GeoCentre>, width: f64, height: f64, unit: GeoUnit) -> Self {
        Self::new(Area::Rectangle(centre.into(), width, height, unit))
    }

    /// A polygon with these corners. Distances are in metres from its middle. Since Valkey 9.0.
    pub fn polygon(corners: impl IntoIterator<Item: Into<GeoPosition>>) -> Self {
        let corners = corners.into_iter().map(Into::into);
        Self::new(Area::Polygon(corners.collect()))
    }

    fn new(area: Area) -> Self {
        Self {
            area,
            order: None,
            count: None,
            takes_any: false,
        }
    }

    /// In the order of how far they are from the centre (`ASC`).
    #[must_use]
    pub fn nearest_first(mut self) -> Self {
        self.order = Some("ASC");
        self
    }

    /// In the order of how far they are from the centre, the farthest first (`DESC`).
    #[must_use]
    pub fn farthest_first(mut self) -> Self {
        self.order = Some("DESC");
        self
    }

    /// At most so many (`COUNT`), those nearest to the centre unless the [farthest](Self::farthest_first) come
    /// first.
    #[must_use]
    pub fn count(mut self, places: u64) -> Self {
        self.count = Some(places);
        self.takes_any = false;
        self
    }

    /// At most so many, those that are found first (`COUNT .. ANY`), which is less work.
    #[must_use]
    pub fn count_any(mut self, places: u64) -> Self {
        self.count = Some(places);
        self.takes_any = true;
        self
    }

    fn has_nan(&self) -> bool {
        let is_nan = |centre: &GeoCentre| match centre.0 {
            Centre::Member(_) => false,
            Centre::Position(position) => position.is_nan(),
        };
        match &self.area {
            Area::Radius(centre, radius, _) => is_nan(centre) || radius.is_nan(),
            Area::Rectangle(centre, width, height, _) => {
                is_nan(centre) || width.is_nan() || height.is_nan()
            }
            Area::Polygon(corners) => corners.iter().any(|corner| corner.is_nan()),
        }
    }
}

impl ToArgs for GeoSearch {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match &self.area {
            Area::Radius(centre, radius, unit) => {
                (centre, "BYRADIUS", radius, unit).write_args(out);
            }
            Area::Rectangle(centre, width, height, unit) => {
                (centre, "BYBOX", width, height, unit).write_args(out);
            }
            Area::Polygon(corners) => ("BYPOLYGON", corners.len(), corners).write_args(out),
        }
        self.order.write_args(out);
        self.count.map(|count| ("COUNT", count)).write_args(out);
        self.takes_any.then_some("ANY").write_args(out);
    }
}

impl Command {
    /// Adds an area, unless it is none.
    pub(super) fn search(self, search: GeoSearch) -> Result<Self, Error> {
        if search.has_nan() {
            return Err(self.invalid("a coordinate or length of the area is not a number"));
        }
        Ok(self.arg(search))
    }
}

// ===== impl GeoCentre =====

impl GeoCentre {
    /// Where this member is.
    pub fn member(member: impl AsRef<[u8]>) -> Self {
        Self(Centre::Member(Bytes::copy_from_slice(member.as_ref())))
    }
}

impl<T: Into<GeoPosition>> From<T> for GeoCentre {
    fn from(position: T) -> Self {
        Self(Centre::Position(position.into()))
    }
}

impl ToArgs for GeoCentre {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        match &self.0 {
            Centre::Member(member) => ("FROMMEMBER", member).write_args(out),
            Centre::Position(position) => ("FROMLONLAT", position).write_args(out),
        }
    }
}

/// Shows no member.
impl fmt::Debug for Centre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(_) => f.write_str("Member(..)"),
            Self::Position(position) => position.fmt(f),
        }
    }
}
