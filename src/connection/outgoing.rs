//! Commands on their way from the callers to the driver.

use std::collections::VecDeque;
use std::ops::Range;

use super::reply::Promise;
use crate::command::{Command, ShortHeader};

/// A command of up to this many bytes is encoded by its caller. That takes half the memory of a [`Command`], all of which
/// moves from the caller's core to the driver's.
const SMALL: usize = 512;

/// Memory for encoded commands beyond this is given up once they were taken.
const KEPT: usize = 512 * 1024;

/// Commands in the order they were called.
#[derive(Default)]
pub(super) struct Outgoing {
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

/// A command about which there is nothing to know but what is written.
pub(super) struct SmallCommand<'a> {
    header: ShortHeader,
    args: &'a [u8],
}

impl<'a> SmallCommand<'a> {
    /// The command, if it is small and plain, as nearly all are.
    #[inline]
    pub(super) fn of(command: &'a Command) -> Option<Self> {
        let (header, args) = command.plain_encoding()?;
        (args.len() <= SMALL).then_some(Self { header, args })
    }

    /// What it counts for against the bound.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.args.len()
    }
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

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds a command that its caller encodes.
    #[inline]
    pub(super) fn push_small(&mut self, small: SmallCommand<'_>, promise: Promise) {
        self.encoded.extend_from_slice(&small.header);
        self.encoded.extend_from_slice(small.args);
        self.slots.push_back(Slot {
            command: None,
            promise,
            bytes: small.args.len(),
        });
    }

    /// Adds a command that the driver encodes.
    pub(super) fn push(&mut self, command: Box<Command>, promise: Promise, bytes: usize) {
        self.slots.push_back(Slot {
            command: Some(command),
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
                self.popped += size_of::<ShortHeader>() + bytes;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cmd;
    use crate::connection::reply;

    fn push(outgoing: &mut Outgoing, command: Command) {
        let promise = reply::pair(None).0;
        match SmallCommand::of(&command) {
            Some(small) => outgoing.push_small(small, promise),
            None => {
                let bytes = command.encoded_len();
                outgoing.push(Box::new(command), promise, bytes);
            }
        }
    }

    /// What is popped: the bytes, or a command's name.
    fn pop(outgoing: &mut Outgoing) -> Option<String> {
        let entry = outgoing.pop()?;
        Some(match entry.content {
            Content::Encoded(range) => {
                String::from_utf8_lossy(outgoing.encoded(range)).into_owned()
            }
            Content::Command(command) => command.name().into_owned(),
        })
    }

    #[test]
    fn commands_come_out_in_order_in_either_form() {
        let mut outgoing = Outgoing::default();
        for round in 0..2 {
            push(&mut outgoing, cmd("GET").arg("a"));
            push(&mut outgoing, cmd("SET").arg("a").arg(vec![b'x'; SMALL]));
            push(&mut outgoing, cmd("GET").arg("b"));
            assert_eq!(
                pop(&mut outgoing).as_deref(),
                Some("*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
            );
            push(&mut outgoing, cmd("GET").arg("c"));
            assert_eq!(pop(&mut outgoing).as_deref(), Some("SET"));
            assert_eq!(
                pop(&mut outgoing).as_deref(),
                Some("*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")
            );
            assert_eq!(
                pop(&mut outgoing).as_deref(),
                Some("*2\r\n$3\r\nGET\r\n$1\r\nc\r\n")
            );
            assert_eq!(pop(&mut outgoing), None, "round {round}");
            outgoing.clear();
        }
    }

    #[test]
    fn what_there_is_to_know_about_stays_a_command() {
        let mut asking = cmd("GET").arg("k");
        asking.set_asking(true);
        let many = (0..10).fold(cmd("HSET").arg("k"), |many, i| many.arg(i));
        for command in [
            asking,
            many,
            cmd("GET")
                .arg("k")
                .timeout(std::time::Duration::from_secs(1)),
            cmd("PING"),
            cmd("BLPOP").arg("k").arg(1),
            cmd("UNKNOWN.COMMAND").arg("k"),
            Command::pipeline([cmd("GET").arg("k")]),
        ] {
            let mut outgoing = Outgoing::default();
            push(&mut outgoing, command);
            let entry = outgoing.pop().expect("one");
            assert!(entry.content.command().is_some());
        }
    }

    #[test]
    fn much_memory_is_given_up() {
        let mut outgoing = Outgoing::default();
        for _ in 0..2 * KEPT / SMALL {
            push(
                &mut outgoing,
                cmd("SET").arg("k").arg(vec![b'x'; SMALL - 50]),
            );
        }
        while outgoing.pop().is_some() {}
        outgoing.clear();
        assert!(outgoing.encoded.capacity() <= KEPT);
    }
}
