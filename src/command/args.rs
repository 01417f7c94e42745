//! Arguments, encoded once as RESP bulk strings.

use std::sync::Arc;

use bytes::Bytes;

/// Encoded arguments up to this many bytes are kept with the command's contents: most of all commands, `SET` of a value of
/// 64 bytes among them, then need no allocation of their own. 126 makes the whole enum 128 bytes.
const INLINE: usize = 126;

/// Arguments from this many bytes on are referred to when the command is written, not copied. Below, a copy is
/// cheaper than a write of its own.
const SHARED: usize = 16 * 1024;

/// The arguments of a command, its name first, as they go on the wire after the `*N` header.
#[derive(Clone)]
pub(super) struct Args {
    count: u32,
    encoded: Encoded,
}

#[derive(Clone)]
enum Encoded {
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    /// Shared by itself too: who changes a command that has clones copies the contents, and not this unless it is what changes.
    Heap(Arc<Heap>),
}

#[derive(Clone, Default)]
struct Heap {
    bytes: Vec<u8>,
    /// Large arguments, each with the position in `bytes` before which it goes.
    shared: Vec<(usize, Bytes)>,
}

/// A piece of an encoded command, or one of its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Segment<'a> {
    /// Bytes to copy.
    Copy(&'a [u8]),
    /// A large argument, to be used from where it is.
    Share(&'a Bytes),
}

impl<'a> Segment<'a> {
    /// The bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Copy(bytes) => bytes,
            Self::Share(bytes) => bytes,
        }
    }
}

impl Args {
    pub(super) const fn new() -> Self {
        Self {
            count: 0,
            encoded: Encoded::Inline {
                len: 0,
                bytes: [0; INLINE],
            },
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Encodes one more argument by copying it, once.
    pub(super) fn push(&mut self, argument: &[u8]) {
        if self.push_inline(argument) {
            return;
        }
        if argument.len() >= SHARED {
            return self.push_bytes(Bytes::copy_from_slice(argument));
        }
        self.count += 1;
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(argument.len()).as_bytes();
        let heap = self.heap_mut(argument.len() + 32);
        for part in [b"$", digits, b"\r\n", argument, b"\r\n"] {
            heap.bytes.extend_from_slice(part);
        }
    }

    /// Encodes one more argument in place, if there is room: nearly always, so every instruction counts.
    fn push_inline(&mut self, argument: &[u8]) -> bool {
        let Encoded::Inline { len, bytes } = &mut self.encoded else {
            return false;
        };
        let digits = match argument.len() {
            0..10 => 1,
            10..100 => 2,
            // Of more digits it would be most of the room.
            _ => return false,
        };
        let needed = argument.len() + 5 + digits;
        let Some(out) = bytes[usize::from(*len)..].get_mut(..needed) else {
            return false;
        };
        let (header, rest) = out.split_at_mut(3 + digits);
        let length = argument.len() as u8;
        match header {
            [dollar, ones, end @ ..] if digits == 1 => {
                (*dollar, *ones) = (b'$', b'0' + length);
                end.copy_from_slice(b"\r\n");
            }
            [dollar, tens, ones, end @ ..] => {
                (*dollar, *tens, *ones) = (b'$', b'0' + length / 10, b'0' + length % 10);
                end.copy_from_slice(b"\r\n");
            }
            _ => unreachable!("at least four bytes"),
        }
        let (copy, end) = rest.split_at_mut(argument.len());
        copy.copy_from_slice(argument);
        end.copy_from_slice(b"\r\n");
        *len += needed as u8;
        self.count += 1;
        true
    }

    /// Encodes one more argument, which is not copied if it is large.
    pub(super) fn push_bytes(&mut self, argument: Bytes) {
        if argument.len() < SHARED {
            return self.push(&argument);
        }
        self.count += 1;
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(argument.len()).as_bytes();
        let heap = self.heap_mut(32);
        for part in [b"$", digits, b"\r\n"] {
            heap.bytes.extend_from_slice(part);
        }
        heap.shared.push((heap.bytes.len(), argument));
        heap.bytes.extend_from_slice(b"\r\n");
    }

    /// A copy in which the argument at `index` is another.
    pub(super) fn with_replaced(&self, index: usize, argument: &[u8]) -> Self {
        let mut args = Self::new();
        for (position, kept) in self.iter().enumerate() {
            args.push(if position == index { argument } else { kept });
        }
        args
    }

    /// The heap form, with room for `more` bytes; what was inline moves there.
    fn heap_mut(&mut self, more: usize) -> &mut Heap {
        if let Encoded::Inline { len, bytes } = &self.encoded {
            let inline = &bytes[..usize::from(*len)];
            let mut heap = Heap::default();
            heap.bytes.reserve(inline.len() + more);
            heap.bytes.extend_from_slice(inline);
            self.encoded = Encoded::Heap(Arc::new(heap));
        }
        match &mut self.encoded {
            Encoded::Heap(heap) => Arc::make_mut(heap),
            Encoded::Inline { .. } => unreachable!("made a heap form above"),
        }
    }

    #[inline]
    fn parts(&self) -> (&[u8], &[(usize, Bytes)]) {
        match &self.encoded {
            Encoded::Inline { len, bytes } => (&bytes[..usize::from(*len)], &[]),
            Encoded::Heap(heap) => (&heap.bytes, &heap.shared),
        }
    }

    /// All of them as they are encoded, if they are in one piece.
    #[inline]
    pub(super) fn whole(&self) -> Option<&[u8]> {
        let (bytes, shared) = self.parts();
        shared.is_empty().then_some(bytes)
    }

    /// How many bytes [`segments`](Args::segments) are.
    #[inline]
    pub(super) fn encoded_len(&self) -> usize {
        let (bytes, shared) = self.parts();
        bytes.len() + shared.iter().map(|(_, large)| large.len()).sum::<usize>()
    }

    /// The encoded form, piece by piece.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let (bytes, shared) = self.parts();
        let mut start = 0;
        let large = shared.iter().flat_map(move |(position, large)| {
            let copied = &bytes[start..*position];
            start = *position;
            [Segment::Copy(copied), Segment::Share(large)]
        });
        let last = shared.last().map_or(0, |(position, _)| *position);
        large.chain([Segment::Copy(&bytes[last..])])
    }

    /// The arguments as they were given, name first.
    pub(super) fn iter(&self) -> Iter<'_> {
        let (bytes, shared) = self.parts();
        Iter {
            bytes,
            position: 0,
            shared,
        }
    }
}

