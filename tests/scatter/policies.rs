//! Commands for all nodes, compared with what the nodes say when they are asked one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, Command, ErrorKind, FromValue, Target, cmd};

use crate::support::local;

const PRIMARIES: usize = 3;
const NODES: usize = 6;

/// What each of the first `nodes` nodes says. Primaries come first.
async fn by_hand<T: FromValue>(local: &LocalCluster, nodes: usize, command: Command) -> Vec<T> {
    let mut replies = Vec::new();
    for node in 0..nodes {
        let reply = local.query(node, command.clone()).await;
        replies.push(reply.expect("the node answers"));
    }
    replies
}

async fn query<T: FromValue>(cluster: &Cluster, command: Command) -> T {
    let name = command.name();
    let result = cluster.query(command).await;
    result.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_for_all_nodes_do_what_their_policies_promise() {
    let Some(local) = local(PRIMARIES, 1).await else {
        return;
    };
    let cluster = connect(&local).await;
    keyspace(&local, &cluster).await;
    scripts(&local, &cluster).await;
    functions(&local, &cluster).await;
    subscribers(&local, &cluster).await;
    replication(&cluster).await;
    settings(&local, &cluster).await;
    one_by_one(&local, &cluster).await;
    refusals(&cluster).await;
    flush(&local, &cluster).await;
}

/// A client that knows of all nodes: servers do not name a replica before it has copied something.
async fn connect(local: &LocalCluster) -> Cluster {
    for _ in 0..300 {
        let cluster = Cluster::connect(local.url()).await;
        let cluster = cluster.expect("the cluster runs");
        let topology = cluster.topology().await.expect("known");
        if topology.nodes().count() == NODES {
            return cluster;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the replicas do not show");
}

async fn keyspace(local: &LocalCluster, cluster: &Cluster) {
    let none: Option<String> = query(cluster, cmd("RANDOMKEY")).await;
    assert_eq!(none, None, "no keys yet");
    let keys: BTreeSet<_> = (0..300).map(|number| format!("key:{number}")).collect();
    let pairs: Vec<_> = keys.iter().map(|key| (key, 1)).collect();
    cluster.mset(pairs).await.expect("MSET");

    let sizes: Vec<u64> = by_hand(local, PRIMARIES, cmd("DBSIZE")).await;
    assert!(
        sizes.iter().all(|size| *size > 0),
        "each has a part: {sizes:?}"
    );
    let size: u64 = query(cluster, cmd("DBSIZE")).await;
    assert_eq!(size, sizes.iter().sum::<u64>());
    assert_eq!(size, 300);

    let found: Vec<String> = query(cluster, cmd("KEYS").arg("*")).await;
    assert_eq!(found.len(), keys.len(), "each once");
    assert_eq!(BTreeSet::from_iter(found), keys);

    let mut nodes = BTreeSet::new();
    let topology = cluster.topology().await.expect("a topology");
    for _ in 0..60 {
        let key: String = query(cluster, cmd("RANDOMKEY")).await;
        assert!(keys.contains(&key));
        let primary = topology.primary(tower_redis_cluster::Slot::of(&key));
        nodes.insert(primary.expect("served").clone());
    }
    assert_eq!(nodes.len(), PRIMARIES, "any key can be found");

    let random: Vec<_> = keys.iter().take(10).collect();
    assert_eq!(cluster.touch(&random).await.expect("TOUCH"), 10);
    assert_eq!(cluster.unlink(&random).await.expect("UNLINK"), 10);
    assert_eq!(cluster.exists_count(&keys).await.expect("EXISTS"), 290);
}

async fn scripts(local: &LocalCluster, cluster: &Cluster) {
    let load = |body: &str| cmd("SCRIPT").arg(("LOAD", body));
    let exists = |shas: &[&str]| cmd("SCRIPT").arg("EXISTS").arg(shas);
    let sha: String = query(cluster, load("return 1")).await;
    let each: Vec<Vec<u32>> = by_hand(local, NODES, exists(&[&sha])).await;
    assert_eq!(each, vec![vec![1]; NODES], "replicas too");

    // A script that one primary has is not one that the cluster has.
    let lone: String = local.query(0, load("return 2")).await.expect("SCRIPT LOAD");
    let all: Vec<u32> = query(cluster, exists(&[&sha, &lone])).await;
    assert_eq!(all, [1, 0]);

    let killed = cluster.send(cmd("SCRIPT").arg("KILL")).await;
    let error = killed.expect_err("none runs");
    let code = error.server_error().map(|error| error.code().to_owned());
    assert_eq!(code.as_deref(), Some("NOTBUSY"));

    query::<()>(cluster, cmd("SCRIPT").arg("FLUSH")).await;
    let each: Vec<Vec<u32>> = by_hand(local, NODES, exists(&[&sha])).await;
    assert_eq!(each, vec![vec![0]; NODES]);
}

async fn functions(local: &LocalCluster, cluster: &Cluster) {
    let Ok(_) = local
        .query::<tower_redis_cluster::Value>(0, cmd("FUNCTION").arg("LIST"))
        .await
    else {
        return; // Servers from 7.0 on have functions.
    };
    let library = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";
    let name: String = query(cluster, cmd("FUNCTION").arg(("LOAD", library))).await;
    assert_eq!(name, "lib");
    let each: Vec<Vec<tower_redis_cluster::Value>> =
        by_hand(local, PRIMARIES, cmd("FUNCTION").arg("LIST")).await;
    assert!(each.iter().all(|libraries| libraries.len() == 1));

    let again = cluster.send(cmd("FUNCTION").arg(("LOAD", library))).await;
    let error = again.expect_err("it is there already");
    let partial = error.partial().expect("each node refused");
    assert_eq!(partial.done().count(), 0);
    assert_eq!(
        partial.not_done().count() + partial.unknown().count(),
        PRIMARIES
    );
    query::<()>(cluster, cmd("FUNCTION").arg(("DELETE", "lib"))).await;
}

/// A client that subscribes, on a connection of its own.
async fn subscribe(local: &LocalCluster, node: usize, command: &str) -> TcpStream {
    let addr = local.addr(node);
    let stream = TcpStream::connect((addr.host(), addr.port())).await;
    let mut stream = stream.expect("the node accepts");
    let line = format!("{command}\r\n");
    stream.write_all(line.as_bytes()).await.expect("written");
    let mut reply = [0; 1];
    stream.read_exact(&mut reply).await.expect("subscribed");
    assert_eq!(&reply, b"*", "{command}");
    stream
}

async fn subscribers(local: &LocalCluster, cluster: &Cluster) {
    let _subscribers = [
        subscribe(local, 0, "SUBSCRIBE news").await,
        subscribe(local, 1, "SUBSCRIBE news weather").await,
        subscribe(local, 5, "SUBSCRIBE news").await,
        subscribe(local, 2, "PSUBSCRIBE n*").await,
        subscribe(local, 3, "PSUBSCRIBE w*").await,
    ];
    let numsub = || cmd("PUBSUB").arg(("NUMSUB", "news", "weather", "none"));
    let each: Vec<BTreeMap<String, u64>> = by_hand(local, NODES, numsub()).await;
    let mut sums = BTreeMap::new();
    for (channel, count) in each.into_iter().flatten() {
        *sums.entry(channel).or_default() += count;
    }
    assert_eq!(sums["news"], 3);
    let counts: BTreeMap<String, u64> = query(cluster, numsub()).await;
    assert_eq!(counts, sums);

    let channels: Vec<String> = query(cluster, cmd("PUBSUB").arg("CHANNELS")).await;
    assert_eq!(channels.len(), 2, "each once");
    assert_eq!(
        BTreeSet::from_iter(channels),
        BTreeSet::from(["news".into(), "weather".into()])
    );
    let patterns: Vec<u64> = by_hand(local, NODES, cmd("PUBSUB").arg("NUMPAT")).await;
    let sum: u64 = query(cluster, cmd("PUBSUB").arg("NUMPAT")).await;
    assert_eq!(sum, patterns.iter().sum::<u64>());
    assert_eq!(sum, 2);
}

async fn replication(cluster: &Cluster) {
    let pairs: Vec<_> = (0..300)
        .map(|number| (format!("wait:{number}"), 1))
        .collect();
    cluster.mset(pairs).await.expect("MSET");
    let wait = |replicas: u32, time: u32| cmd("WAIT").arg((replicas, time));
    let replicas: u64 = query(cluster, wait(1, 5000)).await;
    assert_eq!(replicas, 1, "each primary has one");
    let start = std::time::Instant::now();
    let replicas: u64 = query(cluster, wait(2, 200)).await;
    assert_eq!(replicas, 1, "no primary has two");
    assert!(
        start.elapsed() >= Duration::from_millis(150),
        "it waited for the second"
    );
}

async fn settings(local: &LocalCluster, cluster: &Cluster) {
    let set = cmd("CONFIG").arg(("SET", "slowlog-log-slower-than", 0));
    query::<()>(cluster, set).await;
    let get = || cmd("CONFIG").arg(("GET", "slowlog-log-slower-than"));
    let each: Vec<BTreeMap<String, i64>> = by_hand(local, NODES, get()).await;
    assert!(
        each.iter()
            .all(|settings| settings["slowlog-log-slower-than"] == 0)
    );
    let set = cmd("CONFIG").arg(("SET", "slowlog-log-slower-than", -1));
    query::<()>(cluster, set).await;
    let lengths: Vec<u64> = by_hand(local, NODES, cmd("SLOWLOG").arg("LEN")).await;
    let sum: u64 = query(cluster, cmd("SLOWLOG").arg("LEN")).await;
    assert_eq!(sum, lengths.iter().sum::<u64>());
    assert!(sum > 0);
    query::<()>(cluster, cmd("SLOWLOG").arg("RESET")).await;
    let sum: u64 = query(cluster, cmd("SLOWLOG").arg("LEN")).await;
    assert_eq!(sum, 0);
}

async fn one_by_one(local: &LocalCluster, cluster: &Cluster) {
    let info = cmd("INFO").arg("replication");
    let replies = cluster
        .query_each_node::<String>(info, Target::AllNodes)
        .await;
    let replies = replies.expect("the topology is known");
    assert_eq!(replies.len(), NODES);
    for (addr, info) in replies {
        let node = local.index_of(&addr).expect("a node of the cluster");
        let role = if node < PRIMARIES {
            "role:master"
        } else {
            "role:slave"
        };
        assert!(info.expect("it answers").contains(role), "{addr}");
    }
    let sizes = cluster
        .query_each_node::<u64>(cmd("DBSIZE"), Target::AllPrimaries)
        .await;
    for (addr, size) in sizes.expect("the topology is known") {
        let node = local.index_of(&addr).expect("a node of the cluster");
        let by_hand: u64 = local.query(node, cmd("DBSIZE")).await.expect("it answers");
        assert_eq!(size.expect("it answers"), by_hand);
    }
    // An error reply is that node's alone.
    let get = cmd("GET").arg("key:200");
    let replies = cluster
        .query_each_node::<u8>(get, Target::AllPrimaries)
        .await;
    let replies = replies.expect("the topology is known");
    let (done, moved): (Vec<_>, Vec<_>) = replies.into_iter().partition(|(_, reply)| reply.is_ok());
    assert_eq!((done.len(), moved.len()), (1, 2));
    let wrong = cluster
        .query_each_node::<u8>(cmd("DBSIZE"), Target::AnyPrimary)
        .await;
    assert_eq!(
        wrong.expect_err("not several").kind(),
        ErrorKind::InvalidCommand
    );
}

async fn refusals(cluster: &Cluster) {
    for command in [
        cmd("INFO"),
        cmd("SCAN").arg(0),
        cmd("CLIENT").arg(("SETNAME", "me")),
        cmd("MSETNX").arg(("a", 1, "b", 2)),
        cmd("RENAME").arg(("a", "b")),
        cmd("SUNIONSTORE").arg(("a", "b", "c")),
        cmd("CONFIG").arg(("GET", "maxmemory")),
    ] {
        let name = command.name();
        let error = cluster.send(command).await.expect_err(&name);
        assert_eq!(error.kind(), ErrorKind::InvalidCommand, "{name}: {error}");
    }
    let stored = cmd("SUNIONSTORE").arg(("sum", "a", "b"));
    let text = cluster
        .send(stored)
        .await
        .expect_err("different slots")
        .to_string();
    assert!(
        text.contains("\"sum\" in slot") && text.contains("hash tag"),
        "{text}"
    );
}

async fn flush(local: &LocalCluster, cluster: &Cluster) {
    query::<()>(cluster, cmd("FLUSHALL")).await;
    let sizes: Vec<u64> = by_hand(local, PRIMARIES, cmd("DBSIZE")).await;
    assert_eq!(sizes, [0; PRIMARIES]);
}
