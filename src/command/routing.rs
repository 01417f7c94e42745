//! Where a command is to go.

use super::batch::Batch;
use super::{Command, Keys, Reach, Slot, Target};
use crate::error::{Error, ErrorKind};

impl Command {
    /// Sends the command there, whatever its keys say.
    pub fn target(mut self, target: Target) -> Self {
        self.extras_mut().target = Some(target);
        self
    }

    /// Where the command is to be sent, if not where its keys say.
    #[inline]
    pub fn explicit_target(&self) -> Option<&Target> {
        self.extras()?.target.as_ref()
    }

    /// The slot of the keys; `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidCommand`] if there is no name, if the keys are in different slots, or if the arguments are
    /// not such that the keys can be found.
    pub fn slot(&self) -> Result<Option<Slot>, Error> {
        if let Some(batch) = self.batch() {
            return self.slot_of(batch);
        }
        let mut keys = self.contents.keys;
        if self.info().is_none() && self.args().next().is_none_or(<[u8]>::is_empty) {
            return Err(Error::not_sent(
                ErrorKind::InvalidCommand,
                "the command has no name; give it one, as in cmd(\"GET\")",
            ));
        }
        if let Some(info) = self.info()
            && info.single_key().is_none()
            && !info.key_specs().is_empty()
        {
            let positions = info
                .find_keys(self.arg_count(), self.args())
                .map_err(|error| self.invalid(error.to_string()))?;
            let mut args = self.args().enumerate();
            for position in positions {
                let is_key = |(index, argument)| (index == position).then_some(argument);
                if let Some(key) = args.find_map(is_key) {
                    keys.add(key);
                }
            }
        }
        match keys {
            Keys::None => Ok(None),
            Keys::One(slot) => Ok(Some(slot)),
            Keys::Crossed(first, second) => Err(self.crossed(first, second)),
        }
    }

    fn slot_of(&self, batch: &Batch) -> Result<Option<Slot>, Error> {
        let mut common = None;
        for command in batch.commands() {
            match (common, command.slot()?) {
                (Some(first), Some(slot)) if first != slot => return Err(self.crossed(first, slot)),
                (_, slot) => common = common.or(slot),
            }
        }
        Ok(common)
    }

    /// The slot of the keys; `None` if any primary will do.
    ///
    /// # Errors
    ///
    /// As [`slot`](Command::slot), and if the command concerns other nodes than one that can be told: the answer of just
    /// any would be a part of what was asked, and look like the whole.
    #[inline]
    pub(crate) fn slot_for_routing(&self) -> Result<Option<Slot>, Error> {
        match self.plain_slot() {
            Some(slot) => Ok(Some(slot)),
            None => self.slot_for_routing_by_rules(),
        }
    }

    #[inline(never)]
    pub(super) fn slot_for_routing_by_rules(&self) -> Result<Option<Slot>, Error> {
        let slot = self.slot()?;
        if let Some(batch) = self.batch() {
            let mut commands = batch.commands().iter();
            commands.try_for_each(Self::check_reach_in_transaction)?;
        }
        match self.reach() {
            Reach::One | Reach::Keys(_) => Ok(slot),
            Reach::Each(..) => Err(self.invalid(
                "the command concerns every node: put a `ScatterGatherLayer` into the stack, or name the one node to \
                 send it to with `Command::target`",
            )),
            Reach::Unclear(why) => Err(self.invalid(why)),
        }
    }

    /// An error if the command concerns other nodes than the one that its transaction goes to.
    pub(crate) fn check_reach_in_transaction(&self) -> Result<(), Error> {
        match self.reach() {
            Reach::One | Reach::Keys(_) => Ok(()),
            Reach::Each(..) | Reach::Unclear(_) => Err(self.invalid(
                "the command is about nodes rather than keys, and a transaction is of one slot",
            )),
        }
    }

    /// Which nodes the command concerns, by the table.
    pub(crate) fn reach(&self) -> Reach {
        match self.info() {
            Some(info) if self.batch().is_none() => info.reach(),
            _ => Reach::One,
        }
    }

    /// The error where a command for several nodes comes to what sends to one.
    pub(crate) fn for_several_nodes(&self) -> Error {
        self.invalid(
            "the command is for several nodes; put a `ScatterGatherLayer` into the stack, outside of the retries",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cmd;

    #[test]
    fn a_command_for_every_node_is_not_sent_to_just_one() {
        for name in ["FLUSHALL", "DBSIZE", "KEYS", "WAIT"] {
            let error = cmd(name).slot_for_routing().expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidCommand);
            assert!(error.to_string().contains("ScatterGatherLayer"), "{error}");
        }
        for words in [&["SCRIPT", "LOAD", "x"][..], &["SCAN", "0"], &["INFO"]] {
            let command = cmd(words[0]).arg(&words[1..]);
            command.slot_for_routing().expect_err(words[0]);
        }
        for name in ["PING", "PUBLISH", "TIME", "MODULE.COMMAND"] {
            assert_eq!(cmd(name).slot_for_routing().expect(name), None);
        }
    }
}
