//! What a command is, as a set of flags.

use std::fmt;

/// A set of facts about a command, as the servers' `COMMAND` reports them.
///
/// ```
/// use tower_redis_cluster::command::{Flags, lookup};
///
/// let get = lookup(b"get").expect("GET is in the table");
/// assert!(get.flags().contains(Flags::READ_ONLY));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// True if every flag of `other` is set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        let mut debug = f.debug_set();
        for (_, name) in set {
            debug.entry(&format_args!("{name}"));
        }
        debug.finish()
    }
}

/// Declares each flag once: as a bit for the generated rows, which are joined by `|` at compile time, as a
/// constant of [`Flags`], and by its name for `Debug`.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        pub(super) mod bit {
            $(pub(crate) const $name: u32 = 1 << $bit;)*
        }

        impl Flags {
            $($(#[$doc])* pub const $name: Self = Self(bit::$name);)*
        }

        const NAMES: &[(Flags, &str)] = &[$((Flags::$name, stringify!($name))),*];
    };
}

flags! {
    /// It changes no data; a replica may serve it.
    READ_ONLY = 0;
    /// It may change data.
    WRITE = 1;
    /// It may wait on the server for as long as its arguments say.
    BLOCKING = 2;
    /// It administers the server.
    ADMIN = 3;
    /// It belongs to publish and subscribe.
    PUBSUB = 4;
    /// It takes constant or logarithmic time and never delays others for long.
    FAST = 5;
    /// The server refuses it when it is out of memory.
    DENY_OOM = 6;
    /// Scripts may not call it.
    NO_SCRIPT = 7;
    /// It may not stand inside a transaction.
    NO_MULTI = 8;
    /// It works before the connection is authenticated.
    NO_AUTH = 9;
    /// A server that is still loading its data answers it.
    LOADING = 10;
    /// A replica whose data is out of date answers it.
    STALE = 11;
    /// A server that is busy with a script answers it.
    ALLOW_BUSY = 12;
    /// Where its keys are depends on its other arguments.
    MOVABLE_KEYS = 13;
    /// It can be sent without any key although it takes keys.
    NO_MANDATORY_KEYS = 14;
    /// A module of the server implements it.
    MODULE = 15;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_means_all_of_them() {
        let both = Flags::from_bits(bit::WRITE | bit::FAST);
        assert!(both.contains(Flags::WRITE));
        assert!(both.contains(both));
        assert!(!Flags::WRITE.contains(both));
    }

    #[test]
    fn no_two_flags_share_a_bit() {
        let all = NAMES.iter().fold(0, |bits, (flag, _)| bits | flag.0);
        assert_eq!(all.count_ones() as usize, NAMES.len());
    }

    #[test]
    fn debug_names_the_flags() {
        let flags = Flags::from_bits(bit::READ_ONLY | bit::FAST);
        assert_eq!(format!("{flags:?}"), "{READ_ONLY, FAST}");
    }
}
