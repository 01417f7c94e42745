//! A Redis and Valkey Cluster client that **is a Tower stack**.
//!
//! Timeout, retry, slot routing and the connection cache are each a public [`tower::Layer`] or make-service, and
//! the client is nothing but their composition. An application sees the whole path of a request in one list,
//! and puts its own layers at any place in it.
//!
//! ```no_run
//! use tower_redis_cluster::{Cluster, cmd};
//!
//! # async fn example() -> Result<(), tower_redis_cluster::Error> {
//! let cluster = Cluster::connect("redis://127.0.0.1:7000").await?;
//! cluster.set("user:1", "Ann").await?;
//! let name: Option<String> = cluster.get("user:1").await?;
//! let length: usize = cluster.query(cmd("STRLEN").arg("user:1")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The stack
//!
//! [`Cluster::connect`] and [`Cluster::builder`] build this, and a bound on requests in flight and a span per
//! request around it, with the layers linked to each other as is said below:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use tower::ServiceBuilder;
//! use tower::limit::ConcurrencyLimitLayer;
//! use tower_redis_cluster::{
//!     Cluster, ConnectConfig, ConnectionCacheLayer, Connector, DialLimitLayer, ExclusiveLaneLayer, FailFastLayer,
//!     NodeLayer, RetryLayer, RetryPolicy, RouteLayer, ScatterGatherLayer, SpreadLayer, TimeoutLayer,
//! };
//!
//! # async fn example() -> Result<(), tower_redis_cluster::Error> {
//! let urls = ["redis://10.0.0.1:7000"];
//! let stack = ServiceBuilder::new()
//!     // request seam: one call per request of the application
//!     .layer(ScatterGatherLayer::new()) // commands for several nodes
//!     .layer(TimeoutLayer::new(Duration::from_millis(400)))
//!     .layer(RetryLayer::new(RetryPolicy::new(3)))
//!     // attempt seam: one call per try
//!     .layer(RouteLayer::new(urls)) // takes the addresses
//!     .layer(SpreadLayer::new(1)) // connections per node
//!     .layer(ConnectionCacheLayer::new())
//!     .layer(ExclusiveLaneLayer::new()) // connections of their own for blocking commands and leases
//!     // node seam: around each connection
//!     .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1024))) // the application's own, for instance
//!     .layer(NodeLayer::per_node(FailFastLayer::new())) // errors that can be retried, for a node that is not ready
//!     // connect seam: around the act of connecting
//!     .layer(DialLimitLayer::new()) // at a time and per second
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
//!     .service(Connector::new(ConnectConfig::from_urls(urls)?)); // takes password and TLS
//!
//! let cluster = Cluster::new(stack);
//! let name: Option<String> = cluster.get("user:1").await?;
//! # Ok(())
//! # }
//! ```
//!
//! Some of these layers do more when they know of each other, as those of the builder do: the cache lets go of connections
//! to nodes that left at once, rather than after [5 to 10 minutes](ConnectionCacheLayer::idle_timeout) of idleness; a retry's
//! pause ends when a replica was promoted; a silent connection has the route look for a new topology. [`Cluster::shutdown`]
//! and [`Cluster::metrics`] reach the layers that share a [`Lifecycle`] and [`Counters`] with the handle. The repository's
//! `examples/custom_stack.rs` has the whole; this is how they are linked:
//!
//! ```
//! # use tower_redis_cluster::*;
//! # let (urls, config) = (["redis://10.0.0.1:7000"], ConnectConfig::default());
//! let (life, counters) = (Lifecycle::new(), Counters::new());
//! let route = RouteLayer::new(urls).lifecycle(&life).counters(counters.clone());
//! let cache = ConnectionCacheLayer::new().retain_only(route.nodes()).lifecycle(&life).counters(counters.clone());
//! let retry = RetryPolicy::new(3).hurry_on(route.changes()).counters(counters.clone());
//! let connector = Connector::new(config).report_to(route.suspicions()).lifecycle(&life);
//! // .. likewise the other layers, and then:
//! # let stack = tower::ServiceBuilder::new().layer(RetryLayer::new(retry)).layer(route).layer(cache).service(connector);
//! let cluster = Cluster::new(stack).with_lifecycle(&life).with_counters(counters);
//! ```
//!
//! A handle over a stack by hand clones it for each request, unless told to [keep](Cluster::with_kept_stack) a clone, and a
//! route by hand has a service made for each, unless told to [keep](RouteLayer::keep_services) them. The builder enables
//! both where the application's layers allow it.
//!
//! | seam | the service there | sees | good for |
//! |---|---|---|---|
//! | request | `Service<Command, Response = Value>` | each request once | load shed, buffer, concurrency limit, caching |
//! | attempt | `Service<Command, Response = Value>` | each try, redirects inside it | fault injection, metrics, hedged reads |
//! | node | `Service<Command, Response = Value>` | what goes to one node over one connection | per-node limit, breaker, metrics |
//! | connect | `Service<NodeAddr>` | each attempt to connect | timeout, limits, address map |
//!
//! At three of them the request is a [`Command`] and the response a [`Value`], so that a layer written once fits
//! all three. Errors between layers are anything that is `Into<BoxError>`, and below the retry layer, which looks
//! into them, an [`Error`] or a `BoxError`; at the edge [`Error`] comes out, found again by downcasting.
//!
//! **Error replies are data**: services answer `Ok(Value::Error(..))`, as HTTP services answer a 500, so that load
//! shedding and breakers do not take `-WRONGTYPE` for a broken service. [`Cluster`]'s methods turn them into
//! `Err`.
//!
//! # What became of a command
//!
//! Every error has a [`Delivery`], and the retry layer goes by it:
//!
//! | | the command | retried |
//! |---|---|---|
//! | [`NotSent`](Delivery::NotSent) | was not written | always |
//! | [`NotApplied`](Delivery::NotApplied) | was refused by the server | always, where time can mend it |
//! | [`Unknown`](Delivery::Unknown) | was written, and its reply never came or does not tell, as most `ERR` do | if it only [reads or asks](command::CommandInfo::is_idempotent), or is [declared](Command::idempotent) idempotent |
//!
//! # What one request costs
//!
//! One `GET` of a small key with the default stack, everything connected, in a release build on x86-64. The instructions
//! are what each layer adds, alone, to a node that answers at once; the repository's `benches/micro` counts them, and a
//! change that adds to them fails its tests:
//!
//! | part | allocations | clones | instructions |
//! |---|---|---|---|
//! | [`Cluster::get`] | 1: the command | the stack, for the first request of a handle | 1,030, of which 830 build the command |
//! | `InFlightLimit` | 0 | | 170 |
//! | `Trace`, disabled | 0 | | 50 |
//! | `ScatterGather` | 0 | | 50 |
//! | `Timeout` | 0 | | 220 |
//! | `Retry` | 0 | the command | 140 |
//! | `Route`, `Spread`, `ConnectionCache`, lanes, `FailFast` | 0 | the node's address, the command; what is made for a node, every half second | 770 |
//! | `Connection` | 1: where the reply is handed over | | 1,600, with 64 requests in flight |
//!
//! A command is 32 bytes, and its clones share the arguments; all clones but that of the address are reference counts. No
//! future is boxed, no task spawned and no timer set: a connection wakes whoever
//! still waits when the deadline has passed. No lock is waited for on the way to a connection: those of the kept stack and of
//! the node's service are only tried. The connection's queue and the reply are behind short locks of their own, held across
//! no await. The future of the built stack is 280 bytes, and that of [`Cluster::send`], with the command in it until it is
//! sent, 312.
//!
//! # Features
//!
//! - `tls`: TLS with rustls, for `rediss://` and `valkeys://`.
//! - `testing`: the module `testing` with `FakeCluster`, a cluster inside the process with faults on demand, and
//!   `LocalCluster`, one of real server processes.
//!
//! # Limits
//!
//! Pub/sub is not supported: [`connection`] refuses what would change its state, or, over a [`Lease`], what would leave
//! replies that cannot be told apart.
//!
//! A [pipeline](Cluster::pipeline) is in memory as a whole, with its replies. Its commands are independent: what is
//! redirected or retried is executed [after the others](cluster::pipeline#order).
//!
//! Reads go to primaries. Commands for several nodes (`MGET` of keys in different slots, `DBSIZE`, `FLUSHALL`,
//! `SCRIPT LOAD`, ...) are sent to all of them and answered as by one server, but are not atomic; see [`scatter`]. Those
//! that cannot be are refused with an error that says why.

