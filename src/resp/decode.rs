//! The incremental decoder.

use bytes::{Buf, Bytes, BytesMut};

use super::error::{ProtocolError, Reason};
use super::limits::Limits;
use super::line::{self, Length};
use super::open::{Aggregate, Due};
use super::stack::Stack;
use crate::value::{ServerError, Value};

/// Takes replies off a stream of bytes that arrives in pieces. See the [module docs](super).
///
/// A decoder belongs to one stream. It takes complete lines and strings off the buffer and keeps what it has
/// made of them, so that no byte is looked at twice, however small the pieces are.
///
/// It speaks RESP2 and RESP3 at the same time, as one is a part of the other: a null is [`Value::Nil`] whichever
/// way it is written, a streamed string becomes a [`Value::BulkString`], and a streamed array, set or map one like
/// any other. A push is a value in its place in the stream; who matches replies to commands must set it aside.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    state: State,
    stack: Stack,
    /// Bytes taken off the stream so far.
    offset: u64,
    needed: usize,
    failure: Option<ProtocolError>,
}

/// What comes next in the stream.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A line; its first `scanned` bytes are in the buffer and hold no line feed.
    Line { scanned: usize },
    /// A string of `len` bytes and its CRLF.
    Payload { kind: Payload, len: usize },
}

#[derive(Clone, Copy, Debug)]
enum Payload {
    BulkString,
    BulkError,
    VerbatimString,
    /// A part of a streamed string.
    Part,
}

/// A bulk string that has arrived as a whole, as most do.
struct Whole {
    /// Bytes of its header, CRLF included.
    header: usize,
    /// Bytes of the string.
    len: usize,
}

/// How far a line or payload brought the reply.
enum Step {
    /// More bytes are needed.
    Wait,
    /// A header was taken; what it announces comes next.
    Header,
    /// A value is complete.
    Value(Value),
}

