//! Hash slots.

use std::fmt;

use crc16::{State, XMODEM};

use crate::error::{Error, ErrorKind};

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

impl TryFrom<u16> for Slot {
    type Error = Error;

    /// As [`Slot::new`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidCommand`] from 16384 on.
    fn try_from(number: u16) -> Result<Self, Error> {
        Self::new(number).ok_or_else(|| {
            let last = Self::COUNT - 1;
            let message = format!("slot {number} does not exist; slots are 0 to {last}");
            Error::not_sent(ErrorKind::InvalidCommand, message)
        })
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
    fn a_number_that_is_no_slot_is_told_with_those_that_are() {
        assert_eq!(Slot::try_from(16383).ok(), Slot::new(16383));
        assert_eq!(Slot::new(16384), None);
        let error = Slot::try_from(16384).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        assert_eq!(
            error.to_string(),
            "slot 16384 does not exist; slots are 0 to 16383"
        );
    }

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
