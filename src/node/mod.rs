//! The node seam: layers around each connection.
//!
//! What stands between the connection cache and the connector sees connections being made. [`NodeLayer`] wraps
//! what is made: each connection once, when it is made, and the wrapped one is what the cache keeps. A layer
//! put there sees everything that goes to one node over one connection, and its state lives as long as that.
//!
//! State that must outlive a connection belongs in a layer built per address with [`NodeLayer::from_fn`] around state
//! that is kept elsewhere. A [`BreakerLayer`](crate::BreakerLayer) is such: it keeps a breaker for each node.
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower::limit::ConcurrencyLimitLayer;
//! use tower_redis_cluster::{ConnectionCacheLayer, NodeAddr, NodeLayer};
//!
//! # fn stack<C>(connector: C)
//! # where
//! #     C: tower::Service<NodeAddr>,
//! # {
//! ServiceBuilder::new()
//!     .layer(ConnectionCacheLayer::new())
//!     // At most 1024 commands in flight on each connection: this layer makes a semaphore per wrapped service.
//!     // A `GlobalConcurrencyLimitLayer` would be one limit for all nodes together.
//!     .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1024)))
//!     // Built from the address: replicas on the far side get less.
//!     .layer(NodeLayer::from_fn(|addr: &NodeAddr| {
//!         ConcurrencyLimitLayer::new(if addr.host().starts_with("10.0.") { 512 } else { 64 })
//!     }))
//!     .service(connector)
//! # ;
//! # }
//! ```

pub mod future;
mod layer;

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use self::future::ResponseFuture;
pub use self::layer::{ForNode, FromFn, NodeLayer, PerAddr, Same, WrapNode};
use crate::addr::NodeAddr;

/// Wraps each service `M` makes in a layer; see the [module docs](self).
#[derive(Debug)]
pub struct PerNode<M, W> {
    make: M,
    wrap: Arc<W>,
}

impl<M, W> PerNode<M, W> {
    fn new(make: M, wrap: Arc<W>) -> Self {
        Self { make, wrap }
    }
}

impl<M, W> Service<NodeAddr> for PerNode<M, W>
where
    M: Service<NodeAddr>,
    W: WrapNode<M::Response>,
{
    type Response = W::Service;
    type Error = M::Error;
    type Future = ResponseFuture<M::Future, W>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.make.poll_ready(cx)
    }

    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        let making = self.make.call(addr.clone());
        ResponseFuture::new(making, addr, Arc::clone(&self.wrap))
    }
}

/// The clone is as ready as a clone of the inner service is: usually not.
impl<M: Clone, W> Clone for PerNode<M, W> {
    fn clone(&self) -> Self {
        Self {
            make: self.make.clone(),
            wrap: Arc::clone(&self.wrap),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_ok};
    use tower::limit::ConcurrencyLimitLayer;
    use tower::util::MapRequestLayer;
    use tower_test::mock::{self, Mock};

    use super::*;

    type Connection = Mock<String, String>;

    fn addr(port: u16) -> NodeAddr {
        NodeAddr::new("node", port)
    }

    #[tokio::test]
    async fn each_connection_gets_a_limit_of_its_own() {
        let layer = NodeLayer::new(ConcurrencyLimitLayer::new(1));
        let (mut make, mut dials) = mock::spawn_layer::<NodeAddr, Connection, _>(layer);
        let mut nodes = Vec::new();
        let mut peers = Vec::new();
        for port in [1, 2] {
            assert_ready_ok!(make.poll_ready());
            let making = make.call(addr(port));
            let (_, answer) = dials.next_request().await.expect("dial");
            let (connection, peer) = mock::pair();
            answer.send_response(connection);
            peers.push(peer);
            nodes.push(mock::Spawn::new(making.await.expect("made")));
        }
        assert_ready_ok!(nodes[0].poll_ready());
        let _reply = nodes[0].call("PING".to_owned());
        assert_pending!(nodes[0].poll_ready());
        assert_ready_ok!(nodes[1].poll_ready());
    }

    #[tokio::test]
    async fn a_layer_is_built_from_the_address_of_each_connection() {
        let layer = NodeLayer::from_fn(|addr: &NodeAddr| {
            let port = addr.port();
            MapRequestLayer::new(move |request: &str| format!("{port} {request}"))
        });
        let (mut make, mut dials) = mock::spawn_layer::<NodeAddr, Connection, _>(layer);
        for port in [1, 2] {
            assert_ready_ok!(make.poll_ready());
            let making = make.call(addr(port));
            let (_, answer) = dials.next_request().await.expect("dial");
            let (connection, mut commands) = mock::pair();
            answer.send_response(connection);
            let mut node = mock::Spawn::new(making.await.expect("made"));
            assert_ready_ok!(node.poll_ready());
            let _reply = node.call("PING");
            let (command, _) = commands.next_request().await.expect("command");
            assert_eq!(command, format!("{port} PING"));
        }
    }

    #[tokio::test]
    async fn readiness_and_errors_are_those_of_the_connector() {
        let layer = NodeLayer::new(ConcurrencyLimitLayer::new(1));
        let (mut make, mut dials) = mock::spawn_layer::<NodeAddr, Connection, _>(layer);
        dials.allow(0);
        assert_pending!(make.poll_ready());
        dials.allow(1);
        assert!(make.is_woken());
        assert_ready_ok!(make.poll_ready());
        let making = make.call(addr(1));
        let (_, answer) = dials.next_request().await.expect("dial");
        answer.send_error("refused");
        assert_eq!(making.await.expect_err("refused").to_string(), "refused");
    }
}