/// How much of a string is reserved on the word of its header, in bytes. Beyond it, a peer has to have sent half of
/// what it makes us hold.
const RESERVED_UNSEEN: usize = 2 * 1024 * 1024;

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            stack: Stack::new(&limits),
            limits,
            state: State::Line { scanned: 0 },
            offset: 0,
            needed: 0,
            failure: None,
        }
    }

    /// Takes one whole reply off the front of `buf`; `None` if more bytes are needed for that.
    ///
    /// Between calls, bytes may be appended to `buf` and nothing else done to it.
    ///
    /// Strings in the reply are slices of `buf`'s memory.
    ///
    /// # Errors
    ///
    /// When the bytes are not RESP or exceed a limit. The stream is then lost: every later call returns the same
    /// error.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Value>, ProtocolError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.needed = 0;
        self.advance(buf).map_err(|reason| self.fail(reason, buf))
    }

    /// How many more bytes the reply under way needs at least, as of the last [`decode`](Self::decode); 0 between
    /// replies.
    ///
    /// To be reserved before reading on, so that a large string arrives in one allocation. It is bounded: never more
    /// than 2 MiB, or than what has arrived of the string, whichever is greater.
    pub fn bytes_needed(&self) -> usize {
        self.needed
    }

    /// True if a reply other than a push is under way, of which `buf` holds what was not yet taken off it.
    pub(crate) fn has_begun_reply(&self, buf: &[u8]) -> bool {
        match (self.stack.outermost_is_push(), self.state) {
            (Some(is_push), _) => !is_push,
            (None, State::Payload { .. }) => true,
            (None, State::Line { .. }) => buf.first().is_some_and(|first| *first != b'>'),
        }
    }

    fn advance(&mut self, buf: &mut BytesMut) -> Result<Option<Value>, Reason> {
        loop {
            let step = match self.state {
                State::Line { scanned } => self.line(scanned, buf)?,
                State::Payload { kind, len } => self.payload(kind, len, buf)?,
            };
            match step {
                Step::Wait => return Ok(None),
                Step::Header => {}
                // The common case, a reply that is one value, is moved as little as possible.
                Step::Value(value) if self.stack.is_empty() => return Ok(Some(value)),
                Step::Value(value) => {
                    if let Some(reply) = self.stack.place(value) {
                        return Ok(Some(reply));
                    }
                }
            }
        }
    }

    fn line(&mut self, scanned: usize, buf: &mut BytesMut) -> Result<Step, Reason> {
        if let Some(Whole { header, len }) = Whole::find(buf)
            && len <= self.limits.max_bulk_len
        {
            self.stack.admit(b'$', self.offset + len as u64)?;
            self.state = State::Line { scanned: 0 };
            let text = self.take_whole(header, len, buf);
            return Ok(Step::Value(Value::BulkString(text)));
        }
        let Some(&type_byte) = buf.first() else {
            self.needed = usize::from(!self.stack.is_empty());
            return Ok(Step::Wait);
        };
        // Before the line is complete: a peer that speaks something else may never end it.
        if !is_type(type_byte) {
            return Err(Reason::UnknownType);
        }
        let max = self.limits.max_line_len;
        let Some(end) = line::find_end(buf, scanned) else {
            if buf.len() >= max {
                return Err(Reason::LineTooLong(max));
            }
            self.state = State::Line { scanned: buf.len() };
            self.needed = 1;
            return Ok(Step::Wait);
        };
        if end >= max {
            return Err(Reason::LineTooLong(max));
        }
        // The type byte is no CR, so that there are two bytes at least before the line feed.
        if buf[end - 1] != b'\r' {
            return Err(Reason::BareLineFeed);
        }
        self.stack.admit(type_byte, self.offset)?;

        self.state = State::Line { scanned: 0 };
        match type_byte {
            b'+' | b'-' | b'(' => self.text(type_byte, end, buf).map(Step::Value),
            b':' | b',' | b'#' | b'_' => {
                let value = scalar(type_byte, &buf[1..end - 1])?;
                self.skip(end + 1, buf);
                Ok(Step::Value(value))
            }
            b'.' if end > 2 => Err(Reason::NotEmpty),
            b'.' => {
                self.skip(end + 1, buf);
                Ok(Step::from(self.stack.end()))
            }
            _ => {
                let length = line::length(&buf[1..end - 1]).ok_or(Reason::Length)?;
                let step = self.header(type_byte, length, buf.len() - (end + 1))?;
                self.skip(end + 1, buf);
                Ok(step)
            }
        }
    }

    /// Takes a line that is a text, which ends with the line feed at `end`.
    fn text(&mut self, type_byte: u8, end: usize, buf: &mut BytesMut) -> Result<Value, Reason> {
        let text = &buf[1..end - 1];
        if type_byte == b'+' {
            // The everyday statuses hold no reference to the read buffer.
            let status: Option<&'static [u8]> = match text {
                b"OK" => Some(b"OK"),
                b"QUEUED" => Some(b"QUEUED"),
                b"PONG" => Some(b"PONG"),
                _ => None,
            };
            if let Some(status) = status {
                self.skip(end + 1, buf);
                return Ok(Value::SimpleString(Bytes::from_static(status)));
            }
        }
        if memchr::memchr(b'\r', text).is_some() {
            return Err(Reason::BareCarriageReturn);
        }
        if type_byte == b'(' && !line::is_big_number(text) {
            return Err(Reason::BigNumber);
        }
        self.skip(1, buf);
        let text = self.take(end - 2, buf);
        self.skip(2, buf);
        Ok(match type_byte {
            b'+' => Value::SimpleString(text),
            b'-' => Value::Error(ServerError::new(text)),
            _ => Value::BigNumber(text),
        })
    }

    /// Acts on the header of a string or an aggregate; `available` bytes have arrived behind it.
    fn header(&mut self, type_byte: u8, length: Length, available: usize) -> Result<Step, Reason> {
        match (type_byte, length) {
            (b'$' | b'*', Length::Null) => Ok(Step::Value(Value::Nil)),
            (b'$', Length::Streamed) => self.stack.open_text().map(Step::from),
            (b'$', Length::Of(len)) => self.announce(Payload::BulkString, len),
            (b'!', Length::Of(len)) => self.announce(Payload::BulkError, len),
            (b'=', Length::Of(len)) => self.announce(Payload::VerbatimString, len),
            (b';', Length::Of(0)) => Ok(Step::from(self.stack.end())),
            (b';', Length::Of(len)) => {
                let joined = self.stack.text_len();
                if len > self.limits.max_bulk_len.saturating_sub(joined) {
                    return Err(Reason::BulkTooLong(self.limits.max_bulk_len));
                }
                self.announce(Payload::Part, len)
            }
            (b'*', length) => self.aggregate(Aggregate::Array, length, available),
            (b'~', length) => self.aggregate(Aggregate::Set, length, available),
            (b'%', length) => self.aggregate(Aggregate::Map, length, available),
            (b'>', length) => self.aggregate(Aggregate::Push, length, available),
            (b'|', length) => self.aggregate(Aggregate::Attributes, length, available),
            (b'!' | b'=' | b';', _) => Err(Reason::Length),
            _ => Err(Reason::UnknownType),
        }
    }

    fn announce(&mut self, kind: Payload, len: usize) -> Result<Step, Reason> {
        if len > self.limits.max_bulk_len {
            return Err(Reason::BulkTooLong(self.limits.max_bulk_len));
        }
        self.stack
            .announce(self.offset.saturating_add(len as u64))?;
        self.state = State::Payload { kind, len };
        Ok(Step::Header)
    }

    fn aggregate(
        &mut self,
        kind: Aggregate,
        length: Length,
        available: usize,
    ) -> Result<Step, Reason> {
        let due = match length {
            Length::Of(count) => Due::Count(count),
            Length::Streamed if kind.may_stream() => Due::Streamed,
            Length::Streamed | Length::Null => return Err(Reason::Length),
        };
        self.stack.open(kind, due, available).map(Step::from)
    }

    fn payload(&mut self, kind: Payload, len: usize, buf: &mut BytesMut) -> Result<Step, Reason> {
        // `len` is within `max_bulk_len`, which may be anything.
        let whole = len.saturating_add(2);
        if buf.len() < whole {
            let bound = RESERVED_UNSEEN.max(buf.len());
            self.needed = (whole - buf.len()).min(bound);
            return Ok(Step::Wait);
        }
        if &buf[len..whole] != b"\r\n" {
            return Err(Reason::NoTerminator);
        }
        let format = match (kind, &buf[..len]) {
            (Payload::VerbatimString, &[a, b, c, b':', ..]) => [a, b, c],
            (Payload::VerbatimString, _) => return Err(Reason::Verbatim),
            _ => [0; 3],
        };
        self.state = State::Line { scanned: 0 };
        let mut text = self.take_whole(0, len, buf);
        Ok(Step::Value(match kind {
            Payload::BulkString | Payload::Part => Value::BulkString(text),
            Payload::BulkError => Value::Error(ServerError::new(text)),
            Payload::VerbatimString => {
                text.advance(4);
                Value::VerbatimString { format, text }
            }
        }))
    }

    /// Ends the stream at the line or payload at the front of `buf`: none of it is taken before all is checked.
    fn fail(&mut self, reason: Reason, buf: &BytesMut) -> ProtocolError {
        let type_byte = match self.state {
            State::Line { .. } => buf.first().copied().unwrap_or_default(),
            State::Payload { kind, .. } => kind.type_byte(),
        };
        let failure = ProtocolError::new(reason, type_byte, self.offset);
        self.failure = Some(failure.clone());
        self.stack.clear();
        failure
    }

    fn take(&mut self, len: usize, buf: &mut BytesMut) -> Bytes {
        if len == 0 {
            return Bytes::new();
        }
        self.offset += len as u64;
        buf.split_to(len).freeze()
    }

    /// Takes a header of `header` bytes, a string of `len`, and the CRLF behind it.
    fn take_whole(&mut self, header: usize, len: usize, buf: &mut BytesMut) -> Bytes {
        let whole = header + len + 2;
        if len == 0 {
            self.skip(whole, buf);
            return Bytes::new();
        }
        self.offset += whole as u64;
        // One step over the buffer, and not three: each has to look at who shares its memory.
        let mut text = buf.split_to(whole).freeze();
        text.advance(header);
        text.truncate(len);
        text
    }

    fn skip(&mut self, len: usize, buf: &mut BytesMut) {
        self.offset += len as u64;
        buf.advance(len);
    }
}

