//! Several connections per node, over real sockets.

mod support;

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use tower::{Service, ServiceExt};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, ErrorKind, Pipeline, Target, cmd};

use self::support::{Load, assert_no_errors, local, reshard};

const CONNECTIONS: usize = 4;

async fn connect(fake: &FakeCluster) -> Cluster {
    let builder = Cluster::builder(fake.urls()).timeout(Duration::from_secs(10));
    let cluster = builder.connections_per_node(CONNECTIONS).connect().await;
    cluster.expect("the servers run")
}

/// Sends commands of many slots until each node has all its connections.
async fn connect_all(fake: &FakeCluster, cluster: &Cluster) {
    let all = CONNECTIONS * fake.nodes().len();
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while fake.connections_open() < all || cluster.metrics().open_connections < all as u64 {
            // These are sent again where a connection turns out to be lost.
            let gets = (0..100).map(|n| cluster.get::<Option<usize>>(format!("key:{n}")));
            try_join_all(gets).await.expect("the servers run");
        }
    });
    patience.await.expect("all connections are made");
}

#[tokio::test]
async fn each_node_has_so_many_connections_and_keeps_them() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    connect_all(&fake, &cluster).await;
    let sets = (0..100).map(|n| cluster.set(format!("key:{n}"), n));
    try_join_all(sets).await.expect("the servers run");
    for _ in 0..10 {
        let gets = (0..100).map(|n| cluster.get::<usize>(format!("key:{n}")));
        let values = try_join_all(gets).await.expect("the servers run");
        assert!(values.into_iter().eq(0..100));
    }
    assert_eq!(fake.connections_accepted(), 12);
    let metrics = cluster.metrics();
    assert_eq!((metrics.open_connections, metrics.dials_started), (12, 12));
}

#[tokio::test]
async fn lost_connections_are_made_anew_each_once() {
    let fake = FakeCluster::start(3).await;
    let cluster = connect(&fake).await;
    connect_all(&fake, &cluster).await;
    for node in fake.nodes() {
        node.kill_connections();
    }
    connect_all(&fake, &cluster).await;
    assert_eq!(fake.connections_accepted(), 24);
    assert_eq!(cluster.metrics().open_connections, 12);
}

#[tokio::test]
async fn commands_of_one_key_are_applied_in_the_order_of_the_calls() {
    let fake = FakeCluster::start(1).await;
    let cluster = connect(&fake).await;
    connect_all(&fake, &cluster).await;
    let pushes = (0..2000).map(|n| {
        let (cluster, list) = (&cluster, format!("list:{}", n % 20));
        async move { cluster.rpush(list, n).await }
    });
    for pushed in join_all(pushes).await {
        pushed.expect("the server runs");
    }
    for list in 0..20 {
        let list = cluster.lrange(format!("list:{list}"), ..).await;
        let list: Vec<usize> = list.expect("the server runs");
        assert_eq!(list.len(), 100);
        assert!(list.is_sorted(), "{list:?}");
    }
}

#[tokio::test]
async fn a_pipeline_is_applied_in_its_order_whatever_its_keys() {
    let fake = FakeCluster::start(1).await;
    let cluster = connect(&fake).await;
    connect_all(&fake, &cluster).await;
    let names = ["SET", "INCR", "GET", "DEL", "PING", "EXISTS"];
    let pipeline: Pipeline = (0..600)
        .map(|n| {
            let name = names[n % names.len()];
            let command = cmd(name);
            match name {
                "PING" => command,
                "SET" => command.arg(n).arg(n),
                _ => command.arg(n),
            }
        })
        .collect();
    let results = cluster.pipeline_each(pipeline).await.expect("it is sent");
    assert_eq!(results.len(), 600);
    let recorded = fake.node(0).recorded();
    let recorded = &recorded[recorded.len() - 600..];
    assert!(
        recorded
            .iter()
            .zip(names.iter().cycle())
            .all(|(a, b)| a == b)
    );
}

#[tokio::test]
async fn the_lanes_are_still_one_per_node() {
    let fake = FakeCluster::start(1).await;
    let builder = Cluster::builder(fake.urls()).connections_per_node(CONNECTIONS);
    let cluster = builder.max_exclusive(2).connect().await;
    let cluster = cluster.expect("the server runs");
    connect_all(&fake, &cluster).await;
    let blocked = (0..20).map(|n| {
        let pop = cmd("BLPOP").arg(format!("queue:{n}")).arg(0.05);
        cluster.query::<()>(pop.timeout(Duration::from_secs(10)))
    });
    for popped in join_all(blocked).await {
        popped.expect("nothing came");
    }
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_dials_started, metrics.open_connections),
        (2, 4)
    );
}

#[tokio::test]
async fn what_is_about_one_connection_is_refused_and_possible_over_a_lease() {
    let fake = FakeCluster::start(1).await;
    let cluster = connect(&fake).await;
    let wait = || cmd("WAIT").arg(0).arg(100);
    let error = cluster.query::<i64>(wait()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert!(error.to_string().contains("lease"), "{error}");
    let lease = cluster.lease(Target::AnyPrimary).await;
    let mut lease = lease.expect("the server runs");
    let lease = lease.ready().await.expect("it is leased");
    let waited = lease.call(wait()).await;
    waited.expect("its writes are its own");
    let one = Cluster::connect(fake.url()).await.expect("the server runs");
    let waited = one.query::<i64>(wait()).await;
    waited.expect("one has all writes");
}

#[tokio::test]
async fn none_is_too_few() {
    let builder = Cluster::builder(["redis://127.0.0.1:1"]).connections_per_node(0);
    let error = builder.build().expect_err("nothing could be sent");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("connections_per_node"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_and_connections_are_lost_under_load() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let urls = (0..3).map(|node| format!("redis://{}", local.addr(node)));
    let builder = Cluster::builder(urls).timeout(Duration::from_secs(10));
    let cluster = builder.connections_per_node(CONNECTIONS).connect().await;
    let cluster = cluster.expect("the servers run");
    let load = Load::start(&cluster, 32);
    load.progress(2000).await;
    assert_eq!(cluster.metrics().open_connections, 12);
    reshard(&local, 0, 1, 300).await;
    load.progress(2000).await;
    assert_no_errors(&load.stop().await);

    let flush = cluster.query::<()>(cmd("FLUSHALL")).await;
    flush.expect("the servers run");
    let load = Load::start(&cluster, 32);
    for node in 0..3 {
        load.progress(1000).await;
        let kill = cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal");
        let killed: usize = local.query(node, kill).await.expect("the server runs");
        assert!(killed >= CONNECTIONS, "{killed}");
    }
    load.progress(2000).await;
    // What was lost may have been applied; the load's counters have shown that nothing else is amiss.
    let outcome = load.stop().await;
    for error in &outcome.errors {
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    }
    assert_eq!(cluster.metrics().open_connections, 12);
}
