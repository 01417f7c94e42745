//! Clusters for tests: [`FakeCluster`] in this process, and [`LocalCluster`] of real servers.
//!
//! The fake one speaks RESP2 and RESP3 on loopback sockets and answers as a server of the 7.2 series does: strings,
//! hashes, lists, sets, sorted sets, expiry, transactions and blocking commands, redirects while slots move, and the
//! errors of all of them. Beyond what a server does, it fails on demand: nodes stall, refuse, cut replies in half.
//!
//! Time is tokio's: with `#[tokio::test(start_paused = true)]` keys expire and blocking commands time out as the test
//! advances the clock (with tokio's feature `test-util`).
//!
//! With [`in_memory`](FakeClusterBuilder::in_memory) there are no sockets at all, and what happens is the same in every run
//! of a test with the clock paused.
//!
//! # When not to use it
//!
//! It is for one process's tests: nothing is stored, nothing is fast, replication is instant and failover happens when
//! told. Streams, publish/subscribe, bitmaps and modules are not there; they answer as unknown commands do. Of scripts
//! it runs those that are made of `redis.call(..)` and one `return`, as `return redis.call('INCRBY', KEYS[1], ARGV[1])`.
//!
//! # Example
//!
//! ```
//! use tower_redis_cluster::testing::FakeCluster;
//! use tower_redis_cluster::{Cluster, ServerError, Slot, Value};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! let fake = FakeCluster::start(3).await;
//! let cluster = Cluster::connect(fake.url()).await?;
//! cluster.set("user:1", "Ann").await?;
//!
//! // The node that serves `user:1` gives the slot away: clients are answered MOVED.
//! let slot = Slot::of("user:1");
//! let old = fake.owner(slot).expect("all slots are served");
//! let new = (old + 1) % 3;
//! fake.migrate_slot(slot, new);
//! assert_eq!(cluster.get::<String>("user:1").await?, "Ann");
//! assert_eq!(cluster.metrics().redirects_moved, 1);
//!
//! // A node refuses once, and the client tries again.
//! let refusal = ServerError::new("CLUSTERDOWN The cluster is down");
//! fake.node(new).answer("GET", Value::Error(refusal), 1);
//! assert_eq!(cluster.get::<String>("user:1").await?, "Ann");
//! assert_eq!(cluster.metrics().retries, 1);
//!
//! // A node stops answering, and comes back.
//! fake.node(new).stall();
//! let error = cluster.get::<String>("user:1").await.unwrap_err();
//! assert!(error.is_timeout());
//! fake.heal();
//! assert_eq!(cluster.get::<String>("user:1").await?, "Ann");
//! # Ok(())
//! # }
//! ```

mod builder;
mod client;
mod cluster;
mod commands;
mod connector;
mod counts;
mod dispatch;
mod faults;
mod listen;
mod local;
mod lua;
mod node;
mod outbox;
mod reshape;
mod session;
mod stall;
mod state;
mod store;
mod topology;

pub use self::builder::FakeClusterBuilder;
pub use self::cluster::FakeCluster;
pub use self::connector::FakeConnector;
pub use self::local::{LocalCluster, LocalClusterBuilder};
pub use self::node::FakeNode;
