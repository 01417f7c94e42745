//! All keys of a cluster, as a stream: [`Cluster::scan`](crate::Cluster::scan).
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
//! # let cluster = fake.connect().await?;
//! use futures::StreamExt;
//! use tower_redis_cluster::scan::ScanCursor;
//!
//! # for user in 0..10 { cluster.set(format!("user:{user}"), user).await?; }
//! let mut batches = cluster.scan().pattern("user:*").count(100).stream()?;
//! let mut users = 0;
//! while let Some(batch) = batches.next().await {
//!     let batch = batch?;
//!     users += batch.keys.len();
//!     println!("{:.0} % done", batch.progress.fraction() * 100.0);
//! }
//! assert_eq!(users, 10);
//!
//! // Where it stands can be saved, and resumed in another process.
//! let saved: String = batches.cursor().to_string();
//! let cursor: ScanCursor = saved.parse()?;
//! let rest = cluster.scan().pattern("user:*").resume(cursor).stream()?;
//! assert_eq!(rest.keys().count().await, 0);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # What it promises
//!
//! - **Every key that is there from the start of the scan to its end is seen**, also while slots move, migrations are
//!   called off or left half-way, servers restart, and replicas take over; across saved cursors too. Where a node's
//!   keys are lost in a failover, since replication had not got that far, they were not there all the time.
//! - **A key may be seen more than once**, and one that comes or goes meanwhile may be seen or not. In a cluster at rest
//!   no key comes twice, unless a hash table grows or shrinks during the scan.
//! - **Nothing is fetched ahead** beyond one page of each of [so many](Scan::concurrency) nodes, and nothing while the
//!   consumer does not ask. No task is spawned.
//! - **A node that does not answer holds up nobody else**: its slots wait until it does, or until another node has them.
//!   If nothing at all has come forward for [so long](Scan::patience), the last item is an error, and
//!   [`ScanStream::cursor`] is what to go on with.
//!
//! It is the database of the stack's connections that is scanned. Each request to a node goes through the whole stack: its timeout and retries apply to it.
//!
//! # Beside `KEYS`
//!
//! `KEYS pattern`, sent to all primaries, is a single answer: it stops each node for as long as it takes to look at
//! all of its keys, and what moves between two nodes meanwhile is in neither answer or in both. It is for small or
//! idle clusters.
//!
//! # How it works, and why no key is missed
//!
//! `SCAN` sees what is in *one server process* from cursor 0 to cursor 0. Keys move between servers, so the unit of the
//! scan is the slot: it ends when all 16384 are *settled*. There are two ways to settle a slot.
//!
//! **By a pass.** The node is asked how it stands, scanned from cursor 0 to cursor 0, and asked again. How it stands
//! is one transaction, and so one instant: its own line of `CLUSTER NODES` (its slots, those under migration, its
//! configuration epoch), the `run_id` of its process, how many `RESTORE-ASKING` it has executed, and whether it is in
//! touch with the cluster. A slot is settled if the node served it before and after, both times neither migrating nor
//! importing it, and run id, epoch and count are the same. For suppose a key of it was there all the time and was not seen.
//! Before the pass it was on this node, which served the slot and had no migration of it open; so it was after. Since
//! the same process went through its whole table, the key was elsewhere for a part of the time, and came back. A key
//! comes to a node
//!
//! - by `MIGRATE`, which sends `RESTORE-ASKING`: the count has changed;
//! - with a whole slot, in an atomic migration: the node has taken over the slot from one that had taken it over from
//!   it, and so has a higher epoch than before;
//! - by replication, if it was another's replica meanwhile: it has won an election since, and with it a higher epoch;
//! - from disk: it is another process.
//!
//! Each contradicts what was found.
//!
//! **In one instant.** What a pass leaves behind is read with `CLUSTER GETKEYSINSLOT`, in one transaction with how the
//! node stands. If it serves the slot and has no migration of it open, these are all keys of the slot at that instant. If
//! the slot is on its way to another node, the same is read there *afterwards*: a key that had left when we looked at
//! the source has arrived when we look at the target, and could be missed only if it went back between the two. For that
//! the migration would have to have been called off; so the source is asked once more, and it must still be under way,
//! or complete. Filters are applied here, with `TYPE` for the type.
//!
//! Slots of more than 16384 keys are not read in one instant, which would stop the node for all others, but in another
//! pass, unless they are under migration.
//!
//! Where to look is learned from any primary, and need not be right: it costs time only, since each node is asked for
//! itself. A node that fails is asked again, at first after 20 ms and at last once per second, until another is said to
//! serve its slots, which is scanned from its beginning then.
//!
//! What this rests on: slots move by the cluster's own means, and `CONFIG RESETSTAT` is not used to hide that they did.
//! `CLUSTER SETSLOT ... NODE` or `DELSLOTS` by hand, with keys left behind, loses keys to every client.
//!
//! Servers since Valkey 9.1 have `CLUSTERSCAN`. It is not used: its cursor belongs to a server process too, it does not
//! say when its slot has moved or is about to, and so would need the same proof.
//!
//! # What a server has to allow
//!
//! `SCAN`, `DBSIZE`, `TYPE`, `INFO`, `MULTI`, `EXEC`, `CLUSTER NODES`, `INFO`, `COUNTKEYSINSLOT` and `GETKEYSINSLOT`. Where
//! an access list forbids one of them, the scan ends with the server's error.

mod ask;
mod asking;
mod builder;
mod cursor;
mod filter;
mod fnv;
mod glob;
mod keys;
mod link;
mod pass;
mod plan;
mod progress;
mod repair;
mod slots;
mod stream;
mod task;
#[cfg(test)]
mod tests;
mod view;

pub use self::builder::Scan;
pub use self::cursor::ScanCursor;
#[cfg(feature = "testing")]
pub(crate) use self::glob::glob;
pub use self::keys::ScanKeys;
pub use self::progress::ScanProgress;
pub use self::stream::{ScanBatch, ScanStream};
