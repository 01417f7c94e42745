//! Commands on their way from the callers to the driver.

use std::collections::VecDeque;
use std::ops::Range;

use super::reply::Promise;
use crate::command::Command;

/// A command of up to this many bytes is encoded by its caller. That takes half the memory of a [`Command`], all of which
/// moves from the caller's core to the driver's.
const SMALL: usize = 512;

/// How much comes before a command's arguments.
const HEADER: usize = 4;

/// Memory for encoded commands beyond this is given up once they were taken.
const KEPT: usize = 512 * 1024;

/// Commands in the order they were called.
#[derive(Default)]
pub(super) struct Waiting {
    slots: VecDeque<Slot>,
    /// Those that are encoded, one behind the other.
    encoded: Vec<u8>,
    /// How much of that was popped.
    popped: usize,
}

struct Slot {
    /// None if it is encoded.
    command: Option<Box<Command>>,
    promise: Promise,
    bytes: usize,
}

/// A command that was waiting.
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) promise: Promise,
    /// What it counts for against the bound.
    pub(super) bytes: usize,
}

pub(super) enum Content {
    /// One about which there is nothing to know, and where it is.
    Encoded(Range<usize>),
    Command(Box<Command>),
}

impl Content {
    /// The command, if there is something to know about it.
    #[inline]
    pub(super) fn command(&self) -> Option<&Command> {
        match self {
            Self::Encoded(_) => None,
            Self::Command(command) => Some(command),
        }
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, command: Command, promise: Promise, bytes: usize) {
        let command = match command.plain_encoding() {
            Some((header, args)) if args.len() <= SMALL => {
                debug_assert_eq!(args.len(), bytes);
                self.encoded.extend_from_slice(&header);
                self.encoded.extend_from_slice(args);
                None
            }
            _ => Some(Box::new(command)),
        };
        self.slots.push_back(Slot {
            command,
            promise,
            bytes,
        });
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let Slot {
            command,
            promise,
            bytes,
        } = self.slots.pop_front()?;
        let content = match command {
            Some(command) => Content::Command(command),
            None => {
                let start = self.popped;
                self.popped += HEADER + bytes;
                Content::Encoded(start..self.popped)
            }
        };
        Some(Entry {
            content,
            promise,
            bytes,
        })
    }

    /// What an entry of these refers to.
    #[inline]
    pub(super) fn encoded(&self, range: Range<usize>) -> &[u8] {
        &self.encoded[range]
    }

    /// Makes room for others, once nothing is left.
    pub(super) fn clear(&mut self) {
        debug_assert!(self.is_empty());
        self.encoded.clear();
        self.popped = 0;
        self.encoded.shrink_to(KEPT);
    }

    pub(super) fn promises(&self) -> impl Iterator<Item = &Promise> {
        self.slots.iter().map(|slot| &slot.promise)
    }

    /// Lets go of the commands.
    pub(super) fn into_promises(self) -> impl Iterator<Item = Promise> {
        self.slots.into_iter().map(|slot| slot.promise)
    }
}
