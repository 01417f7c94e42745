//! `rustis`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rustis::client::{BatchPreparedCommand, Client, Config, IntoConfig};
use rustis::commands::StringCommands;
use rustis::resp::{BulkString, RefBulkString};

use super::CONNECT_TIMEOUT;
use crate::peer::{Failure, Peer, Step};

#[derive(Clone)]
pub(crate) struct Rustis(Client);

/// A bulk string of its own type.
pub(crate) struct Value(BulkString);

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Peer for Rustis {
    type Value = Value;

    const CONFIGURATION: &'static str = "One multiplexed `Client`, cloned for each task, with the defaults, but without \
        its bound of 16 MiB in flight. Its MGET sends the keys of one slot in the order given, but takes their values for \
        those of the sorted keys (`prepare_command_for_shard`, `RequestInfo::into_reply`): where keys share a slot and are \
        not in the order of their bytes, values come back at wrong places, which counts as errors here.";

    const IN_OUTAGES: &'static str = "One multiplexed `Client`, cloned for each task; `command_timeout` is the timeout, \
        `connect_timeout` 1 s; `retry_on_error` off, its default.";

    async fn connect(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let mut config = config(nodes)?;
        config.backpressure.max_queued_bytes = 0;
        Ok(Self(Client::connect(config).await?))
    }

    async fn connect_within(nodes: &[SocketAddr], timeout: Duration) -> Result<Self, Failure> {
        let mut config = config(nodes)?;
        config.command_timeout = timeout;
        config.connect_timeout = CONNECT_TIMEOUT;
        Ok(Self(Client::connect(config).await?))
    }

    async fn get(&mut self, key: &str) -> Result<Option<Value>, Failure> {
        let found: Option<BulkString> = self.0.get(key).await?;
        Ok(found.map(Value))
    }

    async fn set(&mut self, key: &str, value: Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, RefBulkString::new(&value)).await?)
    }

    async fn incr(&mut self, key: &str) -> Result<i64, Failure> {
        Ok(self.0.incr(key).await?)
    }

    async fn pipeline(&mut self, steps: &[Step<'_>]) -> Result<Vec<Option<Value>>, Failure> {
        let mut pipeline = self.0.create_pipeline();
        pipeline.reserve(steps.len());
        for step in steps {
            match step {
                Step::Get(key) => pipeline.get::<()>(key).queue(),
                Step::Set(key, value) => pipeline.set(key, RefBulkString::new(value)).forget(),
            }
        }
        let found: Vec<Option<BulkString>> = pipeline.execute().await?;
        Ok(found.into_iter().map(|value| value.map(Value)).collect())
    }

    async fn mget(&mut self, keys: &[&str]) -> Result<Vec<Option<Value>>, Failure> {
        let found: Vec<Option<BulkString>> = self.0.mget(keys).await?;
        Ok(found.into_iter().map(|value| value.map(Value)).collect())
    }
}

fn config(nodes: &[SocketAddr]) -> Result<Config, Failure> {
    let nodes: Vec<_> = nodes.iter().map(SocketAddr::to_string).collect();
    Ok(format!("redis+cluster://{}", nodes.join(",")).into_config()?)
}
