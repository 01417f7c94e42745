//! Typed commands: the methods of [`Cluster`](crate::Cluster) that are named after a command, and their options.
//!
//! They are conveniences over [`Cluster::query`](crate::Cluster::query): whatever has no method here is sent with
//! [`cmd`](crate::cmd). What they have in common:
//!
//! - **Names** are those of the commands in lower case. `_with` takes options, `_count` asks for many, `_withscores`
//!   for scores. Times are sent in milliseconds wherever the server has a command for it, so `expire` sends `PEXPIRE`.
//! - **Arguments** are whatever is [`ToArgs`](crate::ToArgs). Where a command takes many, one value, a slice, a
//!   `Vec`, a set or a map of them will do: `del("a")`, `del(["{u}a", "{u}b"])`, `hset("h", ("field", 1))`,
//!   `hset("h", [("f", 1), ("g", 2)])`. An empty list is refused. Where a command takes one
//!   value, `None` or a list is refused before it is sent.
//! - **Results** are of one type where the command has only one (`incr` gives an `i64`), and are chosen by the
//!   caller where they depend on what is stored: `let name: Option<String> = cluster.get("name").await?`. The
//!   type is that of the whole reply: ask for an `Option` where a key may be missing, for a `Vec` or a map where
//!   there are many. See [`FromValue`](crate::FromValue).
//! - **Several keys** may be in any slots where each is looked at by itself: `mget`, `mset`, `del`, `unlink`,
//!   `exists_count`, `touch`; see [`scatter`](crate::scatter). Elsewhere they must hash to one slot, for the cluster
//!   refuses anything else. The error names keys and their slots, and is made before anything is sent. Give such keys
//!   a common hash tag: `{user1}:name` and `{user1}:age` are in the slot of `user1`.
//! - **Times** are a `Duration` or a `SystemTime`, rounded up to whole milliseconds. A time to
//!   live, or to wait, of zero or of more than 146 million years is refused before it is sent.
//! - **Bad input** that could be taken for something else, or that no server takes, is refused as
//!   [`InvalidCommand`](crate::ErrorKind::InvalidCommand) before it is sent: NaN, fields without values, streams without
//!   an id for each. What else is wrong the server says.
//! - **Errors** are those of [`Cluster::query`](crate::Cluster::query), and so is cancel safety.
//! - **Versions** are of both servers where only one is given: Valkey has all that Redis 7.2 had.
//!
//! # In a pipeline
//!
//! [`Pipeline`](crate::Pipeline) has the same methods with the same arguments. There they add the command, and fail
//! with nothing: an argument that is refused before it is sent makes the pipeline be refused. What a method makes of
//! the reply beyond its type, as [`ttl`](crate::Cluster::ttl) does, is not made there: ask for what the server
//! answers, or for a [`Value`](crate::Value).
//!
//! ```
//! use tower_redis_cluster::Pipeline;
//!
//! let pipeline = Pipeline::new().set("user:1", "Ann").incr("visits").get("user:1");
//! assert_eq!(pipeline.len(), 3);
//! ```
//!
//! # Blocking commands
//!
//! `blpop` and its like wait on the server. Each takes a connection of its own for it from its node's
//! [lane](crate::exclusive), so that other commands are not held up. Its timeout comes on top of the client's; `None` is
//! for ever, if no [`Command::timeout`](crate::Command::timeout) or layer further out sets an end. When its future
//! is dropped, the connection is closed and the server stops waiting: what this cannot prevent, and `blmove` can, is
//! that an element popped in that very moment is [lost](crate::exclusive#blocking-commands).
//!
//! # Groups
//!
//! | group | for example |
//! |---|---|
//! | strings and counters | [`get`](crate::Cluster::get), [`set_with`](crate::Cluster::set_with), [`incr`](crate::Cluster::incr) |
//! | bits of strings | [`setbit`](crate::Cluster::setbit), [`bitfield`](crate::Cluster::bitfield) |
//! | hashes, and fields that expire | [`hset`](crate::Cluster::hset), [`hexpire`](crate::Cluster::hexpire) |
//! | lists | [`rpush`](crate::Cluster::rpush), [`blpop`](crate::Cluster::blpop) |
//! | sets | [`sadd`](crate::Cluster::sadd), [`sinter`](crate::Cluster::sinter) |
//! | sorted sets | [`zadd`](crate::Cluster::zadd), [`zrange`](crate::Cluster::zrange), [`bzpopmin`](crate::Cluster::bzpopmin) |
//! | places on a map | [`geoadd`](crate::Cluster::geoadd), [`geosearch`](crate::Cluster::geosearch) |
//! | streams | [`xadd`](crate::Cluster::xadd), [`xread`](crate::Cluster::xread) |
//! | consumer groups | [`xreadgroup`](crate::Cluster::xreadgroup), [`xack`](crate::Cluster::xack) |
//! | HyperLogLog | [`pfadd`](crate::Cluster::pfadd), [`pfcount`](crate::Cluster::pfcount) |
//! | vector sets | [`vadd`](crate::Cluster::vadd), [`vsim`](crate::Cluster::vsim) |
//! | scripts and functions | [`script`](crate::Cluster::script), [`eval`](crate::Cluster::eval), [`fcall`](crate::Cluster::fcall) |
//! | publishing | [`publish`](crate::Cluster::publish), [`spublish`](crate::Cluster::spublish) |
//! | keys of any type | [`del`](crate::Cluster::del), [`expire`](crate::Cluster::expire), [`sort`](crate::Cluster::sort) |
//! | the keyspace and the servers | [`dbsize`](crate::Cluster::dbsize), [`flushall`](crate::Cluster::flushall), [`time`](crate::Cluster::time) |
//!
//! A [`Pipeline`](crate::Pipeline) has the same methods, which add the command to it.
//!
//! # Left out
//!
//! Commands that the servers have deprecated have no method, but that of their successor: `set_with` for `SETEX`,
//! `zrange` for `ZRANGEBYSCORE`, `lmove` for `RPOPLPUSH`, `geosearch` for `GEORADIUS`. Nor have those for
//! administrators, those about one node, or about a connection, which is shared, and those that the crate has
//! something else for: [`Cluster::scan`](crate::Cluster::scan) for `SCAN`, [`Cluster::transaction`](crate::Cluster::transaction)
//! and [`Cluster::watch`](crate::Cluster::watch) for `MULTI` and `WATCH`.

