//! What every client under measure has to do, in the words its own users would write.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Why a client could not do something.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The kinds of requests that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// `GET` and `SET` of one key each, 3 to 1.
    Single,
    /// This many commands at once, `GET` and `SET` 3 to 1, of keys of all nodes.
    Pipeline(usize),
    /// One `MGET` of this many keys of all nodes.
    Mget(usize),
}

/// One command of a pipeline.
pub(crate) enum Step<'a> {
    Get(&'a str),
    Set(&'a str, Bytes),
}

/// A client for Redis Cluster.
///
/// Each task has a clone of its own. The futures are not boxed here, so that what is measured is the client.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// A bulk string, as the client gives it with the fewest copies.
    type Value: AsRef<[u8]> + Send;

    /// How it is configured, for the report.
    const CONFIGURATION: &'static str;

    /// How it is configured by [`connect_within`](Peer::connect_within), for the report of the outages.
    const IN_OUTAGES: &'static str;

    /// Why a kind of request is not measured, if the client has no way to make it.
    fn unsupported(_request: Request) -> Option<&'static str> {
        None
    }

    /// Connects to the cluster of these nodes.
    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure>;

    /// Connects to the cluster of these nodes, with a timeout told the client's own way.
    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure>;

    fn get(
        &mut self,
        key: &str,
    ) -> impl Future<Output = Result<Option<Self::Value>, Failure>> + Send;

    fn set(&mut self, key: &str, value: Bytes) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives the number after it was incremented.
    fn incr(&mut self, key: &str) -> impl Future<Output = Result<i64, Failure>> + Send;

    /// Gives what the `GET`s of a pipeline found, in their order.
    fn pipeline(
        &mut self,
        steps: &[Step<'_>],
    ) -> impl Future<Output = Result<Vec<Option<Self::Value>>, Failure>> + Send;

    fn mget(
        &mut self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<Self::Value>>, Failure>> + Send;
}
