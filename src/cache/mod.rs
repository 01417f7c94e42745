//! The connection cache: node address to connected service, connected once.
//!
//! [`ConnectionCache`] stands in front of a service that makes connections (a
//! [`MakeService<NodeAddr, _>`](tower::MakeService)) and is one itself: asked for an address it answers with a
//! clone of the service made for it, making it first if it must. What it promises:
//!
//! - A service is stored before anyone is told of it, and a failure is never stored as a service.
//! - All requests for one address share one connection attempt, and its outcome.
//! - An attempt runs in a task of its own. A caller that times out neither cancels it nor loses its outcome.
//! - After a failure the address is left alone for a while, see [backoff](ConnectionCacheLayer::backoff).
//!   A request made meanwhile waits for the next attempt if that is near, and otherwise fails at once with the
//!   last error. Either way, only requests cause attempts, and no more than one per backoff.
//! - An attempt that follows a failure is waited for 500 ms, its turn under a [`DialLimit`](crate::dial_limit) included.
//!   It then goes on alone, and requests fail at once: a host that is gone does not collect them.
//! - A service whose `poll_ready` fails is removed, by the handle that saw it fail, and that service only:
//!   an old handle cannot remove its successor.
//! - Nodes that leave the cluster are let go of, if the cache is [told](ConnectionCacheLayer::retain_only) of them;
//!   replies in flight still arrive. The same goes for connections that nobody
//!   [asks for](ConnectionCacheLayer::idle_timeout) any more, so that nothing is kept for ever.
//! - When its [`Lifecycle`](crate::Lifecycle) ends, it lets go of all connections and makes no more.
//! - Finding a connected service takes no lock.
//!
//! What it leaves to others: it knows no deadline, so a caller stops waiting when its own has passed, and
//! an attempt lasts as long as the connect seam lets it: **put a timeout layer there**. It does not see that a
//! connection has stalled; the connection does, and fails its `poll_ready`. A node that accepts a
//! connection, completes the handshake and then closes it is dialled again at once each time.
//!
//! Do not use it for connections that cannot be shared: those of blocking commands are made
//! [below it](crate::exclusive).
//!
//! ```
//! use std::convert::Infallible;
//!
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_redis_cluster::{ConnectionCacheLayer, NodeAddr};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! // Anything that turns an address into a service will do.
//! let connect = service_fn(|addr: NodeAddr| async move {
//!     Ok::<_, Infallible>(service_fn(move |request: &'static str| {
//!         let reply = format!("{addr} got {request}");
//!         async move { Ok::<_, Infallible>(reply) }
//!     }))
//! });
//! let cache = ConnectionCacheLayer::new().layer(connect);
//!
//! let node = cache.clone().oneshot(NodeAddr::new("10.0.0.1", 7000)).await?;
//! assert_eq!(node.oneshot("PING").await?, "10.0.0.1:7000 got PING");
//! # Ok(())
//! # }
//! ```

mod backoff;
mod beside;
mod cached;
mod departures;
mod dial;
pub mod future;
mod idleness;
mod layer;
mod pool;
mod stored;
#[cfg(test)]
mod tests;
mod trace;
mod waiters;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tower::{BoxError, Service};

pub use self::cached::Cached;
use self::departures::Nodes;
pub(crate) use self::dial::make_service;
use self::future::ResponseFuture;
pub use self::layer::ConnectionCacheLayer;
use self::pool::{Miss, Pool, Settings};
use crate::addr::NodeAddr;
use crate::error::Error;

/// Answers an address with a service connected to it; see the [module docs](self).
///
/// Clones share their entries. When the last clone is gone, and nobody waits for a connection any more, the
/// attempts under way end.
///
/// It is always ready, since readiness is per address and the address comes with the call: the connection
/// attempt waits until the inner service is ready, and the error of that is the request's.
///
/// The services made must be [`Sync`], because they are cloned out of a map that is shared without a lock.
pub struct ConnectionCache<M>
where
    M: Service<NodeAddr>,
{
    shared: Arc<Shared<M>>,
}

