//! What the vector set commands answer.

use super::Quantization;
use super::reply_fields::ReplyFields;
use crate::value::{ConversionError, FromValue, Value};

/// An element that is [similar](crate::Cluster::vsim_matches).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VectorMatch<T> {
    /// The element.
    pub element: T,
    /// How similar it is: 1 is the same direction, 0 the opposite.
    pub score: f64,
    /// Its attributes, in JSON.
    pub attributes: Option<String>,
}

/// What the server [knows](crate::Cluster::vinfo) of a vector set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VectorSetInfo {
    /// How vectors are kept; `None` for a way that was added later.
    pub quantization: Option<Quantization>,
    /// How many elements there are.
    pub len: u64,
    /// How many dimensions the vectors have.
    pub dimensions: u64,
    /// How many levels the graph has above the lowest.
    pub max_level: u64,
    /// With how many others each element is linked.
    pub links: Option<u64>,
    /// How many elements have attributes.
    pub attributes: Option<u64>,
}

// ===== impl VectorMatch =====

impl<T: FromValue> FromValue for VectorMatch<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (element, score, attributes) = FromValue::from_value(value)?;
        Ok(Self {
            element,
            score,
            attributes,
        })
    }

    /// In RESP3 each element is the key of score and attributes; in RESP2 all three come by turns.
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConversionError> {
        if let Value::Map(_) = value.plain() {
            let matches = Vec::<(T, (f64, Option<String>))>::from_value(value)?;
            let matches = matches.into_iter();
            return Ok(matches
                .map(|(element, (score, attributes))| Self {
                    element,
                    score,
                    attributes,
                })
                .collect());
        }
        let values = Vec::<Value>::from_value(value)?;
        if !values.len().is_multiple_of(3) {
            let wanted = "score and attributes of each element";
            return Err(ConversionError::new(wanted, &Value::Array(values)));
        }
        let triples = values.chunks_exact(3).enumerate();
        triples
            .map(|(index, triple)| {
                let triple = Value::Array(triple.to_vec());
                Self::from_value(triple).map_err(|error| error.at_element(index))
            })
            .collect()
    }
}

// ===== impl VectorSetInfo =====

impl FromValue for VectorSetInfo {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let mut fields = ReplyFields::from_value(value)?;
        let quantization: String = fields.take("quant-type")?;
        Ok(Self {
            quantization: match quantization.as_str() {
                "f32" => Some(Quantization::None),
                "int8" => Some(Quantization::Q8),
                "bin" => Some(Quantization::Binary),
                _ => None,
            },
            len: fields.take("size")?,
            dimensions: fields.take("vector-dim")?,
            max_level: fields.take("max-level")?,
            links: fields.find("hnsw-m")?,
            attributes: fields.find("attributes-count")?,
        })
    }
}