mod addr;
pub mod breaker;
pub mod cache;
pub mod cluster;
pub mod command;
pub mod connect;
pub mod connection;
pub mod dial_limit;
mod error;
pub mod exclusive;
pub mod failfast;
mod in_use;
mod key_name;
mod lifecycle;
pub mod limit;
mod metrics;
pub mod node;
pub mod resp;
pub mod retry;
pub mod route;
pub mod scan;
pub mod scatter;
pub mod spread;
mod stripe;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeout;
pub mod topology;
pub mod trace;
pub mod value;
mod wakeup;

pub use self::addr::NodeAddr;
pub use self::breaker::BreakerLayer;
pub use self::cache::{ConnectionCache, ConnectionCacheLayer};
pub use self::cluster::{Cluster, ClusterBuilder, Pipeline, Script};
pub use self::command::{Command, Slot, Target, ToArgs, cmd};
pub use self::connect::{ConnectConfig, Connector};
pub use self::connection::Connection;
pub use self::dial_limit::DialLimitLayer;
pub use self::error::{Delivery, Error, ErrorKind};
pub use self::exclusive::{ExclusiveLaneLayer, Lease};
pub use self::failfast::FailFastLayer;
pub use self::lifecycle::Lifecycle;
pub use self::limit::InFlightLimitLayer;
pub use self::metrics::{Counters, Metric, MetricKind, Metrics};
pub use self::node::NodeLayer;
pub use self::retry::{RetryLayer, RetryPolicy};
pub use self::route::RouteLayer;
pub use self::scatter::{PartialFailure, Portion, ScatterGatherLayer};
pub use self::spread::SpreadLayer;
pub use self::timeout::TimeoutLayer;
pub use self::topology::Topology;
pub use self::trace::TraceLayer;
pub use self::value::{ConversionError, FromValue, ServerError, Value};
