//! Commands made of other commands' arguments.

use super::Command;
use super::args::Segment;
use super::batch::Batch;
use super::contents::Contents;

impl Command {
    /// A command with this one's name, and nothing else of it but whether it is idempotent. Not for subcommands.
    pub(crate) fn part(&self) -> Self {
        let mut part = Contents::new(self.contents.info);
        part.is_idempotent = self.contents.is_idempotent;
        if let Some(name) = self.segments_of_arguments().next() {
            part.push_segment(name);
        }
        Self::of(part)
    }

    /// The arguments, the name first, of which the large ones can be [added](Command::push_segment) without a copy.
    pub(crate) fn segments_of_arguments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut args = self.args();
        std::iter::from_fn(move || args.next_segment())
    }

    /// Adds an argument of another command.
    pub(crate) fn push_segment(&mut self, argument: Segment<'_>) {
        self.contents_mut().push_segment(argument);
    }

    /// This command, given as much time as another, and as much of it spent.
    pub(crate) fn with_limits_of(mut self, other: &Self) -> Self {
        self.deadline = other.deadline;
        if let Some(extras) = other.extras() {
            let own = self.extras_mut();
            own.timeout = extras.timeout;
            own.waiting_since = extras.waiting_since;
        }
        self
    }

    /// This command, sent as a pipeline of these. Each of them knows where it goes, so the command's own target is
    /// no longer needed.
    pub(crate) fn sent_as(mut self, parts: Vec<Self>) -> Self {
        self.extras_mut().target = None;
        self.with_batch(Batch::pipeline(parts))
    }
}

impl Contents {
    fn push_segment(&mut self, argument: Segment<'_>) {
        match argument {
            Segment::Copy(bytes) => self.push(bytes, false),
            Segment::Share(bytes) => self.push_bytes(bytes.clone(), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::command::{Slot, Target, cmd};

    #[test]
    fn a_part_has_the_name_and_shares_large_arguments() {
        let large = Bytes::from(vec![b'x'; 100_000]);
        let command = cmd("MSET").arg("k").arg(large.clone()).idempotent();
        let mut part = command.part();
        for argument in command.segments_of_arguments().skip(1) {
            part.push_segment(argument);
        }
        assert!(command.args().eq(part.args()));
        assert!(part.is_idempotent());
        assert_eq!(part.slot().expect("one key"), Some(Slot::of("k")));
        let shared = part.segments_of_arguments().any(
            |segment| matches!(segment, Segment::Share(bytes) if bytes.as_ptr() == large.as_ptr()),
        );
        assert!(shared);
    }

    #[test]
    fn a_command_sent_as_others_keeps_its_name_and_not_its_target() {
        let command = cmd("DBSIZE").target(Target::AllPrimaries);
        let sent = command.sent_as(vec![cmd("DBSIZE")]);
        assert_eq!(sent.name(), "DBSIZE");
        assert_eq!(sent.explicit_target(), None);
        assert_eq!(sent.batch().map(|batch| batch.commands().len()), Some(1));
    }
}
