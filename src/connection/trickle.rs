//! What of the input shows that a peer is about to answer, and what only keeps us busy.
//!
//! A reply is a sign of life, and so are the bytes of a large one on its way, if they are many enough. A byte now and
//! then, or pushes without end, are what a peer sends that never answers: the stall timer runs on.

use crate::error::{Error, ErrorKind};

/// This many bytes of a reply within the stall timeout are progress: with the default of 10 seconds, a tenth of what a
/// modem carried.
const PROGRESS: usize = 4 * 1024;

/// How many pushes may come between two replies. Nothing that this client sends asks for any, but for `CLIENT TRACKING`
/// over a lease.
const MAX_PUSHES: u32 = 1024 * 1024;

/// The input since the last sign of life.
#[derive(Debug, Default)]
pub(super) struct Trickle {
    bytes: usize,
    pushes: u32,
}

impl Trickle {
    /// So many bytes came, of which more is to be said when they are decoded.
    pub(super) fn read(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A push was among them.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub(super) fn pushed(&mut self) -> Result<(), Error> {
        tracing::trace!("push message ignored");
        self.bytes = 0;
        self.pushes += 1;
        if self.pushes <= MAX_PUSHES {
            return Ok(());
        }
        Err(Error::not_sent(
            ErrorKind::Protocol,
            "the server sends push messages without end that nothing asked for",
        ))
    }

    /// Replies were among them.
    pub(super) fn replied(&mut self) {
        self.pushes = 0;
        self.bytes = PROGRESS;
    }

    /// True if there was progress since this was last asked.
    pub(super) fn take_progress(&mut self) -> bool {
        let is_progress = self.bytes >= PROGRESS;
        if is_progress {
            self.bytes = 0;
        }
        is_progress
    }
}