impl Whole {
    /// Longer headers are of strings for which the slower way is no loss.
    const DIGITS: usize = 8;

    /// The bulk string at the front of `buf`, if it is as it should be and all of it has arrived. All else is for the
    /// slower way to tell apart.
    fn find(buf: &[u8]) -> Option<Self> {
        let (&b'$', digits) = buf.split_first()? else {
            return None;
        };
        let mut len = 0;
        for (place, &byte) in digits.iter().enumerate().take(Self::DIGITS) {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                len = len * 10 + usize::from(digit);
                continue;
            }
            let header = 1 + place + 2;
            let is_whole = place > 0
                && buf.get(header - 2..header)? == b"\r\n"
                && buf.get(header + len..header + len + 2)? == b"\r\n";
            return is_whole.then_some(Self { header, len });
        }
        None
    }
}

impl From<Option<Value>> for Step {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Header, Self::Value)
    }
}

impl Payload {
    fn type_byte(self) -> u8 {
        match self {
            Self::BulkString => b'$',
            Self::BulkError => b'!',
            Self::VerbatimString => b'=',
            Self::Part => b';',
        }
    }
}

fn is_type(byte: u8) -> bool {
    matches!(
        byte,
        b'+' | b'-'
            | b':'
            | b'$'
            | b'*'
            | b'_'
            | b','
            | b'#'
            | b'('
            | b'%'
            | b'~'
            | b'>'
            | b'|'
            | b'!'
            | b'='
            | b';'
            | b'.'
    )
}

