//! What has been opened and not ended, with the limits that apply to it.

use super::error::Reason;
use super::limits::Limits;
use super::open::{Aggregate, Due, Open};
use crate::value::Value;

/// The open aggregates of the reply under way, outermost first: what a recursive decoder would have on its stack.
#[derive(Debug)]
pub(super) struct Stack {
    open: Vec<Open>,
    /// How many elements of the reply have been promised, or have arrived unpromised.
    elements: usize,
    /// How far in the stream the reply under way may reach, if it is more than one string.
    end: u64,
    max_depth: usize,
    max_elements: usize,
    max_reply_len: usize,
}

/// The bytes of the shortest value: `_`, CR, LF.
const LEAST_VALUE_LEN: usize = 3;

/// How many elements an aggregate has room for before they arrive. With the depth limit, this bounds what a peer
/// can have allocated by headers alone to a few MB.
const MAX_PREALLOCATED: usize = 1024;

impl Stack {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            open: Vec::new(),
            elements: 0,
            end: 0,
            max_depth: limits.max_depth,
            max_elements: limits.max_elements,
            max_reply_len: limits.max_reply_len,
        }
    }

    /// True between replies.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the reply under way is a push; `None` if nothing is open.
    pub(super) fn outermost_is_push(&self) -> Option<bool> {
        self.open.first().map(Open::is_push)
    }

    pub(super) fn clear(&mut self) {
        self.open = Vec::new();
    }

    /// Checks that a line of this type may stand here, and counts what it adds to a streamed aggregate. `offset` is its
    /// place in the stream, or the end of its string where that is known.
    pub(super) fn admit(&mut self, type_byte: u8, offset: u64) -> Result<(), Reason> {
        let Some(innermost) = self.open.last() else {
            // A reply begins.
            self.elements = 0;
            self.end = offset.saturating_add(self.max_reply_len as u64);
            return match type_byte {
                b';' | b'.' => Err(Reason::Misplaced),
                _ => Ok(()),
            };
        };
        innermost.admit(type_byte)?;
        if innermost.is_streamed() && type_byte != b'.' {
            self.count(1)?;
        }
        self.reach(offset)
    }

    /// Checks that a string may reach up to this place in the stream. A reply that is one string has a limit of its own.
    pub(super) fn announce(&self, end: u64) -> Result<(), Reason> {
        if self.is_empty() {
            return Ok(());
        }
        self.reach(end)
    }

    fn reach(&self, end: u64) -> Result<(), Reason> {
        if end > self.end {
            return Err(Reason::ReplyTooLong(self.max_reply_len));
        }
        Ok(())
    }

    /// Opens an aggregate, behind whose header `available` bytes have arrived. It is returned if it is empty.
    pub(super) fn open(
        &mut self,
        kind: Aggregate,
        due: Due,
        available: usize,
    ) -> Result<Option<Value>, Reason> {
        let count = match due {
            Due::Count(count) => count,
            Due::Streamed => 0,
        };
        self.count(count.saturating_mul(kind.width()))?;
        // No more room up front than the bytes at hand may fill.
        let capacity = count
            .min(available / (LEAST_VALUE_LEN * kind.width()))
            .min(MAX_PREALLOCATED);
        let mut aggregate = Open::aggregate(kind, due, capacity);
        if due == Due::Count(0)
            && let Some(empty) = aggregate.end()
        {
            return Ok(Some(empty));
        }
        self.push(aggregate)
    }

    /// Opens a streamed string.
    pub(super) fn open_text(&mut self) -> Result<Option<Value>, Reason> {
        self.push(Open::Text(Default::default()))
    }

    /// The length of what the innermost, a streamed string, holds so far, in bytes.
    pub(super) fn text_len(&self) -> usize {
        self.open.last().map_or(0, Open::text_len)
    }

    /// Puts a value into the aggregate it belongs to. It is returned if it belongs to none: a whole reply.
    pub(super) fn place(&mut self, mut value: Value) -> Option<Value> {
        while let Some(innermost) = self.open.last_mut() {
            value = innermost.add(value)?;
            self.open.pop();
        }
        Some(value)
    }

    /// Ends the innermost aggregate, which [`admit`](Self::admit) has found to be streamed, and returns it.
    pub(super) fn end(&mut self) -> Option<Value> {
        self.open.pop().and_then(|mut innermost| innermost.end())
    }

    fn count(&mut self, elements: usize) -> Result<(), Reason> {
        match self.elements.checked_add(elements) {
            Some(sum) if sum <= self.max_elements => {
                self.elements = sum;
                Ok(())
            }
            _ => Err(Reason::TooManyElements(self.max_elements)),
        }
    }

    fn push(&mut self, open: Open) -> Result<Option<Value>, Reason> {
        if self.open.len() >= self.max_depth {
            return Err(Reason::TooDeep(self.max_depth));
        }
        self.open.push(open);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promised_count_allocates_no_more_than_may_have_arrived() {
        let capacity = |kind, count, available| {
            let mut stack = Stack::new(&Limits::default());
            let opened = stack.open(kind, Due::Count(count), available);
            assert_eq!(opened, Ok(None));
            match &stack.open[0] {
                Open::Items { values, .. } => values.capacity(),
                Open::Pairs { pairs, .. } => pairs.capacity(),
                Open::Attributed { .. } | Open::Text(_) => 0,
            }
        };
        for kind in [Aggregate::Array, Aggregate::Set, Aggregate::Push] {
            assert_eq!(capacity(kind, 1_000_000, 0), 0);
            assert_eq!(capacity(kind, 1_000_000, 30), 10);
            assert_eq!(capacity(kind, 1_000_000, 1 << 30), MAX_PREALLOCATED);
            assert_eq!(capacity(kind, 2, 1 << 30), 2);
        }
        for kind in [Aggregate::Map, Aggregate::Attributes] {
            assert_eq!(capacity(kind, 1_000_000, 0), 0);
            assert_eq!(capacity(kind, 1_000_000, 30), 5);
            assert_eq!(capacity(kind, 1_000_000, 1 << 30), MAX_PREALLOCATED);
        }
    }
}
