//! Bytes from the socket on their way to becoming replies.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::resp::{Decoder, ProtocolError};
use crate::value::Value;

/// Room for this many bytes is made before each read.
const ROOM: usize = 16 * 1024;

/// A buffer that had to grow beyond this is given up when it is empty: a connection does not keep the memory of
/// the largest reply it ever had.
const KEPT: usize = 256 * 1024;

/// The read buffer and the decoder that empties it.
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    decoder: Decoder,
    is_large: bool,
}

impl ReadBuffer {
    /// Goes on with `decoder`, which has not consumed `unread`.
    pub(super) fn new(decoder: Decoder, unread: BytesMut) -> Self {
        Self {
            bytes: unread,
            decoder,
            is_large: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
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
        let room = self.decoder.bytes_needed().max(ROOM);
        if room > KEPT {
            self.is_large = true;
        } else if self.is_large && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
            self.is_large = false;
        }
        if self.bytes.capacity() - self.bytes.len() < room / 2 {
            self.bytes.reserve(room);
        }
        pin!(io.read_buf(&mut self.bytes)).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Limits;

    #[tokio::test]
    async fn the_memory_of_a_large_reply_is_not_kept() {
        let len = 8 * 1024 * 1024;
        let mut wire = format!("${len}\r\n").into_bytes();
        wire.resize(wire.len() + len, b'x');
        wire.extend_from_slice(b"\r\n");
        // One that is dropped at once, so that its memory could be used again, and small ones.
        wire.extend_from_slice(&b"+OK\r\n".repeat(10_000));

        let mut io = &wire[..];
        let mut buffer = ReadBuffer::new(Decoder::new(Limits::default()), BytesMut::new());
        let mut replies = 0;
        while std::future::poll_fn(|cx| buffer.poll_read(cx, &mut io))
            .await
            .expect("memory does not fail")
            > 0
        {
            while buffer.decode().expect("RESP").is_some() {
                replies += 1;
            }
        }
        assert_eq!(replies, 10_001);
        buffer.bytes.reserve(1);
        assert!(!buffer.bytes.try_reclaim(KEPT));
    }
}