/// The value of a line that is no text.
fn scalar(type_byte: u8, text: &[u8]) -> Result<Value, Reason> {
    match (type_byte, text) {
        (b':', _) => line::integer(text)
            .map(Value::Integer)
            .ok_or(Reason::Integer),
        (b',', _) => line::double(text).map(Value::Double).ok_or(Reason::Double),
        (b'#', b"t") => Ok(Value::Boolean(true)),
        (b'#', b"f") => Ok(Value::Boolean(false)),
        (b'#', _) => Err(Reason::Boolean),
        (b'_', b"") => Ok(Value::Nil),
        _ => Err(Reason::NotEmpty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_feed_is_sought_where_the_last_search_ended() {
        let mut decoder = Decoder::new(Limits::default());
        let mut buf = BytesMut::from("*2\r\n+a line");
        for more in ["", " that", " goes on", "\r"] {
            buf.extend_from_slice(more.as_bytes());
            assert_eq!(decoder.decode(&mut buf), Ok(None));
            assert!(
                matches!(decoder.state, State::Line { scanned } if scanned == buf.len()),
                "{:?} of {buf:?}",
                decoder.state
            );
        }
        buf.extend_from_slice(b"\n:1");
        assert_eq!(decoder.decode(&mut buf), Ok(None));
        assert!(matches!(decoder.state, State::Line { scanned: 2 }));
    }

    #[test]
    fn a_failed_decoder_lets_go_of_what_it_held() {
        let mut decoder = Decoder::new(Limits::default());
        let mut buf = BytesMut::from("*2\r\n$1\r\na\r\n?");
        assert!(decoder.decode(&mut buf).is_err());
        assert!(decoder.stack.is_empty());
    }
}
