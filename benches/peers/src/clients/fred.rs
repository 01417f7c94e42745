//! `fred`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fred::prelude::*;
use fred::types::RespVersion;
use fred::types::config::{ReconnectPolicy, ServerConfig, TcpConfig, UnresponsiveConfig};

use super::CONNECT_TIMEOUT;
use crate::peer::{Failure, Peer, Request, Step};

#[derive(Clone)]
pub(crate) struct Fred(Client);

impl Peer for Fred {
    type Value = Bytes;

    const CONFIGURATION: &'static str =
        "One `Client`, cloned for each task; RESP3; `TCP_NODELAY` on, as its front page shows it.";

    const IN_OUTAGES: &'static str = "One `Client`, cloned for each task; RESP3; `TCP_NODELAY` on; `default_command_timeout` \
        is the timeout, and so is the `max_timeout` of `UnresponsiveConfig`, checked four times as often; \
        `connection_timeout` and `internal_command_timeout` 1 s; the exponential `ReconnectPolicy` of its examples, 100 ms to \
        30 s, without which it does not reconnect.";

    fn unsupported(request: Request) -> Option<&'static str> {
        matches!(request, Request::Mget(_)).then_some(
            "all keys of an MGET must be in one slot, as its docs of `group_by_hash_slot` say",
        )
    }

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let client = builder(nodes).build()?;
        client.init().await?;
        Ok(Self(client))
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let client = builder(nodes)
            .with_connection_config(|config| {
                config.connection_timeout = CONNECT_TIMEOUT;
                config.internal_command_timeout = CONNECT_TIMEOUT;
                config.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(timeout),
                    interval: timeout / 4,
                };
            })
            .with_performance_config(|config| config.default_command_timeout = timeout)
            .set_policy(ReconnectPolicy::new_exponential(0, 100, 30_000, 2))
            .build()?;
        client.init().await?;
        Ok(Self(client))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, value, None, None, false).await?)
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        Ok(self.0.incr(key).await?)
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Bytes>>, Failure> {
        let pipeline = self.0.pipeline();
        for step in steps {
            match step {
                Step::Get(key) => pipeline.get::<(), _>(*key).await?,
                Step::Set(key, value) => {
                    pipeline
                        .set::<(), _, _>(*key, value.clone(), None, None, false)
                        .await?;
                }
            }
        }
        let mut found = Vec::with_capacity(steps.len());
        for (step, result) in steps.iter().zip(pipeline.try_all::<Value>().await) {
            let value = result?;
            if matches!(step, Step::Get(_)) {
                found.push(value.convert()?);
            }
        }
        Ok(found)
    }

    async fn mget(&mut self, _keys: &[&str]) -> Result<Vec<Option<Bytes>>, Failure> {
        Err("not supported".into())
    }
}

fn builder(nodes: &[SocketAddr]) -> Builder {
    let nodes = nodes
        .iter()
        .map(|node| (node.ip().to_string(), node.port()));
    let config = Config {
        server: ServerConfig::new_clustered(nodes.collect()),
        version: RespVersion::RESP3,
        ..Config::default()
    };
    let mut builder = Builder::from_config(config);
    builder.with_connection_config(|config| {
        config.tcp = TcpConfig {
            nodelay: Some(true),
            ..TcpConfig::default()
        };
    });
    builder
}
