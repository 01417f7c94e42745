//! What can be wrong with a peer's bytes.

use std::fmt;

use crate::error::{Delivery, Error, ErrorKind};

/// The peer sent something that is not RESP, or more than the [`Limits`](super::Limits) allow.
///
/// Nothing that follows in the stream can be made sense of: the connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    reason: Reason,
    type_byte: u8,
    offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    UnknownType,
    Misplaced,
    BareLineFeed,
    BareCarriageReturn,
    NoTerminator,
    Length,
    Integer,
    Double,
    Boolean,
    BigNumber,
    Verbatim,
    NotEmpty,
    LineTooLong(usize),
    BulkTooLong(usize),
    TooManyElements(usize),
    TooDeep(usize),
    ReplyTooLong(usize),
}

impl ProtocolError {
    pub(super) fn new(reason: Reason, type_byte: u8, offset: u64) -> Self {
        Self {
            reason,
            type_byte,
            offset,
        }
    }

    /// Where the line or payload that is wrong begins: how many bytes the decoder had taken before it.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::UnknownType => f.write_str("unknown type"),
            Reason::Misplaced => f.write_str("a type that may not stand here"),
            Reason::BareLineFeed => f.write_str("a line feed without a carriage return"),
            Reason::BareCarriageReturn => f.write_str("a carriage return without a line feed"),
            Reason::NoTerminator => f.write_str("a string that does not end where its length says"),
            Reason::Length => f.write_str("an invalid length"),
            Reason::Integer => f.write_str("an invalid integer"),
            Reason::Double => f.write_str("an invalid double"),
            Reason::Boolean => f.write_str("an invalid boolean"),
            Reason::BigNumber => f.write_str("an invalid big number"),
            Reason::Verbatim => f.write_str("a verbatim string without a format"),
            Reason::NotEmpty => f.write_str("a line that should be empty"),
            Reason::LineTooLong(max) => write!(f, "a line of more than {max} bytes"),
            Reason::BulkTooLong(max) => write!(f, "a string of more than {max} bytes"),
            Reason::TooManyElements(max) => write!(f, "a reply of more than {max} elements"),
            Reason::TooDeep(max) => write!(f, "a reply nested more than {max} deep"),
            Reason::ReplyTooLong(max) => write!(f, "a reply of more than {max} bytes"),
        }?;
        write!(
            f,
            " (type '{}', byte {} of the stream)",
            self.type_byte.escape_ascii(),
            self.offset
        )
    }
}

impl std::error::Error for ProtocolError {}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        // Whatever was in flight had been written.
        Self::new(ErrorKind::Protocol, "the peer broke the protocol")
            .with_delivery(Delivery::Unknown)
            .with_source(error)
    }
}
