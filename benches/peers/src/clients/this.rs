//! This crate.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tower_redis_cluster::{Cluster, FromValue, Pipeline};

use crate::peer::{Failure, Peer, Step};

#[derive(Clone)]
pub(crate) struct This(Cluster);

impl Peer for This {
    type Value = Bytes;

    const CONFIGURATION: &'static str = "`Cluster::builder(nodes).connect()`: the defaults.";

    const IN_OUTAGES: &'static str =
        "`Cluster::builder(nodes).timeout(timeout).connect()`: the defaults otherwise.";

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        Ok(Self(Cluster::builder(urls(nodes)).connect().await?))
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let builder = Cluster::builder(urls(nodes)).timeout(timeout);
        Ok(Self(builder.connect().await?))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, value).await?)
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        Ok(self.0.incr(key).await?)
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Bytes>>, Failure> {
        let mut pipeline = Pipeline::with_capacity(steps.len());
        for step in steps {
            pipeline = match step {
                Step::Get(key) => pipeline.get(key),
                Step::Set(key, value) => pipeline.set(key, value),
            };
        }
        let mut found = Vec::with_capacity(steps.len());
        let results = self.0.pipeline_each(pipeline).await?;
        for (step, result) in steps.iter().zip(results) {
            let value = result?;
            if matches!(step, Step::Get(_)) {
                found.push(Option::from_value(value)?);
            }
        }
        Ok(found)
    }

    async fn mget(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Failure> {
        Ok(self.0.mget(keys).await?)
    }
}

fn urls(nodes: &[SocketAddr]) -> impl Iterator<Item = String> {
    nodes.iter().map(|node| format!("redis://{node}"))
}
