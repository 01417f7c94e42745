//! Commands that are made of several.

use std::sync::Arc;

use super::batch::Batch;
use super::{Command, generated};

impl Command {
    /// One request made of several commands, independent of each other and sent as one batch per node.
    ///
    /// It takes no arguments of its own. Its reply is an array with the reply of each command, in their order.
    pub fn pipeline(commands: impl IntoIterator<Item = Command>) -> Self {
        Self::with_info("PIPELINE", None).with_batch(Batch::pipeline(commands))
    }

    /// One request made of several commands of one slot, applied all together or not at all: `MULTI`, the commands
    /// and `EXEC`, adjacent on one connection.
    ///
    /// It takes no arguments of its own. Its reply is that of `EXEC`.
    pub fn transaction(commands: impl IntoIterator<Item = Command>) -> Self {
        Self::known(&generated::MULTI).with_batch(Batch::transaction(commands))
    }

    /// This command, sent as these: the name and arguments stay for spans and errors.
    pub(crate) fn with_batch(mut self, batch: Batch) -> Self {
        let extras = self.extras_mut();
        extras.batch = Some(Arc::new(batch));
        extras.is_batch_claimed = false;
        self
    }

    /// The commands this one is made of.
    #[inline]
    pub fn batch(&self) -> Option<&Arc<Batch>> {
        self.extras()?.batch.as_ref()
    }

    /// Makes the outcomes of a batch those of one request, though the application may send clones of the command.
    /// Clones made from here on are of the same request.
    #[inline]
    pub(crate) fn claim_batch(&mut self) {
        if self.batch().is_some() {
            self.claim_own_batch();
        }
    }

    #[inline(never)]
    fn claim_own_batch(&mut self) {
        let Some(extras) = self.extras() else {
            return;
        };
        let Some(batch) = extras.batch.as_ref().filter(|_| !extras.is_batch_claimed) else {
            return;
        };
        let other = batch.claim().err();
        let extras = self.extras_mut();
        extras.is_batch_claimed = true;
        if let Some(other) = other {
            extras.batch = Some(Arc::new(other));
        }
    }

    /// This command as a part of what `whole` asks for: with its deadline, what was declared of it, and what the
    /// application attached, unless this command has its own.
    pub(crate) fn on_behalf_of(mut self, whole: &Command) -> Self {
        self.deadline = whole.deadline.or(self.deadline);
        if whole.contents.is_idempotent {
            self = self.idempotent();
        }
        if let Some(extras) = whole.extras()
            && (extras.waiting_since.is_some()
                || extras.is_exclusive
                || !extras.extensions.is_empty())
        {
            let own = self.extras_mut();
            own.is_exclusive |= extras.is_exclusive;
            own.waiting_since = extras.waiting_since.or(own.waiting_since);
            own.extensions.inherit(&extras.extensions);
        }
        self
    }
}
