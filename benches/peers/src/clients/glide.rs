//! `valkey-glide`, the Rust client over GLIDE's core.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use glide::{
    AsyncCommands, GlideClusterClient, GlideClusterClientConfiguration, NodeAddress, PipelineExt,
    pipe,
};

use super::CONNECT_TIMEOUT;
use crate::peer::{Failure, Peer, Step};

#[derive(Clone)]
pub(crate) struct Glide(GlideClusterClient);

impl Peer for Glide {
    type Value = Bytes;

    const CONFIGURATION: &'static str = "One `GlideClusterClient`, cloned for each task; at most 8,192 requests in flight in \
        place of 1,000, and a request timeout of 10 s in place of 250 ms, so that no request fails for either.";

    const IN_OUTAGES: &'static str = "One `GlideClusterClient`, cloned for each task; `request_timeout` is the timeout, \
        `connection_timeout` 1 s.";

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let config = configuration(nodes)
            .inflight_requests_limit(8192)
            .request_timeout(Duration::from_secs(10));
        Ok(Self(GlideClusterClient::connect(config).await?))
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let config = configuration(nodes)
            .request_timeout(timeout)
            .connection_timeout(CONNECT_TIMEOUT);
        Ok(Self(GlideClusterClient::connect(config).await?))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, &*value).await?)
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        Ok(self.0.incr(key, 1).await?)
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Bytes>>, Failure> {
        let mut pipeline = pipe();
        for step in steps {
            match step {
                Step::Get(key) => pipeline.get(*key),
                Step::Set(key, value) => pipeline.set(*key, &**value).ignore(),
            };
        }
        Ok(pipeline.query_async(&self.0).await?)
    }

    async fn mget(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Failure> {
        Ok(self.0.mget(keys).await?)
    }
}

fn configuration(nodes: &[SocketAddr]) -> GlideClusterClientConfiguration {
    let nodes = nodes
        .iter()
        .map(|node| NodeAddress::new(node.ip().to_string(), node.port()));
    GlideClusterClientConfiguration::new(nodes.collect())
}
