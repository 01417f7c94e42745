//! The error about keys in different slots.

use std::fmt::Write;

use super::{Command, Slot};
use crate::error::Error;
use crate::key_name::KeyName;

/// How many keys the error names, each of another slot.
const NAMED: usize = 3;

impl Command {
    /// The error about keys in different slots, two of which are these.
    pub(super) fn crossed(&self, first: Slot, second: Slot) -> Error {
        let error = self.invalid(format!(
            "keys in different slots ({first} and {second}); give them a common hash tag, as in {{user1}}:name"
        ));
        let mut named: Vec<(Slot, String)> = Vec::new();
        self.for_each_key(&mut |key| {
            let slot = Slot::of(key);
            if named.len() < NAMED && named.iter().all(|(other, _)| *other != slot) {
                named.push((slot, KeyName(key).to_string()));
            }
        });
        let mut names = String::new();
        for (slot, name) in named {
            let separator = if names.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(names, "{separator}{name} in slot {slot}");
        }
        match names.is_empty() {
            // Named with `Command::key`, which keeps none.
            true => error,
            false => error.with_names(names),
        }
    }

    /// Calls `see` with each key that the table finds, those of a batch included.
    pub(crate) fn for_each_key(&self, see: &mut dyn FnMut(&[u8])) {
        if let Some(batch) = self.batch() {
            for command in batch.commands() {
                command.for_each_key(see);
            }
            return;
        }
        let Some(Ok(positions)) = self
            .info()
            .map(|info| info.find_keys(self.arg_count(), self.args()))
        else {
            return;
        };
        let mut args = self.args().enumerate();
        for position in positions {
            if let Some((_, key)) = args.find(|(index, _)| *index == position) {
                see(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{Command, cmd};

    #[test]
    fn the_error_names_keys_and_their_slots_and_a_remedy() {
        let error = cmd("RENAME").arg("old\n").arg("new").slot();
        let text = error.expect_err("different slots").to_string();
        assert!(text.contains("\"old\\n\" in slot"), "{text}");
        assert!(text.contains("\"new\" in slot"), "{text}");
        assert!(text.contains("hash tag"), "{text}");
    }

    #[test]
    fn few_of_many_keys_are_named_and_long_ones_cut() {
        let error = cmd("SUNION")
            .arg(
                (0..100)
                    .map(|n| format!("{n}-{}", "x".repeat(1000)))
                    .collect::<Vec<_>>(),
            )
            .slot();
        let text = error.expect_err("different slots").to_string();
        assert!(text.len() < 400, "{text}");
    }

    #[test]
    fn the_error_about_a_transaction_names_the_keys_of_its_commands() {
        let both = [cmd("GET").arg("a"), cmd("GET").arg("b")];
        let error = Command::transaction(both).slot();
        let text = error.expect_err("different slots").to_string();
        assert!(
            text.contains("\"a\" in slot") && text.contains("\"b\" in slot"),
            "{text}"
        );
    }
}
