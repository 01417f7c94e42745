//! `redis-tower-cluster`.

use std::net::SocketAddr;

use bytes::Bytes;
use redis_tower::commands::{Get, Set};
use redis_tower_cluster::{ClusterPipeline, MultiplexedClusterClient};

use crate::peer::{Failure, Peer, Step};

#[derive(Clone)]
pub(crate) struct RedisTower(MultiplexedClusterClient);

impl Peer for RedisTower {
    type Value = Bytes;

    const CONFIGURATION: &'static str = "One `MultiplexedClusterClient`, cloned for each task, with the defaults; `mget_split` for MGET.";

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let seed = nodes.first().ok_or("no node")?;
        Ok(Self(
            MultiplexedClusterClient::connect(&seed.to_string()).await?,
        ))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.execute(Get::new(key)).await?)
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        self.0.execute(Set::new(key, value)).await?;
        Ok(())
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Bytes>>, Failure> {
        let mut pipeline = ClusterPipeline::new();
        for step in steps {
            pipeline = match step {
                Step::Get(key) => pipeline.push(Get::new(*key)),
                Step::Set(key, value) => pipeline.push(Set::new(*key, value)),
            };
        }
        let mut results = pipeline.execute(&self.0).await?;
        let mut found = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Get(_) => found.push(results.take(index)?),
                Step::Set(..) => {
                    results.get::<Option<Bytes>>(index)?;
                }
            }
        }
        Ok(found)
    }

    async fn mget(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Failure> {
        Ok(self.0.mget_split(keys).await?)
    }
}
