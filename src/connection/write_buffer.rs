//! Encoded commands on their way to the socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::command::{Command, Segment};

/// `ASKING`, which lets the next command through to a slot that is being imported.
// cluster spec: ASK redirection
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";

const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// How many pieces go into one vectored write.
const MAX_SLICES: usize = 64;

/// Memory for copies beyond this is given up once it is written.
const KEPT: usize = 512 * 1024;

/// Bytes to write: small ones gathered by copying, large ones referred to.
#[derive(Default)]
pub(super) struct WriteBuffer {
    /// What is complete, in order, because a large argument follows it or is it.
    front: VecDeque<Bytes>,
    /// What small commands are copied into.
    tail: BytesMut,
    front_len: usize,
    /// `tail` has grown beyond what is kept.
    is_large: bool,
}

impl WriteBuffer {
    pub(super) fn len(&self) -> usize {
        self.front_len + self.tail.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Encodes a command, behind an `ASKING` where it asks for one.
    pub(super) fn encode(&mut self, command: &Command) {
        if command.is_asking() {
            self.encode_asking();
        }
        self.encode_alone(command);
    }

    pub(super) fn encode_asking(&mut self) {
        self.tail.put_slice(ASKING);
    }

    pub(super) fn encode_multi(&mut self) {
        self.tail.put_slice(MULTI);
    }

    pub(super) fn encode_exec(&mut self) {
        self.tail.put_slice(EXEC);
    }

    pub(super) fn encode_ping(&mut self) {
        self.tail.put_slice(PING);
    }

    /// Adds a command that is encoded.
    #[inline]
    pub(super) fn put(&mut self, encoded: &[u8]) {
        self.tail.put_slice(encoded);
        self.is_large |= self.tail.len() > KEPT;
    }

    /// Encodes a command without any `ASKING`.
    pub(super) fn encode_alone(&mut self, command: &Command) {
        match command.short_header() {
            Some(header) => self.tail.put_slice(&header),
            None => {
                let mut digits = itoa::Buffer::new();
                self.tail.put_u8(b'*');
                self.tail
                    .put_slice(digits.format(command.arg_count()).as_bytes());
                self.tail.put_slice(b"\r\n");
            }
        }
        for segment in command.segments() {
            match segment {
                Segment::Copy(bytes) => self.tail.put_slice(bytes),
                Segment::Share(bytes) => {
                    let before = self.tail.split().freeze();
                    self.front_len += before.len() + bytes.len();
                    self.front.push_back(before);
                    self.front.push_back(bytes.clone());
                }
            }
        }
        self.is_large |= self.tail.len() > KEPT;
    }

    /// Writes once, and says how many bytes went out.
    pub(super) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut IO,
    ) -> Poll<io::Result<usize>> {
        let written = if self.front.is_empty() {
            ready!(Pin::new(io).poll_write(cx, &self.tail))?
        } else {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let pieces = self
                .front
                .iter()
                .map(|piece| &piece[..])
                .chain([&self.tail[..]]);
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            ready!(Pin::new(io).poll_write_vectored(cx, &slices[..count]))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.front.front_mut() {
            let here = written.min(piece.len());
            piece.advance(here);
            self.front_len -= here;
            written -= here;
            if !piece.is_empty() {
                return;
            }
            self.front.pop_front();
        }
        self.tail.advance(written);
        if self.is_large && self.tail.is_empty() {
            self.tail = BytesMut::new();
            self.is_large = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{self, cmd};

    fn written(command: &Command, step: usize) -> Vec<u8> {
        let mut buffer = WriteBuffer::default();
        buffer.encode(command);
        let mut out = Vec::new();
        while !buffer.is_empty() {
            let pieces: Vec<u8> = buffer
                .front
                .iter()
                .flatten()
                .chain(&buffer.tail)
                .copied()
                .collect();
            assert_eq!(pieces.len(), buffer.len());
            let step = step.min(pieces.len());
            out.extend_from_slice(&pieces[..step]);
            buffer.advance(step);
        }
        out
    }

    #[test]
    fn asking_and_its_command_are_one_piece() {
        let mut command = cmd("GET").arg("k");
        command.set_asking(true);
        let wire = b"*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        assert_eq!(written(&command, usize::MAX), wire);
    }

    #[test]
    fn callers_encode_plain_commands_alike() {
        let mut compared = 0;
        for info in command::all() {
            let words = info.name().split(' ').map(str::to_owned);
            let args = std::iter::repeat_with(|| "argument".to_owned());
            let mut words = words.chain(args);
            let mut command = cmd(words.next().expect("a name"));
            for word in words.take(11) {
                if let Some((header, args)) = command.plain_encoding() {
                    compared += 1;
                    assert_eq!([&header[..], args].concat(), written(&command, usize::MAX));
                }
                command = command.arg(word);
            }
        }
        assert!(compared > 500, "only {compared} were compared");
    }

    #[test]
    fn partial_writes_go_on_where_they_stopped() {
        let large = vec![b'x'; 20_000];
        let command = cmd("SET").arg("k").arg(large.clone()).arg("EX").arg(1);
        let mut wire = b"*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n".to_vec();
        wire.extend_from_slice(&large);
        wire.extend_from_slice(b"\r\n$2\r\nEX\r\n$1\r\n1\r\n");
        for step in [1_001, 19_999, 20_003, usize::MAX] {
            assert_eq!(written(&command, step), wire, "in steps of {step}");
        }
    }

    #[test]
    fn large_arguments_are_written_from_where_they_are() {
        let large = Bytes::from(vec![b'x'; 16 * 1024]);
        let mut buffer = WriteBuffer::default();
        buffer.encode(&cmd("SET").arg("k").arg(large.clone()));
        let is_large = |piece: &Bytes| piece.as_ptr() == large.as_ptr();
        assert!(buffer.front.iter().any(is_large));
    }

    #[test]
    fn the_memory_of_a_large_command_is_not_kept() {
        let mut buffer = WriteBuffer::default();
        buffer.encode(&cmd("MSET").arg(vec!["argument"; 100_000]));
        buffer.advance(buffer.len());
        buffer.encode(&cmd("PING"));
        buffer.advance(buffer.len());
        assert!(!buffer.tail.try_reclaim(KEPT));
    }
}
