//! Options of the vector set commands.

use std::fmt;

use bytes::Bytes;

use crate::command::{ArgWriter, Command, ToArgs};
use crate::error::Error;

/// How an element is [added](crate::Cluster::vadd_with).
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{Quantization, VAddOptions}, cmd};
///
/// let options = VAddOptions::new().quantization(Quantization::None).attributes(r#"{"year":1984}"#);
/// let command = cmd("VADD").arg(("films", "VALUES", 2, 0.5, 0.5, "film")).arg(options);
/// let words = ["NOQUANT", "SETATTR", r#"{"year":1984}"#];
/// assert!(command.args().skip(7).eq(words.map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VAddOptions {
    pub(super) reduce: Option<u64>,
    quantization: Option<Quantization>,
    in_background: bool,
    effort: Option<u64>,
    attributes: Option<Unshown>,
    links: Option<u64>,
}

/// How the vectors of a vector set are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quantization {
    /// As 32-bit floats (`NOQUANT`).
    None,
    /// As integers of 8 bits (`Q8`). This is so unless said otherwise.
    Q8,
    /// As one bit for each dimension (`BIN`).
    Binary,
}

/// What to be [similar](crate::Cluster::vsim) to.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorQuery(Query);

/// How to look for what is [similar](crate::Cluster::vsim).
///
/// ```
/// use tower_redis_cluster::{cluster::commands::VSimOptions, cmd};
///
/// let options = VSimOptions::new().count(5).filter(".year > 1980");
/// let command = cmd("VSIM").arg(("films", "ELE", "film")).arg(options);
/// let words = ["COUNT", "5", "FILTER", ".year > 1980"];
/// assert!(command.args().skip(4).eq(words.map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VSimOptions {
    count: Option<u64>,
    max_distance: Option<f64>,
    effort: Option<u64>,
    filter: Option<Unshown>,
    filter_effort: Option<u64>,
    is_exact: bool,
    in_main_thread: bool,
}

#[derive(Clone, PartialEq)]
enum Query {
    Element(Bytes),
    Vector(Vec<f32>),
}

/// What the application keeps, or looks for: nothing for `Debug` to show.
#[derive(Clone, PartialEq, Eq)]
struct Unshown(String);

// ===== impl VAddOptions =====

impl VAddOptions {
    /// As the server has it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Brings vectors down to this many dimensions by a random projection (`REDUCE`).
    #[must_use]
    pub fn reduces_to(mut self, dimensions: u64) -> Self {
        self.reduce = Some(dimensions);
        self
    }

    /// Looks for the neighbours in a background thread (`CAS`).
    #[must_use]
    pub fn in_background(mut self) -> Self {
        self.in_background = true;
        self
    }

    /// How vectors are kept, which must be the same for all of a key.
    #[must_use]
    pub fn quantization(mut self, quantization: Quantization) -> Self {
        self.quantization = Some(quantization);
        self
    }

    /// How many candidates to look at for neighbours (`EF`); 200 unless set.
    #[must_use]
    pub fn effort(mut self, candidates: u64) -> Self {
        self.effort = Some(candidates);
        self
    }

    /// The element's attributes, in JSON (`SETATTR`), for [filters](VSimOptions::filter).
    #[must_use]
    pub fn attributes(mut self, json: impl Into<String>) -> Self {
        self.attributes = Some(Unshown(json.into()));
        self
    }

    /// With how many others each element is linked (`M`), which must be the same for all of a key; 16 unless set.
    #[must_use]
    pub fn links(mut self, links: u64) -> Self {
        self.links = Some(links);
        self
    }
}

/// All but [`reduces_to`](VAddOptions::reduces_to), which has its place before the vector.
impl ToArgs for VAddOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.in_background.then_some("CAS").write_args(out);
        self.quantization.write_args(out);
        self.effort.map(|effort| ("EF", effort)).write_args(out);
        let attributes = self.attributes.as_ref().map(|json| ("SETATTR", &*json.0));
        attributes.write_args(out);
        self.links.map(|links| ("M", links)).write_args(out);
    }
}

impl ToArgs for Quantization {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::None => "NOQUANT",
            Self::Q8 => "Q8",
            Self::Binary => "BIN",
        });
    }
}

// ===== impl VectorQuery =====

impl VectorQuery {
    /// Like this element.
    pub fn element(element: impl AsRef<[u8]>) -> Self {
        Self(Query::Element(Bytes::copy_from_slice(element.as_ref())))
    }

    /// Like this vector.
    pub fn vector(vector: impl Into<Vec<f32>>) -> Self {
        Self(Query::Vector(vector.into()))
    }
}

impl Command {
    /// Adds what to be similar to, and how to look for it.
    pub(super) fn similar(self, query: VectorQuery, options: VSimOptions) -> Result<Self, Error> {
        if options.max_distance.is_some_and(f64::is_nan) {
            return Err(self.invalid("the distance is not a number"));
        }
        let command = match query.0 {
            Query::Element(element) => self.arg(("ELE", element)),
            Query::Vector(vector) => self.vector(&vector)?,
        };
        Ok(command.arg(options))
    }
}

// ===== impl VSimOptions =====

impl VSimOptions {
    /// The 10 most similar ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many (`COUNT`).
    #[must_use]
    pub fn count(mut self, elements: u64) -> Self {
        self.count = Some(elements);
        self
    }

    /// Only those no farther away than this (`EPSILON`): 0 is the same direction, 1 the opposite. Since Redis 8.2.
    #[must_use]
    pub fn max_distance(mut self, distance: f64) -> Self {
        self.max_distance = Some(distance);
        self
    }

    /// How many candidates to look at (`EF`): more find better ones.
    #[must_use]
    pub fn effort(mut self, candidates: u64) -> Self {
        self.effort = Some(candidates);
        self
    }

    /// Only those whose attributes satisfy this expression (`FILTER`).
    #[must_use]
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.filter = Some(Unshown(expression.into()));
        self
    }

    /// How many elements to try the filter on at the most (`FILTER-EF`); 0 is refused by the server.
    #[must_use]
    pub fn filter_effort(mut self, elements: u64) -> Self {
        self.filter_effort = Some(elements);
        self
    }

    /// Compares with every element (`TRUTH`), in O(N).
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Searches in the server's main thread (`NOTHREAD`).
    #[must_use]
    pub fn in_main_thread(mut self) -> Self {
        self.in_main_thread = true;
        self
    }
}

impl ToArgs for VSimOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.count.map(|count| ("COUNT", count)).write_args(out);
        let max_distance = self.max_distance.map(|distance| ("EPSILON", distance));
        max_distance.write_args(out);
        self.effort.map(|effort| ("EF", effort)).write_args(out);
        let filter = self.filter.as_ref().map(|filter| ("FILTER", &*filter.0));
        filter.write_args(out);
        let effort = self.filter_effort.map(|effort| ("FILTER-EF", effort));
        effort.write_args(out);
        self.is_exact.then_some("TRUTH").write_args(out);
        self.in_main_thread.then_some("NOTHREAD").write_args(out);
    }
}

/// Shows no element and no vector.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(_) => f.write_str("Element(..)"),
            Self::Vector(vector) => write!(f, "Vector({} dimensions)", vector.len()),
        }
    }
}

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