mod arguments;
mod bit_field;
mod bit_options;
mod bitmaps;
mod expiry;
mod generic;
mod geo;
mod geo_position;
mod geo_search;
mod hash_expiry;
mod hash_options;
mod hashes;
mod hyperloglog;
mod lcs;
mod list_options;
mod lists;
mod pubsub;
mod range;
mod reply_fields;
mod scan;
mod scripting;
mod server;
mod set_options;
mod sets;
mod sort;
mod sorted_set_algebra;
mod sorted_set_options;
mod sorted_set_pop;
mod sorted_sets;
mod stream_delivery;
mod stream_group_options;
mod stream_groups;
mod stream_id;
mod stream_info;
mod stream_options;
mod stream_replies;
mod stream_trim;
mod streams;
mod strings;
mod ttl;
mod typed;
mod vector_options;
mod vector_replies;
mod vectors;

pub use self::bit_field::{BitField, BitInteger, BitOffset, Overflow};
pub use self::bit_options::{BitOperation, BitRange};
pub use self::expiry::{ExpireIf, GetEx};
pub use self::generic::{KeyType, RestoreOptions};
pub use self::geo_position::{GeoFound, GeoPosition, GeoUnit};
pub use self::geo_search::{GeoCentre, GeoSearch};
pub use self::hash_expiry::{FieldExpired, FieldPersisted};
pub use self::hash_options::HSetExOptions;
pub use self::lcs::LcsMatch;
pub use self::list_options::{Insert, LPosOptions, Side};
pub use self::range::{IndexRange, LexRange, ScoreRange};
pub use self::scan::{ScanOptions, ScanPage};
pub use self::scripting::Existing;
pub use self::set_options::{IfValue, SetOptions};
pub use self::sort::SortOptions;
pub use self::sorted_set_algebra::{Aggregate, Combine};
pub use self::sorted_set_options::{ZAddOptions, ZRange};
pub use self::sorted_set_pop::Extreme;
pub use self::stream_group_options::{
    XClaimOptions, XPendingOptions, XReadGroupOptions, XReadOptions,
};
pub use self::stream_id::{ParseStreamIdError, StreamId, StreamRange};
pub use self::stream_info::{
    ConsumerDetails, ConsumerInfo, GroupDetails, GroupInfo, StreamDetails, StreamInfo,
};
pub use self::stream_options::{XAddOptions, XCfgSetOptions};
pub use self::stream_replies::{
    AutoClaimed, DeliveredEntry, EntryDeleted, PendingEntry, PendingSummary, StreamEntries,
    StreamEntry,
};
pub use self::stream_trim::{StreamReferences, StreamTrim};
pub use self::ttl::{ExpireTime, Ttl};
pub use self::vector_options::{Quantization, VAddOptions, VSimOptions, VectorQuery};
pub use self::vector_replies::{VectorMatch, VectorSetInfo};