/// Iterator over the arguments of a [`Command`](super::Command), its name first.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    position: usize,
    shared: &'a [(usize, Bytes)],
}

impl std::fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}

impl<'a> Iter<'a> {
    /// As `next`, but tells a large argument from those that are cheaper to copy.
    pub(super) fn next_segment(&mut self) -> Option<Segment<'a>> {
        // `$<len>\r\n<argument>\r\n`, written by `push` and `push_bytes` alone.
        let header = self.bytes.get(self.position + 1..)?;
        let digits = memchr::memchr(b'\r', header)?;
        let len = header[..digits]
            .iter()
            .fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
        let start = self.position + 1 + digits + 2;
        let (argument, after) = match self.shared {
            [(position, large), rest @ ..] if *position == start => {
                self.shared = rest;
                (Segment::Share(large), start)
            }
            _ => (Segment::Copy(&self.bytes[start..start + len]), start + len),
        };
        self.position = after + 2;
        Some(argument)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.next_segment().map(Segment::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(args: &Args) -> Vec<u8> {
        let mut out = Vec::new();
        for segment in args.segments() {
            match segment {
                Segment::Copy(bytes) => out.extend_from_slice(bytes),
                Segment::Share(bytes) => out.extend_from_slice(bytes),
            }
        }
        assert_eq!(out.len(), args.encoded_len());
        out
    }

    #[test]
    fn what_goes_in_comes_out_at_every_size() {
        for len in (0..200).chain([SHARED - 1, SHARED, SHARED + 1, 100_000]) {
            let argument = vec![b'x'; len];
            let mut args = Args::new();
            args.push(b"SET");
            args.push_bytes(Bytes::from(argument.clone()));
            args.push(b"");
            args.push_bytes(Bytes::from(argument.clone()));
            args.push(b"last");
            let given: [&[u8]; 5] = [b"SET", &argument, b"", &argument, b"last"];
            assert_eq!(args.iter().collect::<Vec<_>>(), given);
            let mut wire = Vec::new();
            for argument in given {
                wire.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
                wire.extend_from_slice(argument);
                wire.extend_from_slice(b"\r\n");
            }
            assert_eq!(encoded(&args), wire);
            assert_eq!(args.count(), 5);
        }
    }

    #[test]
    fn large_arguments_are_not_copied() {
        let large = Bytes::from(vec![b'x'; SHARED]);
        let mut args = Args::new();
        args.push_bytes(large.clone());
        let shared = args.segments().any(
            |segment| matches!(segment, Segment::Share(bytes) if bytes.as_ptr() == large.as_ptr()),
        );
        assert!(shared);
    }

    #[test]
    fn large_slices_are_copied_once() {
        let mut args = Args::new();
        args.push(&[b'x'; SHARED]);
        let is_shared = |segment| matches!(segment, Segment::Share(_));
        assert!(args.segments().any(is_shared));
    }

    #[test]
    fn a_clone_is_not_changed_by_what_its_original_gets() {
        let mut args = Args::new();
        args.push(&[b'a'; 100]);
        let clone = args.clone();
        args.push(b"more");
        assert_eq!((clone.iter().count(), args.iter().count()), (1, 2));
    }
}
