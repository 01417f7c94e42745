//! The bound on connection attempts: [`DialLimitLayer`].
//!
//! When a node is lost, all clients that used it dial it, and when it comes back they all succeed at the same moment.
//! This layer, at the connect seam, bounds what one client adds to that: how many dials are **under way**, and how many
//! **begin per second**, to one node and in all. A dial beyond it waits for its turn, in the order of arrival; a node at its
//! bound does not hold up the dials to others. Of those who wait there is a bound as well.
//!
//! It belongs **outside of the connect timeout**, so that waiting does not count as connecting:
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::ServiceBuilder;
//! use tower_redis_cluster::{ConnectionCacheLayer, Connector, DialLimitLayer};
//!
//! let nodes = ServiceBuilder::new()
//!     .layer(ConnectionCacheLayer::new().backoff(Duration::from_millis(50), Duration::from_secs(5)))
//!     .layer(DialLimitLayer::new().rate_per_node(2, 8))
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
//!     .service(Connector::default());
//! # drop(nodes);
//! ```
//!
//! Those who wait for a connection do not wait longer for it than their own deadline: the [cache](crate::cache) dials in
//! tasks of its own, and ends those of nodes that left the cluster, also while they wait here.
//!
//! # What a fleet does to a node
//!
//! For shared connections, the cache's [backoff](crate::ConnectionCacheLayer::backoff) decides. Its pauses are random
//! between zero and `max`, `max / 2` on average, so a client whose dials are refused makes about `2 / max` per second,
//! and the dials of many clients are spread evenly. They come to
//!
//! | clients | `max` | dials per second of a client | to the lost node in all |
//! |--:|--:|--:|--:|
//! | 100 | 500 ms, the default | 4 | 400 |
//! | 5,000 | 500 ms | 4 | 20,000 |
//! | 5,000 | 5 s | 0.4 | 2,000 |
//! | 5,000 | 30 s | 0.07 | 333 |
//!
//! (the first 4 pauses are shorter, or the first 7 with 5 s, since they double from 50 ms). A dial that is
//! refused costs a node some ten microseconds; one that is answered with a TLS handshake about a millisecond, so that
//! 5,000 clients in half a second are more than a node can take. That is what to choose `max` by.
//!
//! This layer bounds what backoff does not see: exclusive connections, which are made without a backoff of their own,
//! several shared connections per node, and a node that completes each handshake and then closes the connection, which is
//! dialled again at once. In `t` seconds a client begins at most `burst + t * per_second` dials to a node, so 5,000 clients
//! with the defaults make, once 160 were used up, no more than 50,000 per second, and with `rate_per_node(2, 8)` 10,000 at
//! most after the first 40,000. **A fleet's numbers are the product of its size**: set both for large ones.
//!
//! # Readiness
//!
//! It is always ready, since the address comes with the call. The inner service's readiness is driven in the response
//! future, and its error is the dial's.

mod bucket;
pub mod future;
mod layer;
mod pacer;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{BoxError, Service};

use self::future::ResponseFuture;
pub use self::layer::DialLimitLayer;
use self::queue::Queue;
use crate::addr::NodeAddr;

/// Bounds connection attempts; see the [module docs](self).
///
/// Clones share the bound.
#[derive(Clone, Debug)]
pub struct DialLimit<M> {
    make: M,
    queue: Arc<Queue>,
}

impl<M> Service<NodeAddr> for DialLimit<M>
where
    M: Service<NodeAddr> + Clone,
    M::Error: Into<BoxError>,
{
    type Response = M::Response;
    type Error = BoxError;
    type Future = ResponseFuture<M>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        let entered = self.queue.enter(&addr);
        ResponseFuture::new(entered, self.make.clone(), addr)
    }
}
