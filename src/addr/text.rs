//! A short text.

use std::sync::Arc;

/// Texts up to this many bytes, all IPv4 addresses among them, are kept in place: threads that clone one then share no
/// reference count, which they would wait for each other to change. 22 makes the whole enum 24 bytes.
const INLINE: usize = 22;

/// An immutable text, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// What is past the length is zero, so that texts are equal if all bytes are.
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    Shared(Arc<str>),
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text.as_bytes());
                let len = text.len() as u8;
                Self::Inline { len, bytes }
            }
            None => Self::Shared(text.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Inline { len, bytes } => {
                str::from_utf8(&bytes[..usize::from(*len)]).expect("copied from a text")
            }
            Self::Shared(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_at_every_length() {
        for len in 0..=2 * INLINE {
            let given = "\u{e9}".repeat(len / 2) + &"x".repeat(len % 2);
            let text = Text::new(&given);
            assert_eq!(text.as_str(), given);
            assert!(text == text.clone());
            assert!(text != Text::new(&(given + "\0")), "{len}");
        }
    }

    #[test]
    fn texts_are_small() {
        assert_eq!(size_of::<Text>(), 24);
    }
}
