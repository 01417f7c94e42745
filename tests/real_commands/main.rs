//! The typed commands of the newer groups on a real cluster, in both protocols: the replies are what the methods take
//! them for. What a server does not have yet is left out.

#[path = "../support/mod.rs"]
mod support;

mod bitmaps;
mod collections;
mod geo;
mod keyspace;
mod stream_groups;
mod streams;
mod vectors;

use support::local;
use tower_redis_cluster::connect::Protocol;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, ConnectConfig, Value, cmd};

#[tokio::test]
async fn every_reply_is_what_its_method_takes_it_for() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let cluster = Cluster::builder(local.urls())
            .connect_config(ConnectConfig::new().protocol(protocol))
            .connect()
            .await
            .expect("the cluster runs");
        let server = Server { cluster, protocol };
        streams::replies(&server).await;
        stream_groups::replies(&server).await;
        geo::replies(&server).await;
        bitmaps::replies(&server).await;
        collections::replies(&server).await;
        vectors::replies(&server).await;
        keyspace::replies(&server).await;
    }
}

#[tokio::test]
async fn keys_go_to_another_database_where_there_are_several() {
    let Some(server) = LocalCluster::find_server() else {
        println!("skipped: no server program");
        return;
    };
    let builder = LocalCluster::builder(server).primaries(1).replicas(0);
    // Older servers refuse the option, and do not start.
    let Ok(local) = builder.option("--cluster-databases", "2").start().await else {
        println!("skipped: one database in a cluster");
        return;
    };
    let cluster = Cluster::connect(local.url())
        .await
        .expect("the cluster runs");
    cluster.set("k", "v").await.unwrap();
    assert!(cluster.copy_to_database("k", "k", 1).await.unwrap());
    assert!(!cluster.copy_to_database("k", "k", 1).await.unwrap());
    assert!(!cluster.move_to_database("k", 1).await.unwrap());
    cluster.rename("k", "l{k}").await.unwrap();
    assert!(cluster.move_to_database("l{k}", 1).await.unwrap());
    assert!(!cluster.exists("l{k}").await.unwrap());
}

/// A cluster in one of the protocols.
struct Server {
    cluster: Cluster,
    protocol: Protocol,
}

impl Server {
    /// A key that no other protocol uses; all are in one slot.
    fn key(&self, name: &str) -> String {
        format!("{{{:?}}}:{name}", self.protocol)
    }

    /// True if the servers have this command. Options have no entry of their own: ask for a command that came with
    /// them.
    async fn has(&self, name: &str) -> bool {
        let info = cmd("COMMAND").arg(("INFO", name));
        let info: Vec<Value> = self.cluster.query(info).await.expect("COMMAND INFO");
        let has = !info[0].is_nil();
        if !has {
            println!("skipped: no {name}");
        }
        has
    }
}
