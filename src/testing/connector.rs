//! Clients of a [`FakeCluster`], over sockets and without.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::DuplexStream;
use tower::Service;

use super::FakeCluster;
use super::state::Shared;
use crate::addr::NodeAddr;
use crate::cluster::Cluster;
use crate::connect::future::ResponseFuture;
use crate::connect::{self, ConnectConfig};
use crate::connection::{Connection, FailedWrites, Prober};
use crate::error::{Error, ErrorKind};

impl FakeCluster {
    /// The URL of the first node.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addrs()[0])
    }

    /// A client with default settings, over sockets.
    ///
    /// # Errors
    ///
    /// As [`Cluster::connect`]: if all nodes refuse, say.
    pub async fn connect(&self) -> Result<Cluster, Error> {
        Cluster::builder(self.urls()).connect().await
    }

    /// What stands at the bottom of a stack in place of a [`Connector`](crate::Connector), and connects without
    /// sockets. For tests under a paused clock, where nothing must depend on when the kernel delivers.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::ServiceBuilder;
    /// use tower_redis_cluster::testing::FakeCluster;
    /// use tower_redis_cluster::{Cluster, ConnectConfig, ConnectionCacheLayer, Error, RouteLayer, TimeoutLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Error> {
    /// let fake = FakeCluster::start(3).await;
    /// let cluster = Cluster::new(
    ///     ServiceBuilder::new()
    ///         .layer(TimeoutLayer::new(Duration::from_millis(400)))
    ///         .layer(RouteLayer::from_addrs(fake.addrs()))
    ///         .layer(ConnectionCacheLayer::new())
    ///         .service(fake.connector(ConnectConfig::default())),
    /// );
    /// cluster.set("k", "v").await?;
    ///
    /// for node in fake.nodes() {
    ///     node.stall();
    /// }
    /// let error = cluster.get::<String>("k").await.expect_err("nobody answers");
    /// assert!(error.is_timeout());
    /// # Ok(())
    /// # }
    /// ```
    pub fn connector(&self, config: ConnectConfig) -> FakeConnector {
        FakeConnector {
            shared: Arc::clone(&self.shared),
            config: Arc::new(config),
        }
    }
}

/// Connects to the nodes of a [`FakeCluster`] without sockets; see [`FakeCluster::connector`].
#[derive(Clone)]
pub struct FakeConnector {
    shared: Arc<Shared>,
    config: Arc<ConnectConfig>,
}

impl Service<NodeAddr> for FakeConnector {
    type Response = Connection;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, addr: NodeAddr) -> ResponseFuture {
        let stream = self.open(&addr);
        let config = Arc::clone(&self.config);
        let prober = self.prober(addr.clone());
        ResponseFuture::new(async move {
            connect::handshake_with(
                stream?,
                FailedWrites::WriteNothing,
                addr,
                &config,
                Some(prober),
            )
            .await
        })
    }
}

impl FakeConnector {
    fn open(&self, addr: &NodeAddr) -> Result<DuplexStream, Error> {
        self.shared.duplex(addr).map_err(|error| {
            Error::not_sent(ErrorKind::Connect, "could not connect")
                .with_source(error)
                .with_node(addr.clone())
        })
    }

    /// As sockets have it, for connections that fall silent.
    fn prober(&self, addr: NodeAddr) -> Prober {
        let this = self.clone();
        Prober::new(move || {
            let stream = this.open(&addr);
            let (addr, config) = (addr.clone(), Arc::clone(&this.config));
            async move {
                let connected = connect::handshake_io(stream?, addr, &config).await;
                connected.map(drop)
            }
        })
    }
}

impl fmt::Debug for FakeConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeConnector").finish_non_exhaustive()
    }
}
