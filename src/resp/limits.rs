//! How much a peer may make the decoder hold.

/// What the [`Decoder`](super::Decoder) accepts at most. A reply beyond a limit is a protocol error.
///
/// The defaults accept all that a server with its default settings sends, within reason.
///
/// What the decoder holds is in proportion to the bytes that have arrived, up to 30 times as much where they are many
/// short values, and never to what a header promises.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(super) max_depth: usize,
    pub(super) max_bulk_len: usize,
    pub(super) max_elements: usize,
    pub(super) max_line_len: usize,
    pub(super) max_reply_len: usize,
}

/// Values are dropped, compared and converted recursively: this depth fits every thread's stack.
const GREATEST_DEPTH: usize = 1024;

/// The longest line that every version of the protocol needs: a sign and the 19 digits of an `i64`, the type
/// before them and CRLF behind.
const LEAST_LINE_LEN: usize = 23;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 128,
            max_bulk_len: 512 * 1024 * 1024,
            max_elements: 16 * 1024 * 1024,
            max_line_len: 64 * 1024,
            max_reply_len: 1024 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// How many aggregates may be open within each other, attributes included. 128 unless set; a server's
    /// own replies stay below 16, but scripts nest as they please. Values above 1024 are taken as 1024.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth.min(GREATEST_DEPTH);
        self
    }

    /// The length of a bulk string, bulk error, verbatim string or streamed string, in bytes. 512 MiB unless
    /// set: the default of the servers' `proto-max-bulk-len`.
    #[must_use]
    pub fn max_bulk_len(mut self, bytes: usize) -> Self {
        self.max_bulk_len = bytes;
        self
    }

    /// How many values a reply may hold in all: keys and values of maps and attributes count one each, and so
    /// does each part of a streamed string. 16 Mi unless set, which is about 700 MB of [`Value`](crate::Value)s:
    /// whoever reads more at once should scan.
    #[must_use]
    pub fn max_elements(mut self, elements: usize) -> Self {
        self.max_elements = elements;
        self
    }

    /// The length of a line, its type byte and CRLF included, in bytes: this bounds simple strings, errors and
    /// big numbers. 64 KiB unless set, as for the servers' own inline commands. Values below 23, which would
    /// refuse integers, are taken as 23.
    #[must_use]
    pub fn max_line_len(mut self, bytes: usize) -> Self {
        self.max_line_len = bytes.max(LEAST_LINE_LEN);
        self
    }

    /// The length of an array, set, map or push as a whole, with all that is in it, in bytes on the wire. 1 GiB unless
    /// set: twice the longest string.
    #[must_use]
    pub fn max_reply_len(mut self, bytes: usize) -> Self {
        self.max_reply_len = bytes;
        self
    }
}
