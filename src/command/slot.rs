//! Hash slots.

use std::fmt;

use crc16::{State, XMODEM};

/// One of the 16384 hash slots a cluster's keys are spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    /// How many slots there are.
    pub const COUNT: u16 = 16384;

    /// The slot with this number; `None` from 16384 on.
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::COUNT {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The slot of a key: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16384.
    ///
    /// The hash tag is what stands between the first `{` and the first `}` after it, unless that is nothing.
    // cluster spec: hash tags
    pub fn of(key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref();
        Self(State::<XMODEM>::calculate(hash_tag(key).unwrap_or(key)) % Self::COUNT)
    }

    /// The number, 0 to 16383.
    pub const fn number(self) -> u16 {
        self.0
    }
}

fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = &key[open + 1..];
    let close = memchr::memchr(b'}', rest)?;
    (close > 0).then(|| &rest[..close])
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_the_cluster_spec_says() {
        assert_eq!(State::<XMODEM>::calculate(b"123456789"), 0x31C3);
        for (key, slot) in [
            ("", 0),
            ("foo", 12182),
            ("{user1000}.following", 3443),
            ("foo{}{bar}", 8363),
        ] {
            assert_eq!(Slot::of(key).number(), slot, "{key}");
        }
        assert_eq!(Slot::of("foo{{bar}}zap"), Slot::of("{bar"));
        assert_eq!(Slot::of("foo{bar}{zap}"), Slot::of("bar"));
    }
}
