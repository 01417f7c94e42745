//! Replies on their way out.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

/// What a connection has to write, in order, each reply not before its time.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// To be written now.
    pub(super) ready: BytesMut,
    later: VecDeque<(Instant, Bytes)>,
    later_len: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, reply: &[u8], delay: Duration) {
        if delay.is_zero() && self.later.is_empty() {
            self.ready.extend_from_slice(reply);
            return;
        }
        // A shorter delay than that of the reply before does not overtake it.
        let due = Instant::now() + delay;
        let due = self.later.back().map_or(due, |(last, _)| due.max(*last));
        self.later_len += reply.len();
        self.later.push_back((due, Bytes::copy_from_slice(reply)));
    }

    /// Makes ready what is due, and returns when the next is.
    pub(super) fn next_due(&mut self) -> Option<Instant> {
        let now = Instant::now();
        while let Some((due, reply)) = self.later.front() {
            if *due > now {
                return Some(*due);
            }
            self.later_len -= reply.len();
            self.ready.extend_from_slice(reply);
            self.later.pop_front();
        }
        None
    }

    /// How many bytes wait in all.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.later_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delays_do_not_reorder_replies() {
        let mut outbox = Outbox::default();
        outbox.push(b"a", Duration::from_millis(10));
        outbox.push(b"b", Duration::ZERO);
        assert!(outbox.next_due().is_some());
        assert_eq!(&outbox.ready[..], b"");
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!(outbox.next_due(), None);
        assert_eq!(&outbox.ready[..], b"ab");
    }
}
