//! Bytes from the socket on their way to becoming replies.

use std::io;
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::resp::{Decoder, ProtocolError};
use crate::value::Value;

/// Room for this many bytes is made before a read at least.
const LEAST_ROOM: usize = 16 * 1024;

/// And for this many at most, unless one string needs more. A read of more is no cheaper by the byte, and a small
/// value keeps all memory that was read with it.
const MOST_ROOM: usize = 64 * 1024;

/// A buffer that had to grow beyond this is given up when it is empty: a connection does not keep the memory of
/// the largest reply it ever had.
const KEPT: usize = 256 * 1024;

/// The read buffer and the decoder that empties it.
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    decoder: Decoder,
    /// Doubles when a read was full, and halves when there was little to read.
    room: usize,
    /// The last read filled all the room it had, which was not for one string alone.
    was_full: bool,
    is_large: bool,
}

impl ReadBuffer {
    /// Goes on with `decoder`, which has not consumed `unread`.
    pub(super) fn new(decoder: Decoder, unread: BytesMut) -> Self {
        Self {
            bytes: unread,
            decoder,
            room: LEAST_ROOM,
            was_full: false,
            is_large: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// True if a part of a reply has arrived that is no push message.
    pub(super) fn has_begun_reply(&self) -> bool {
        self.decoder.has_begun_reply(&self.bytes)
    }

    /// Takes one reply off the front.
    pub(super) fn decode(&mut self) -> Result<Option<Value>, ProtocolError> {
        self.decoder.decode(&mut self.bytes)
    }

    /// Reads once, and says how many bytes came.
    pub(super) fn poll_read<IO: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut IO,
    ) -> Poll<io::Result<usize>> {
        let needed = self.decoder.bytes_needed();
        // Not for strings that have room made for them alone: the less of one was read before, the less is copied.
        if mem::take(&mut self.was_full) && needed <= self.room {
            self.room = (2 * self.room).min(MOST_ROOM);
        }
        let room = needed.max(self.room);
        if room > KEPT {
            self.is_large = true;
        } else if self.is_large && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
            self.is_large = false;
        }
        if self.spare() < needed.max(self.room / 2) {
            self.bytes.reserve(room);
        }
        let spare = self.spare();
        let read = ready!(pin!(io.read_buf(&mut self.bytes)).poll(cx))?;
        if read == spare {
            self.was_full = needed < spare;
        } else if read < self.room / 4 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        }
        Poll::Ready(Ok(read))
    }

    fn spare(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::resp::Limits;

    fn read(buffer: &mut ReadBuffer, io: &mut &[u8]) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        match buffer.poll_read(&mut cx, io) {
            Poll::Ready(read) => read.expect("memory does not fail"),
            Poll::Pending => unreachable!("memory is always ready"),
        }
    }

    fn bulk_string(len: usize) -> Vec<u8> {
        let mut wire = format!("${len}\r\n").into_bytes();
        wire.resize(wire.len() + len, b'x');
        wire.extend_from_slice(b"\r\n");
        wire
    }

    #[test]
    fn a_long_string_costs_one_allocation_of_its_length() {
        let len = 1024 * 1024;
        let wire = bulk_string(len).repeat(8);
        let mut buffer = ReadBuffer::new(Decoder::new(Limits::default()), BytesMut::new());
        let mut io = &wire[..];
        let allocated = allocation_counter::measure(|| {
            let mut replies = 0;
            while read(&mut buffer, &mut io) > 0 {
                while buffer.decode().expect("RESP").is_some() {
                    replies += 1;
                }
            }
            assert_eq!(replies, 8);
        });
        let allowed = 8 * (len + 2 * LEAST_ROOM) as u64;
        assert!(allocated.bytes_total <= allowed, "{allocated:?}");
    }

    #[test]
    fn room_grows_while_reads_are_full_and_shrinks_again() {
        let wire = bulk_string(1000).repeat(1000);
        let mut buffer = ReadBuffer::new(Decoder::new(Limits::default()), BytesMut::new());
        let mut io = &wire[..];
        let mut is_most = false;
        while read(&mut buffer, &mut io) > 0 {
            assert!(buffer.room <= MOST_ROOM);
            while buffer.decode().expect("RESP").is_some() {}
            is_most |= buffer.room == MOST_ROOM;
        }
        assert!(is_most);
        for _ in 0..2 {
            assert!(read(&mut buffer, &mut &b"+OK\r\n"[..]) > 0);
        }
        assert_eq!(buffer.room, LEAST_ROOM);
    }

    #[test]
    fn the_memory_of_a_large_reply_is_not_kept() {
        let mut wire = bulk_string(8 * 1024 * 1024);
        // One that is dropped at once, so that its memory could be used again, and small ones.
        wire.extend_from_slice(&b"+OK\r\n".repeat(10_000));

        let mut io = &wire[..];
        let mut buffer = ReadBuffer::new(Decoder::new(Limits::default()), BytesMut::new());
        let mut replies = 0;
        while read(&mut buffer, &mut io) > 0 {
            while buffer.decode().expect("RESP").is_some() {
                replies += 1;
            }
        }
        assert_eq!(replies, 10_001);
        buffer.bytes.reserve(1);
        assert!(!buffer.bytes.try_reclaim(KEPT));
    }
}
