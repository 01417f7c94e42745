//! How errors show a key.

use std::fmt;

/// The most bytes of a key that are shown.
const SHOWN: usize = 40;

/// A key's name for people: quoted, with unprintable bytes escaped, and cut if it is long.
pub(crate) struct KeyName<'a>(pub(crate) &'a [u8]);

impl fmt::Display for KeyName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        let dots = if shown.len() < self.0.len() {
            "..."
        } else {
            ""
        };
        write!(f, "\"{}{dots}\"", shown.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_shown_in_little_space() {
        assert_eq!(KeyName(b"user:1").to_string(), "\"user:1\"");
        assert_eq!(KeyName(b"\xff\"\n").to_string(), "\"\\xff\\\"\\n\"");
        assert!(KeyName(&[b'x'; 1000]).to_string().len() < 50);
    }
}
