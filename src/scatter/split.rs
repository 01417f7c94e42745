//! One command with keys in several slots, as one command for each slot.

use std::collections::HashMap;

use crate::command::{BeginSearch, Command, FindKeys, Segment, Slot};
use crate::error::Error;

/// A command whose keys are in several slots, split.
#[derive(Debug)]
pub(super) struct Split {
    /// A command for each slot, in the order in which the slots are first mentioned. Keys of the same slot stay in their
    /// order, so that of a key that is set twice the last value wins.
    pub(super) parts: Vec<Command>,
    pub(super) keys: Keys,
}

/// Which part each key is in.
#[derive(Debug)]
pub(super) struct Keys {
    shape: Shape,
    /// For each key, in the order given.
    pub(super) part_of: Vec<usize>,
}

/// Where keys and what belongs to them are among a command's arguments.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Where the number of keys is, if it is given.
    count_at: Option<usize>,
    /// Where the first key is.
    first: usize,
    /// How many keys there are.
    keys: usize,
    /// How many arguments there are to a key, itself included.
    step: usize,
}

impl Split {
    /// Splits a command by slot; `None` if all its keys are in one.
    ///
    /// # Errors
    ///
    /// If a key lacks what belongs to it, or if the command is one that applies to all keys or to none.
    pub(super) fn of(command: &Command) -> Result<Option<Self>, Error> {
        let Some(shape) = Shape::of(command)? else {
            return Ok(None);
        };
        let mut slots = shape.keys(command).map(Slot::of);
        let first = slots.next();
        if slots.all(|slot| Some(slot) == first) {
            return Ok(None);
        }
        if shape.is_all_or_nothing(command) {
            // It cannot be split, so the error is that of all such commands.
            command.slot()?;
        }
        let keys = Keys::assign(shape, command);
        Ok(Some(Self {
            parts: keys.parts(command),
            keys,
        }))
    }
}

impl Keys {
    fn assign(shape: Shape, command: &Command) -> Self {
        let mut parts = HashMap::new();
        let assign = |key| {
            let next = parts.len();
            *parts.entry(Slot::of(key)).or_insert(next)
        };
        let part_of = shape.keys(command).map(assign).collect();
        Self { shape, part_of }
    }

    fn parts(&self, command: &Command) -> Vec<Command> {
        let Shape {
            count_at,
            first,
            step,
            ..
        } = self.shape;
        let mut counts = Vec::new();
        for part in &self.part_of {
            counts.resize(counts.len().max(part + 1), 0_usize);
            counts[*part] += 1;
        }
        let mut parts = vec![command.part(); counts.len()];
        for (position, argument) in command.segments_of_arguments().enumerate().skip(1) {
            let key = position.checked_sub(first).map(|after| after / step);
            if let Some(part) = key.and_then(|key| self.part_of.get(key)) {
                parts[*part].push_segment(argument);
            } else if count_at == Some(position) {
                for (part, keys) in parts.iter_mut().zip(&counts) {
                    part.push_segment(Segment::Copy(keys.to_string().as_bytes()));
                }
            } else {
                for part in &mut parts {
                    part.push_segment(argument);
                }
            }
        }
        parts
    }

    /// The keys of the command that was split, in the order given.
    pub(super) fn names<'a>(&self, command: &'a Command) -> impl Iterator<Item = &'a [u8]> {
        self.shape.keys(command)
    }
}

