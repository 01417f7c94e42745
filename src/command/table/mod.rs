//! The command table: what the servers say of each of their commands.
//!
//! The rows in `generated.rs` are made by `examples/generate_command_table.rs` from what Redis and Valkey report of
//! themselves. Routing, retry, timeouts and the typed methods all ask here and nowhere else whether a command may
//! go to a replica, where its keys are, which nodes it is for, and whether it blocks.

mod flags;
#[rustfmt::skip] // a row per command is easier to read and to compare than rustfmt's ten lines
pub(crate) mod generated;
mod key_spec;
mod policy;
mod repeatable;

use std::fmt;

pub use self::flags::Flags;
pub use self::key_spec::{Access, BeginSearch, FindKeys, KeySpec};
pub use self::policy::{RequestPolicy, ResponsePolicy};

/// What the servers say of a command: a row of the command table.
///
/// The table is merged from several servers. Where they disagree it says what is safer for a client: a command is
/// read-only if all of them say so, and blocking if one does.
///
/// A command that the table does not have, because it belongs to a module or to a later server, can be sent all the
/// same. Nothing is known of it then: it is taken for a write, and its keys must be named.
///
/// ```
/// use tower_redis_cluster::command::{RequestPolicy, lookup};
///
/// let get = lookup(b"get").expect("GET is in the table");
/// assert!(get.is_read_only());
/// assert_eq!(get.single_key(), Some(1));
///
/// let flushall = lookup(b"FLUSHALL").expect("FLUSHALL is in the table");
/// assert_eq!(flushall.request_policy(), RequestPolicy::AllShards);
/// ```
pub struct CommandInfo {
    name: &'static str,
    arity: i16,
    group: &'static str,
    since: Option<&'static str>,
    flags: Flags,
    key_specs: &'static [KeySpec],
    single_key: Option<u8>,
    request_policy: RequestPolicy,
    response_policy: ResponsePolicy,
    subcommands: &'static [&'static CommandInfo],
    is_plain: bool,
}

impl CommandInfo {
    /// The name in upper case: `GET`, or `CLUSTER SLOTS` with its container's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number of arguments, names included; if negative, at least that many.
    pub const fn arity(&self) -> i16 {
        self.arity
    }

    /// The group the documentation lists it under, such as `string`.
    pub const fn group(&self) -> &'static str {
        self.group
    }

    /// The version of Valkey, or of Redis before they parted at 7.2, that had it first.
    ///
    /// Unknown for subcommands and for commands that only Redis has.
    pub const fn since(&self) -> Option<&'static str> {
        self.since
    }

    /// All flags.
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// True if it only reads keys: a replica may serve it, and it may be sent twice.
    pub const fn is_read_only(&self) -> bool {
        self.flags.contains(Flags::READ_ONLY)
    }

    /// True if it may change data. Scripts are neither read-only nor writes: the table cannot know.
    pub const fn is_write(&self) -> bool {
        self.flags.contains(Flags::WRITE)
    }

    /// True if it may wait on the server; [`block_time`](Self::block_time) tells for how long.
    pub const fn is_blocking(&self) -> bool {
        self.flags.contains(Flags::BLOCKING)
    }

    /// The rules that find its keys; none if it has no keys.
    pub const fn key_specs(&self) -> &'static [KeySpec] {
        self.key_specs
    }

    /// The position of the key, if it always has exactly one and always there.
    ///
    /// The name is at 0, so this is 1 for `GET` and 2 for `OBJECT ENCODING`.
    pub const fn single_key(&self) -> Option<u8> {
        self.single_key
    }

    /// Which nodes it must be sent to.
    pub const fn request_policy(&self) -> RequestPolicy {
        self.request_policy
    }

    /// How the replies of several nodes become one.
    pub const fn response_policy(&self) -> ResponsePolicy {
        self.response_policy
    }

    /// The commands it contains: `CLUSTER SLOTS` and its like for `CLUSTER`.
    pub const fn subcommands(&self) -> &'static [&'static CommandInfo] {
        self.subcommands
    }

    /// True if the layers need to know nothing else of it than its slot.
    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The subcommand with this name, such as `slots`, in upper or lower case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static CommandInfo> {
        let prefix = self.name.len() + 1;
        self.subcommands
            .iter()
            .find(|sub| sub.name.as_bytes()[prefix..].eq_ignore_ascii_case(name))
            .copied()
    }
}

