//! Numbered databases: on a cluster in the process, and on real servers that have them or do not.

mod support;

use std::error::Error as _;
use std::path::Path;

use tower_redis_cluster::testing::{FakeCluster, LocalCluster};
use tower_redis_cluster::{Cluster, ConnectConfig, Delivery, Error, ErrorKind, cmd};

/// A client of each of the databases 0 to 2 finds its own values and no other's.
async fn keeps_apart(urls: &[String]) {
    let mut clusters = Vec::new();
    for database in 0..3 {
        let urls = urls.iter().map(|url| format!("{url}/{database}"));
        let cluster = Cluster::builder(urls).connect().await;
        clusters.push(cluster.expect("the database is there"));
    }
    // In all slots, hence over connections to all nodes.
    let keys = || (0..100).map(|number| format!("key:{number}"));
    for (database, cluster) in clusters.iter().enumerate() {
        for key in keys() {
            let set = cmd("SET").arg(&key).arg(database).arg("GET");
            let old: Option<usize> = cluster.query(set).await.expect("SET");
            assert_eq!(old, None, "{key} {database}");
        }
    }
    for (database, cluster) in clusters.iter().enumerate() {
        for key in keys() {
            let value: usize = cluster.get(&key).await.expect("GET");
            assert_eq!(value, database, "{key}");
        }
    }
}

#[tokio::test]
async fn every_connection_selects_the_database() {
    let fake = FakeCluster::builder().databases(3).start().await;
    let fake = fake.expect("it starts");
    keeps_apart(&fake.urls()).await;

    // A connection made later, too.
    let cluster = Cluster::connect(format!("{}/2", fake.url())).await;
    let cluster = cluster.expect("the database is there");
    for node in fake.nodes() {
        node.kill_connections();
    }
    let value: usize = cluster.get("key:1").await.expect("a connection is made");
    assert_eq!(value, 2);
}

/// Checks what a client is told of a database that the servers do not have.
fn is_told_what_to_do(error: &Error) {
    assert_eq!(error.delivery(), Delivery::NotSent);
    // A deadline that passed in between has the reason for its source.
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(text.contains("refused to select database 7"), "{text}");
    assert!(text.contains("cluster-databases"), "{text}");
}

#[tokio::test]
async fn a_database_that_the_servers_lack_is_an_error_that_says_what_to_do() {
    for databases in [1, 3] {
        let fake = FakeCluster::builder().databases(databases).start().await;
        let fake = fake.expect("it starts");
        let connected = Cluster::connect(format!("{}/7", fake.url())).await;
        is_told_what_to_do(&connected.expect_err("there is no such database"));

        let config = ConnectConfig::new().database(7);
        let cluster = Cluster::builder(fake.urls()).connect_config(config).build();
        let cluster = cluster.expect("not connected yet");
        let get = cluster.get::<Option<String>>("k").await;
        is_told_what_to_do(&get.expect_err("there is no such database"));
    }
}

#[tokio::test]
async fn urls_of_different_databases_are_refused() {
    let cluster = Cluster::builder(["redis://10.0.0.1/1", "redis://10.0.0.2/2"]).build();
    let error = cluster.map(drop).expect_err("one client has one database");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("differ in the database"),
        "{error}"
    );
}

/// The major version, if this is Valkey.
fn valkey(server: &Path) -> Option<u32> {
    let output = std::process::Command::new(server).arg("--version").output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let version = text.split_once("v=").filter(|_| text.contains("alkey"))?.1;
    version.split('.').next()?.parse().ok()
}

#[tokio::test]
async fn real_servers_keep_databases_apart_or_say_that_they_have_one() {
    let Some(server) = LocalCluster::find_server() else {
        println!("skipped: there is no server program");
        return;
    };
    if valkey(&server) >= Some(9) {
        let local = LocalCluster::builder(server).option("--cluster-databases", "3");
        let local = local.start().await.expect("a cluster of local servers");
        keeps_apart(&local.urls()).await;
        moves_between_databases(&local).await;
        let connected = Cluster::connect(format!("{}/7", local.url())).await;
        is_told_what_to_do(&connected.expect_err("there is no such database"));
    } else {
        let local = support::local(1, 0).await.expect("a server");
        let connected = Cluster::connect(format!("{}/7", local.url())).await;
        is_told_what_to_do(&connected.expect_err("there is no such database"));
    }
}

/// What [`ConnectConfig::database`] says of commands that name another database.
async fn moves_between_databases(local: &LocalCluster) {
    let first = Cluster::connect(format!("{}/1", local.url())).await;
    let second = Cluster::connect(format!("{}/2", local.url())).await;
    let (first, second) = (first.expect("it runs"), second.expect("it runs"));
    first.set("moved", "x").await.expect("SET");
    let moved: bool = first
        .query(cmd("MOVE").arg("moved").arg(2))
        .await
        .expect("MOVE");
    assert!(moved);
    assert_eq!(second.get::<String>("moved").await.expect("GET"), "x");
    let copy = cmd("COPY").arg(["moved", "moved", "DB", "1"]);
    assert!(second.query::<bool>(copy).await.expect("COPY"));
    assert_eq!(first.get::<String>("moved").await.expect("GET"), "x");
}
