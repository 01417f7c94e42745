//! Where a command's keys are among its arguments.

/// One rule for finding keys, as the servers' `COMMAND` reports it: [`begin`](KeySpec::begin) finds an argument
/// to start from, and [`find`](KeySpec::find) the keys from there on.
///
/// Positions count from the command's name, which is 0, and from the container's name for a subcommand: in
/// `OBJECT ENCODING k` the key is at 2. [`CommandInfo::find_keys`](crate::command::CommandInfo::find_keys)
/// applies the rules.
// Redis documentation: "Command key specifications"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// Where to start.
    pub begin: BeginSearch,
    /// What to take from there.
    pub find: FindKeys,
    /// What the command does with these keys.
    pub access: Access,
    /// True if they are not keys, but still decide the slot: shard channels, cursors.
    pub not_key: bool,
    /// True if the rule does not find every key.
    pub incomplete: bool,
}

/// How to find the argument that a [`KeySpec`] starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// The argument at this position.
    Index(u8),
    /// The argument after a word, in upper or lower case.
    Keyword {
        /// The word, in upper case.
        word: &'static str,
        /// Where to start looking: forward from this position, or, if negative, backward from that many
        /// arguments before the end.
        start_from: i8,
    },
    /// No rule can say; the command needs code of its own.
    Unknown,
}

/// How to find the keys of a [`KeySpec`] from its first argument on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Every `step`-th argument up to the last.
    Range {
        /// The last key: counted from the first if 0 or more, and from the end if negative, where -1 is the
        /// last argument.
        last: i8,
        /// How far it is from a key to the next one, at least 1.
        step: u8,
        /// With a negative `last`, the part of the remaining arguments that holds keys: 2 for the first half,
        /// 3 for the first third. 0 and 1 set no limit.
        limit: u8,
    },
    /// As many keys as an argument says.
    KeyNum {
        /// Where that argument is, counted from the start.
        index: u8,
        /// Where the first key is, counted from the start.
        first: u8,
        /// How far it is from a key to the next one, at least 1.
        step: u8,
    },
    /// No rule can say; the command needs code of its own.
    Unknown,
}

/// What a command does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It reads the value (`RO`).
    Read,
    /// It reads and changes the value (`RW`).
    ReadWrite,
    /// It replaces the value without reading it (`OW`).
    Overwrite,
    /// It deletes the key (`RM`).
    Remove,
    /// Nothing, since it is [no key](field@KeySpec::not_key).
    None,
}

/// The vocabulary of the generated rows.
impl KeySpec {
    /// One key at a fixed position.
    pub(super) const fn at(index: u8, access: Access) -> Self {
        Self::range(index, 0, access)
    }

    /// Keys from a fixed position up to `last`.
    pub(super) const fn range(index: u8, last: i8, access: Access) -> Self {
        Self {
            begin: BeginSearch::Index(index),
            find: FindKeys::Range {
                last,
                step: 1,
                limit: 0,
            },
            access,
            not_key: false,
            incomplete: false,
        }
    }

    /// Keys after a word, up to `last`.
    pub(super) const fn after(
        word: &'static str,
        start_from: i8,
        last: i8,
        access: Access,
    ) -> Self {
        Self {
            begin: BeginSearch::Keyword { word, start_from },
            ..Self::range(0, last, access)
        }
    }

    /// A number of keys at a fixed position, and the keys right behind it.
    pub(super) const fn counted(index: u8, access: Access) -> Self {
        Self {
            find: FindKeys::KeyNum {
                index: 0,
                first: 1,
                step: 1,
            },
            ..Self::at(index, access)
        }
    }

    /// Keys that only code of its own finds.
    pub(super) const fn unknown(access: Access) -> Self {
        Self {
            begin: BeginSearch::Unknown,
            find: FindKeys::Unknown,
            access,
            not_key: false,
            incomplete: false,
        }
    }

    pub(super) const fn step(mut self, by: u8) -> Self {
        match &mut self.find {
            FindKeys::Range { step, .. } | FindKeys::KeyNum { step, .. } => *step = by,
            FindKeys::Unknown => {}
        }
        self
    }

    pub(super) const fn limit(mut self, to: u8) -> Self {
        if let FindKeys::Range { limit, .. } = &mut self.find {
            *limit = to;
        }
        self
    }

    pub(super) const fn not_key(mut self) -> Self {
        self.not_key = true;
        self
    }

    pub(super) const fn incomplete(mut self) -> Self {
        self.incomplete = true;
        self
    }

    /// The position, if this finds exactly one key at a fixed place.
    pub(super) const fn single(&self) -> Option<u8> {
        match (self.begin, self.find) {
            (BeginSearch::Index(index), FindKeys::Range { last: 0, .. }) if !self.incomplete => {
                Some(index)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_rule_does_not_tell_the_single_key() {
        assert_eq!(KeySpec::at(1, Access::Read).single(), Some(1));
        assert_eq!(KeySpec::at(1, Access::Read).incomplete().single(), None);
    }
}
