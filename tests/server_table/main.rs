//! The command table against a real server: the same keys, and no fact that a client could come to harm by.

mod differences;
mod facts;
mod keys;
mod samples;
#[path = "../support/mod.rs"]
mod support;

use tower::{Service, ServiceExt};
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{ConnectConfig, Connection, Connector};

/// The arguments of a command, its name first.
type Line = Vec<String>;

/// A connection to the first node.
async fn connection(local: &LocalCluster) -> Connection {
    let mut connector = Connector::new(ConnectConfig::default());
    let connected = connector.ready().await.expect("always").call(local.addr(0));
    connected.await.expect("the server runs")
}