/// What the clones of a cache share: one reference count, because threads that change one wait for each other.
struct Shared<M>
where
    M: Service<NodeAddr>,
{
    /// Locked only to be cloned, when a connection is to be made: it need not be `Sync`.
    make: Mutex<M>,
    pool: Arc<Pool<M::Response>>,
}

impl<M> ConnectionCache<M>
where
    M: Service<NodeAddr>,
{
    /// A cache with the defaults of [`ConnectionCacheLayer`].
    pub fn new(make: M) -> Self {
        tower::Layer::layer(&ConnectionCacheLayer::new(), make)
    }

    fn with_settings(make: M, settings: Settings, nodes: Option<Nodes>) -> Self {
        Self {
            shared: Arc::new(Shared {
                make: Mutex::new(make),
                pool: Arc::new(Pool::new(settings, nodes)),
            }),
        }
    }

    fn pool(&self) -> &Arc<Pool<M::Response>> {
        &self.shared.pool
    }

    /// Forgets every address that is not `wanted`.
    ///
    /// Services given out go on until they are dropped, so that replies in flight arrive; the cache's own clone
    /// is dropped, and with the last one the connection should close. Attempts under way end, and those who wait
    /// for them get an error of kind [`Topology`](crate::ErrorKind::Topology). An unwanted address that is
    /// asked for again is simply connected again.
    ///
    /// `wanted` runs under the lock that misses take, and must not use the cache.
    pub fn retain(&self, wanted: impl Fn(&NodeAddr) -> bool) {
        self.pool().retain(wanted);
    }
}

impl<M> Service<NodeAddr> for ConnectionCache<M>
where
    M: Service<NodeAddr> + Clone + Send + 'static,
    M::Response: Clone + Send + Sync + 'static,
    M::Error: Into<BoxError>,
    M::Future: Send,
{
    type Response = Cached<M::Response>;
    type Error = Error;
    type Future = ResponseFuture<M::Response>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If a connection is to be made outside of a Tokio runtime.
    #[inline]
    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        let pool = self.pool();
        if let Some(cached) = pool.connected(&addr, Cached::new) {
            pool.counters().cache_hits().increment();
            return ResponseFuture::done(Ok(cached));
        }
        self.miss(addr)
    }
}

impl<M> ConnectionCache<M>
where
    M: Service<NodeAddr> + Clone + Send + 'static,
    M::Response: Clone + Send + Sync + 'static,
    M::Error: Into<BoxError>,
    M::Future: Send,
{
    /// Joins the dial of the address, or starts one.
    #[cold]
    fn miss(&self, addr: NodeAddr) -> ResponseFuture<M::Response> {
        let pool = self.pool();
        pool.live();
        // Not under the pool's lock, since it is not our code; and the clone need not be ready, the dial sees to that.
        let make = self.shared.make.lock().clone();
        let spawn = |dial| dial::spawn(make, dial, pool);
        match pool.join(addr.clone(), spawn) {
            Miss::Waiting(outcome) => ResponseFuture::waiting(addr, outcome, Arc::clone(pool)),
            Miss::Connected(stored) => {
                pool.counters().cache_hits().increment();
                ResponseFuture::done(Ok(Cached::new(&stored)))
            }
            Miss::Refused(error) => ResponseFuture::done(Err(error)),
        }
    }
}

impl<M> Clone for ConnectionCache<M>
where
    M: Service<NodeAddr>,
{
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> fmt::Debug for ConnectionCache<M>
where
    M: Service<NodeAddr> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connected, pending) = self.pool().len();
        f.debug_struct("ConnectionCache")
            .field("make", &*self.shared.make.lock())
            .field("connected", &connected)
            .field("pending", &pending)
            .finish()
    }
}
