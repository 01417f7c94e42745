//! `redis` 1.x, its asynchronous cluster connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use redis1::cluster::ClusterClientBuilder;
use redis1::cluster_async::ClusterConnection;
use redis1::io::tcp::TcpSettings;
use redis1::{AsyncCommands, ProtocolVersion};

use super::CONNECT_TIMEOUT;
use crate::peer::{Failure, Peer, Request, Step};

#[derive(Clone)]
pub(crate) struct Redis1(ClusterConnection);

impl Peer for Redis1 {
    type Value = Vec<u8>;

    const CONFIGURATION: &'static str = "One `ClusterConnection`, cloned for each task; RESP3; `TCP_NODELAY` on, \
        which is not its default but that of 2.0; response timeout 10 s in place of 500 ms, so that no request fails for it.";

    const IN_OUTAGES: &'static str = "One `ClusterConnection`, cloned for each task; RESP3; `TCP_NODELAY` on; \
        `response_timeout` is the timeout, which bounds each attempt and, by default, all of them together; \
        `connection_timeout` 1 s, and 16 retries, which are its defaults.";

    fn unsupported(request: Request) -> Option<&'static str> {
        matches!(request, Request::Pipeline(_))
            .then_some("all keys of a pipeline must be in one slot")
    }

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let builder = builder(nodes).response_timeout(Duration::from_secs(10));
        Ok(Self(builder.build()?.get_async_connection().await?))
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let builder = builder(nodes)
            .response_timeout(timeout)
            .connection_timeout(CONNECT_TIMEOUT);
        Ok(Self(builder.build()?.get_async_connection().await?))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, &*value).await?)
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        Ok(self.0.incr(key, 1).await?)
    }

    async fn pipeline(&mut self, _steps: &[Step<'_>]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        Err("not supported".into())
    }

    async fn mget(&mut self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        Ok(self.0.mget(keys).await?)
    }
}

fn builder(nodes: &[SocketAddr]) -> ClusterClientBuilder {
    ClusterClientBuilder::new(nodes.iter().map(|node| format!("redis://{node}")))
        .use_protocol(ProtocolVersion::RESP3)
        .tcp_settings(TcpSettings::default().set_nodelay(true))
}
