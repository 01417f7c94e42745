//! `redis-tower-cluster`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use redis_tower::commands::{Get, Incr, Set};
use redis_tower::{Command, ConnectionConfig, WithDeadline};
use redis_tower_cluster::{ClusterPipeline, MultiplexedClusterClient};

use super::CONNECT_TIMEOUT;
use crate::peer::{Failure, Peer, Step};

#[derive(Clone)]
pub(crate) struct RedisTower {
    client: MultiplexedClusterClient,
    /// It has no timeout but those of the commands.
    timeout: Option<Duration>,
}

impl RedisTower {
    async fn execute<C: Command>(&self, command: C) -> Result<C::Response, Failure> {
        Ok(match self.timeout {
            None => self.client.execute(command).await?,
            Some(timeout) => {
                let command = WithDeadline::after(command, timeout);
                self.client.execute(command).await?
            }
        })
    }
}

impl Peer for RedisTower {
    type Value = Bytes;

    const CONFIGURATION: &'static str = "One `MultiplexedClusterClient`, cloned for each task, with the defaults; `mget_split` for MGET.";

    const IN_OUTAGES: &'static str = "One `MultiplexedClusterClient`, cloned for each task; each command in a `WithDeadline` \
        of the timeout; connect timeout 1 s; the defaults otherwise.";

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let seed = nodes.first().ok_or("no node")?;
        Ok(Self {
            client: MultiplexedClusterClient::connect(&seed.to_string()).await?,
            timeout: None,
        })
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let seed = nodes.first().ok_or("no node")?;
        let connection = ConnectionConfig::new().with_connect_timeout(Some(CONNECT_TIMEOUT));
        let builder = MultiplexedClusterClient::builder(seed.to_string());
        Ok(Self {
            client: builder.connection_config(connection).connect().await?,
            timeout: Some(timeout),
        })
    }

    async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        self.execute(Get::new(key)).await
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        self.execute(Set::new(key, value)).await?;
        Ok(())
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        self.execute(Incr::new(key)).await
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Bytes>>, Failure> {
        let mut pipeline = ClusterPipeline::new();
        for step in steps {
            pipeline = match step {
                Step::Get(key) => pipeline.push(Get::new(*key)),
                Step::Set(key, value) => pipeline.push(Set::new(*key, value)),
            };
        }
        let mut results = pipeline.execute(&self.client).await?;
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
        Ok(self.client.mget_split(keys).await?)
    }
}
