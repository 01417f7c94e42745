//! What is done to integers of any width inside a string.

use crate::command::{ArgWriter, Command, ToArgs};
use crate::error::Error;

/// What is done to integers of any width inside a string, one after the other.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::{BitField, BitInteger, BitOffset, Overflow}, cmd};
///
/// let (u8, i5) = (BitInteger::unsigned(8), BitInteger::signed(5));
/// let operations = BitField::new()
///     .set(u8, 0, 200)
///     .overflow(Overflow::Fail)
///     .incrby(i5, BitOffset::index(3), -1)
///     .get(u8, 0);
/// let command = cmd("BITFIELD").arg("bits").arg(operations);
/// let words: Vec<_> = command.args().skip(2).map(String::from_utf8_lossy).collect();
/// assert_eq!(words.join(" "), "SET u8 0 200 OVERFLOW FAIL INCRBY i5 #3 -1 GET u8 0");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitField {
    operations: Vec<Operation>,
}

/// An integer of so many bits, with or without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitInteger {
    is_signed: bool,
    bits: u8,
}

/// Where an integer begins: a number is that of its first bit, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitOffset {
    position: u64,
    is_index: bool,
}

/// What happens to results that an integer has too few bits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// They lose their highest bits (`WRAP`). This is so unless said otherwise.
    Wrap,
    /// They become the nearest number that there is room for (`SAT`).
    Saturate,
    /// Nothing is written, and the result is `None` (`FAIL`).
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Get(BitInteger, BitOffset),
    Set(BitInteger, BitOffset, i64),
    IncrBy(BitInteger, BitOffset, i64),
    Overflow(Overflow),
}

// ===== impl BitField =====

impl BitField {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an integer.
    #[must_use]
    pub fn get(self, integer: BitInteger, offset: impl Into<BitOffset>) -> Self {
        self.then(Operation::Get(integer, offset.into()))
    }

    /// Writes an integer; the result is what it was.
    #[must_use]
    pub fn set(self, integer: BitInteger, offset: impl Into<BitOffset>, value: i64) -> Self {
        self.then(Operation::Set(integer, offset.into(), value))
    }

    /// Adds to an integer; the result is the sum.
    #[must_use]
    pub fn incrby(self, integer: BitInteger, offset: impl Into<BitOffset>, by: i64) -> Self {
        self.then(Operation::IncrBy(integer, offset.into(), by))
    }

    /// Says what happens to results that are too large in all that follows.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.then(Operation::Overflow(overflow))
    }

    fn then(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    pub(super) fn is_writing(&self) -> bool {
        let is_get = |operation: &Operation| matches!(operation, Operation::Get(..));
        !self.operations.iter().all(is_get)
    }

    /// The first integer of a width that servers do not have.
    fn find_invalid(&self) -> Option<BitInteger> {
        let integers = self
            .operations
            .iter()
            .filter_map(|operation| match *operation {
                Operation::Get(integer, _)
                | Operation::Set(integer, ..)
                | Operation::IncrBy(integer, ..) => Some(integer),
                Operation::Overflow(_) => None,
            });
        integers.into_iter().find(|integer| !integer.is_valid())
    }
}

impl ToArgs for BitField {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        for operation in &self.operations {
            match *operation {
                Operation::Get(integer, offset) => ("GET", integer, offset).write_args(out),
                Operation::Set(integer, offset, value) => {
                    ("SET", integer, offset, value).write_args(out);
                }
                Operation::IncrBy(integer, offset, by) => {
                    ("INCRBY", integer, offset, by).write_args(out);
                }
                Operation::Overflow(overflow) => ("OVERFLOW", overflow).write_args(out),
            }
        }
    }
}

impl Command {
    /// Adds operations, unless one of their integers is none.
    pub(super) fn bit_field(self, operations: BitField) -> Result<Self, Error> {
        match operations.find_invalid() {
            None => Ok(self.arg(operations)),
            Some(integer) => {
                let message = format!("{integer} is not one of u1 to u63 and i1 to i64");
                Err(self.invalid(message))
            }
        }
    }
}

// ===== impl BitInteger =====

impl BitInteger {
    /// From 0 up, of 1 to 63 bits.
    pub fn unsigned(bits: u8) -> Self {
        let is_signed = false;
        Self { is_signed, bits }
    }

    /// In two's complement, of 1 to 64 bits.
    pub fn signed(bits: u8) -> Self {
        let is_signed = true;
        Self { is_signed, bits }
    }

    fn is_valid(self) -> bool {
        (1..=63 + u8::from(self.is_signed)).contains(&self.bits)
    }
}

impl std::fmt::Display for BitInteger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.is_signed { 'i' } else { 'u' }, self.bits)
    }
}

impl ToArgs for BitInteger {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self.to_string());
    }
}

// ===== impl BitOffset =====

impl BitOffset {
    /// Where this one begins if the string is an array of such integers (`#`), counted from 0.
    pub fn index(index: u64) -> Self {
        Self {
            position: index,
            is_index: true,
        }
    }
}

impl From<u64> for BitOffset {
    fn from(bit: u64) -> Self {
        Self {
            position: bit,
            is_index: false,
        }
    }
}

impl ToArgs for BitOffset {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        if self.is_index {
            out.put(format!("#{}", self.position));
        } else {
            self.position.write_args(out);
        }
    }
}

// ===== impl Overflow =====

impl ToArgs for Overflow {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Wrap => "WRAP",
            Self::Saturate => "SAT",
            Self::Fail => "FAIL",
        });
    }
}
