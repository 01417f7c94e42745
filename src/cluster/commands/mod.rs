//! Typed commands: the methods of [`Cluster`](crate::Cluster) that are named after a command, and their options.
//!
//! They are conveniences over [`Cluster::query`](crate::Cluster::query): whatever has no method here is sent with
//! [`cmd`](crate::cmd). What they have in common:
//!
//! - **Names** are those of the commands in lower case. `_with` takes options, `_count` asks for many, `_withscores`
//!   for scores. Times are sent in milliseconds wherever the server has a command for it, so `expire` sends `PEXPIRE`.
//! - **Arguments** are whatever is [`ToArgs`](crate::ToArgs). Where a command takes many, one value, a slice, a
//!   `Vec`, a set or a map of them will do: `del("a")`, `del(["{u}a", "{u}b"])`, `hset("h", ("field", 1))`,
//!   `hset("h", [("f", 1), ("g", 2)])`. An empty list is refused by the server. Where a command takes one
//!   value, `None` or a list is refused before it is sent.
//! - **Results** are of one type where the command has only one (`incr` gives an `i64`), and are chosen by the
//!   caller where they depend on what is stored: `let name: Option<String> = cluster.get("name").await?`. The
//!   type is that of the whole reply: ask for an `Option` where a key may be missing, for a `Vec` or a map where
//!   there are many. See [`FromValue`](crate::FromValue).
//! - **Several keys** must hash to one slot, for the cluster refuses anything else. The error says which two slots
//!   they are in, and is made before anything is sent. Give such keys a common hash tag: `{user1}:name` and
//!   `{user1}:age` are in the slot of `user1`.
//! - **Times** are a `Duration` or a `SystemTime`, rounded up to whole milliseconds. Zero, and what is longer than
//!   146 million years, is refused as [`InvalidCommand`](crate::ErrorKind::InvalidCommand) before it is sent.
//! - **Errors** are those of [`Cluster::query`](crate::Cluster::query), and so is cancel safety.
//! - **Versions** are of both servers where only one is given: Valkey has all that Redis 7.2 had.
//!
//! # Blocking commands
//!
//! `blpop` and its like wait on the server, and hold up every later command on the same connection, which is shared
//! by all tasks that talk to that node. Use them on a `Cluster` of their own, with a timeout of a few seconds.
//!
//! # Left out
//!
//! Commands that the servers have deprecated have no method, but that of their successor: `set_with` for `SETEX`,
//! `zrange` for `ZRANGEBYSCORE`, `lmove` for `RPOPLPUSH`. Nor do commands about a whole node or cluster, `SCAN` and
//! `KEYS` among them: a method that asked one node only would lie.

mod arguments;
mod expiry;
mod generic;
mod hash_expiry;
mod hashes;
mod list_options;
mod lists;
mod range;
mod scan;
mod set_options;
mod sets;
mod sort;
mod sorted_set_algebra;
mod sorted_set_options;
mod sorted_set_pop;
mod sorted_sets;
mod strings;
mod ttl;

pub use self::expiry::{ExpireIf, GetEx};
pub use self::generic::{KeyType, RestoreOptions};
pub use self::hash_expiry::{FieldExpired, FieldPersisted, HSetExOptions};
pub use self::list_options::{Insert, LPosOptions, Side};
pub use self::range::{IndexRange, LexRange, ScoreRange};
pub use self::scan::{ScanOptions, ScanPage};
pub use self::set_options::{IfValue, SetOptions};
pub use self::sort::SortOptions;
pub use self::sorted_set_algebra::{Aggregate, Combine};
pub use self::sorted_set_options::{ZAddOptions, ZRange};
pub use self::sorted_set_pop::Extreme;
pub use self::ttl::{ExpireTime, Ttl};
