//! Which keys are asked for.

use bytes::Bytes;

use super::fnv::fnv1a;
use super::glob::glob;
use crate::command::{Command, cmd};

/// Which keys are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) pattern: Option<Bytes>,
    /// In lower case, as servers name types.
    pub(super) type_name: Option<String>,
}

impl Filter {
    /// The `SCAN` of one page.
    pub(super) fn scan(&self, cursor: u64, count: u32) -> Command {
        let mut command = cmd("SCAN").arg(cursor).arg("COUNT").arg(count);
        if let Some(pattern) = &self.pattern {
            command = command.arg("MATCH").arg(pattern);
        }
        if let Some(name) = &self.type_name {
            command = command.arg("TYPE").arg(name);
        }
        command
    }

    /// Whether the pattern matches, for keys that were not found by `SCAN`.
    pub(super) fn matches(&self, key: &[u8]) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_none_or(|pattern| glob(pattern, key))
    }

    /// What a saved cursor is checked by: another filter's cursor would leave out keys.
    pub(super) fn fingerprint(&self) -> u64 {
        // With a byte between the two that no text has.
        let pattern = self.pattern.iter().flat_map(|pattern| pattern.iter());
        let name = self.type_name.iter().flat_map(|name| name.as_bytes());
        let flags = [
            u8::from(self.pattern.is_some()),
            u8::from(self.type_name.is_some()),
        ];
        fnv1a(flags.iter().chain(name).chain(&[0xff]).chain(pattern))
    }
}