impl fmt::Debug for CommandInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandInfo({})", self.name)
    }
}

/// Finds a command by its name, in upper or lower case, without its subcommand.
pub fn lookup(name: &[u8]) -> Option<&'static CommandInfo> {
    let mut bucket = bucket_of(name);
    loop {
        let info = generated::ALL.get(usize::from(INDEX[bucket]))?;
        let found = info.name.as_bytes();
        // Most write names in upper case, and comparing bytes for equality is faster.
        if found == name || found.eq_ignore_ascii_case(name) {
            return Some(info);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// Every command in the order of the names, each container before its subcommands.
pub fn all() -> impl Iterator<Item = &'static CommandInfo> {
    let with_subcommands =
        |info: &'static CommandInfo| std::iter::once(info).chain(info.subcommands.iter().copied());
    generated::ALL.into_iter().flat_map(with_subcommands)
}

// ===== the index =====

/// A power of two, and more than three times the number of commands, so that nearly every name is found at
/// once and nearly every other word ends on an empty bucket.
const BUCKETS: usize = 1024;

/// Marks an empty bucket: no position in `ALL`.
const EMPTY: u16 = u16::MAX;

/// A hash table of positions in `ALL` with open addressing, laid out by the compiler.
static INDEX: [u16; BUCKETS] = index();

const fn index() -> [u16; BUCKETS] {
    let all: &[&CommandInfo] = &generated::ALL;
    assert!(all.len() * 3 < BUCKETS, "the index is too full: double it");
    let mut index = [EMPTY; BUCKETS];
    let mut position = 0;
    while position < all.len() {
        let mut bucket = bucket_of(all[position].name.as_bytes());
        while index[bucket] != EMPTY {
            bucket = (bucket + 1) % BUCKETS;
        }
        index[bucket] = position as u16;
        position += 1;
    }
    index
}

/// Hashes the length and five bytes without the bit that tells upper from lower case, which takes the same time
/// for every name and tells nearly all commands apart.
const fn bucket_of(name: &[u8]) -> usize {
    let [first, .., last] = name else {
        return name.len();
    };
    let middle = name[name.len() / 2];
    let letters = [*first, name[1], middle, name[name.len() - 2], *last];
    let mut word = name.len() as u64;
    let mut i = 0;
    while i < letters.len() {
        word = (word << 8) | (letters[i] & !0x20) as u64;
        i += 1;
    }
    // Fibonacci hashing: the golden ratio spreads the word, and its upper bits are the best mixed.
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BUCKETS.ilog2())) as usize
}

// ===== the vocabulary of the generated rows =====

impl CommandInfo {
    const fn new(name: &'static str, arity: i16, group: &'static str, flags: u32) -> Self {
        Self {
            name,
            arity,
            group,
            since: None,
            flags: Flags::from_bits(flags),
            key_specs: &[],
            single_key: None,
            request_policy: RequestPolicy::Default,
            response_policy: ResponsePolicy::Default,
            subcommands: &[],
            is_plain: false,
        }
    }

    const fn since_version(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    const fn keys(mut self, specs: &'static [KeySpec]) -> Self {
        self.key_specs = specs;
        if let [spec] = specs {
            self.single_key = spec.single();
        }
        self.judged()
    }

    const fn policy(mut self, request: RequestPolicy, response: ResponsePolicy) -> Self {
        self.request_policy = request;
        self.response_policy = response;
        self.judged()
    }

    const fn containing(mut self, subcommands: &'static [&'static Self]) -> Self {
        self.subcommands = subcommands;
        self.judged()
    }

    /// With the bit that is read in place of the rules it follows from.
    const fn judged(mut self) -> Self {
        self.is_plain = self.has_plain_rules();
        self
    }
}

#[cfg(test)]
mod tests;
