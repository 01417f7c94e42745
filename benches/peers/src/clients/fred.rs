//! `fred`.

use std::net::SocketAddr;

use bytes::Bytes;
use fred::prelude::*;
use fred::types::RespVersion;
use fred::types::config::{ServerConfig, TcpConfig};

use crate::peer::{Failure, Peer, Request, Step};

#[derive(Clone)]
pub(crate) struct Fred(Client);

impl Peer for Fred {
    type Value = Bytes;

    const CONFIGURATION: &'static str =
        "One `Client`, cloned for each task; RESP3; `TCP_NODELAY` on, as its front page shows it.";

    fn unsupported(request: Request) -> Option<&'static str> {
        matches!(request, Request::Mget(_)).then_some(
            "all keys of an MGET must be in one slot, as its docs of `group_by_hash_slot` say",
        )
    }

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let nodes = nodes
            .iter()
            .map(|node| (node.ip().to_string(), node.port()));
        let config = Config {
            server: ServerConfig::new_clustered(nodes.collect()),
            version: RespVersion::RESP3,
            ..Config::default()
        };
        let client = Builder::from_config(config)
            .with_connection_config(|config| {
                config.tcp = TcpConfig {
                    nodelay: Some(true),
                    ..TcpConfig::default()
                };
            })
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