impl Shape {
    /// By the table; `None` for what cannot be split.
    fn of(command: &Command) -> Result<Option<Self>, Error> {
        let Some([spec]) = command.info().map(|info| info.key_specs()) else {
            return Ok(None);
        };
        let BeginSearch::Index(start) = spec.begin else {
            return Ok(None);
        };
        let start = usize::from(start);
        let arguments = command.arg_count();
        match spec.find {
            FindKeys::Range {
                last: -1,
                step,
                limit: 0 | 1,
            } => {
                let step = usize::from(step);
                let given = arguments.saturating_sub(start);
                if given % step != 0 {
                    command.check()?;
                    return Err(command.invalid(format!(
                        "{given} arguments for keys that take {step} each: the last key lacks its value"
                    )));
                }
                Ok(Some(Self {
                    count_at: None,
                    first: start,
                    keys: given / step,
                    step,
                }))
            }
            FindKeys::KeyNum { index, first, step } => {
                let count_at = start + usize::from(index);
                let first = start + usize::from(first);
                let step = usize::from(step);
                let count = command.args().nth(count_at);
                let keys = count.and_then(|count| std::str::from_utf8(count).ok()?.parse().ok());
                let keys = keys.filter(|keys| *keys <= arguments.saturating_sub(first) / step);
                let Some(keys) = keys else {
                    command.check()?;
                    return Err(command.invalid(format!(
                        "the number of keys (argument {count_at}) does not match what follows"
                    )));
                };
                Ok(Some(Self {
                    count_at: Some(count_at),
                    first,
                    keys,
                    step,
                }))
            }
            _ => Ok(None),
        }
    }

    fn keys<'a>(&self, command: &'a Command) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let args = command.args().skip(self.first);
        args.step_by(self.step).take(self.keys)
    }

    /// True if what follows the keys is a condition on all of them: `MSETEX .. NX` sets all keys or none.
    fn is_all_or_nothing(&self, command: &Command) -> bool {
        let options = command.args().skip(self.first + self.keys * self.step);
        options
            .into_iter()
            .any(|option| option.eq_ignore_ascii_case(b"NX") || option.eq_ignore_ascii_case(b"XX"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cmd;
    use crate::error::ErrorKind;

    // Slots: a 15495, b 3300, c 7365.
    fn parts(words: &[&str]) -> Vec<Vec<String>> {
        let command = cmd(words[0]).arg(&words[1..]);
        let split = Split::of(&command).expect("it can be split");
        let split = split.expect("it is in several slots");
        let text = |arg: &[u8]| String::from_utf8(arg.to_vec()).expect("text");
        let words = |part: &Command| part.args().map(text).collect();
        split.parts.iter().map(words).collect()
    }

    #[test]
    fn keys_of_a_slot_stay_together_and_in_order() {
        assert_eq!(
            parts(&["MGET", "a", "b", "{a}2", "b", "a"]),
            [vec!["MGET", "a", "{a}2", "a"], vec!["MGET", "b", "b"]]
        );
        assert_eq!(
            parts(&["MSET", "a", "1", "b", "2", "a", "3"]),
            [vec!["MSET", "a", "1", "a", "3"], vec!["MSET", "b", "2"]]
        );
    }

    #[test]
    fn counted_keys_are_counted_anew_and_options_go_to_all() {
        assert_eq!(
            parts(&["MSETEX", "3", "a", "1", "b", "2", "{a}2", "3", "EX", "60"]),
            [
                vec!["MSETEX", "2", "a", "1", "{a}2", "3", "EX", "60"],
                vec!["MSETEX", "1", "b", "2", "EX", "60"]
            ]
        );
    }

    #[test]
    fn what_is_in_one_slot_is_not_split() {
        for words in [
            &["MGET", "{a}1", "{a}2"][..],
            &["DEL", "a"],
            &["DEL"],
            &["MSETEX", "1", "a", "1", "NX"],
        ] {
            let command = cmd(words[0]).arg(&words[1..]);
            assert!(Split::of(&command).expect("valid").is_none(), "{words:?}");
        }
    }

    #[test]
    fn what_applies_to_all_keys_or_none_is_refused() {
        let command = cmd("MSETEX").arg((2, "a", 1, "b", 2, "nx"));
        let error = Split::of(&command).expect_err("keys in different slots");
        assert!(error.to_string().contains("hash tag"), "{error}");
    }

    #[test]
    fn a_key_without_its_value_is_refused() {
        let command = cmd("MSET").arg(("a", 1, "b"));
        for command in [command.clone(), command.unchecked()] {
            let error = Split::of(&command).expect_err("no value for b");
            assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        }
        for count in ["3", "-1", "x", "18446744073709551615"] {
            let command = cmd("MSETEX").arg((count, "a", 1, "b", 2));
            Split::of(&command).expect_err(count);
        }
    }
}
