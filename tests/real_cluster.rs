//! The main job, on a real cluster of three primaries with a replica each: typed commands of every group, in all
//! slots, in both protocols, with and without a password.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use support::local;
use tower_redis_cluster::cluster::commands::{Insert, SetOptions};
use tower_redis_cluster::connect::Protocol;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, ConnectConfig, ErrorKind, Target, cmd};

#[tokio::test]
async fn every_group_of_commands_does_its_job_in_both_protocols() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let cluster = Cluster::builder(local.urls())
            .connect_config(ConnectConfig::new().protocol(protocol))
            .connect()
            .await
            .expect("the cluster runs");
        let tag = format!("{{{protocol:?}}}");
        strings(&cluster, &tag).await;
        keys(&cluster, &tag).await;
        collections(&cluster, &tag).await;
        mistakes(&cluster, &tag).await;
    }
}

async fn strings(cluster: &Cluster, tag: &str) {
    let key = format!("{tag}:s");
    cluster.set(&key, "Ann").await.expect("SET");
    assert_eq!(cluster.get::<String>(&key).await.expect("GET"), "Ann");
    assert_eq!(cluster.append(&key, "a").await.expect("APPEND"), 4);
    assert_eq!(
        cluster
            .getdel::<Option<String>>(&key)
            .await
            .expect("GETDEL")
            .as_deref(),
        Some("Anna")
    );
    assert_eq!(
        cluster.get::<Option<String>>(&key).await.expect("GET"),
        None
    );

    let binary = Bytes::from((0..=255).collect::<Vec<u8>>());
    cluster.set(&key, binary.clone()).await.expect("SET");
    assert_eq!(cluster.get::<Bytes>(&key).await.expect("GET"), binary);
    let large = vec![b'x'; 3 * 1024 * 1024];
    cluster
        .set(&key, large.clone())
        .await
        .expect("SET of 3 MiB");
    assert!(cluster.get::<Vec<u8>>(&key).await.expect("GET of 3 MiB") == large);

    let counter = format!("{tag}:n");
    assert_eq!(cluster.incr(&counter).await.expect("INCR"), 1);
    assert_eq!(cluster.decrby(&counter, 3).await.expect("DECRBY"), -2);
    assert_eq!(
        cluster
            .incrbyfloat(&counter, 0.5)
            .await
            .expect("INCRBYFLOAT"),
        -1.5
    );

    let absent = SetOptions::new()
        .only_if_absent()
        .expires_in(Duration::from_secs(60));
    let once = format!("{tag}:once");
    assert!(
        cluster
            .set_with(&once, 1, absent.clone())
            .await
            .expect("SET NX")
    );
    assert!(!cluster.set_with(&once, 2, absent).await.expect("SET NX"));

    let pairs = [(format!("{tag}:a"), 1), (format!("{tag}:b"), 2)];
    cluster.mset(&pairs).await.expect("MSET");
    let (a, b, none): (i32, i32, Option<i32>) = cluster
        .mget([
            format!("{tag}:a"),
            format!("{tag}:b"),
            format!("{tag}:none"),
        ])
        .await
        .expect("MGET");
    assert_eq!((a, b, none), (1, 2, None));
}

async fn keys(cluster: &Cluster, tag: &str) {
    let key = format!("{tag}:k");
    cluster.set(&key, 1).await.expect("SET");
    assert!(cluster.exists(&key).await.expect("EXISTS"));
    assert!(
        cluster
            .expire(&key, Duration::from_secs(60))
            .await
            .expect("EXPIRE")
    );
    let left: i64 = cluster.query(cmd("PTTL").arg(&key)).await.expect("PTTL");
    assert!((59_000..=60_000).contains(&left), "{left}");
    assert!(cluster.persist(&key).await.expect("PERSIST"));
    cluster
        .rename(&key, format!("{tag}:k2"))
        .await
        .expect("RENAME");
    assert_eq!(
        cluster.del([key, format!("{tag}:k2")]).await.expect("DEL"),
        1
    );
}

async fn collections(cluster: &Cluster, tag: &str) {
    let hash = format!("{tag}:h");
    assert_eq!(
        cluster
            .hset(&hash, [("name", "Ann"), ("age", "41")])
            .await
            .expect("HSET"),
        2
    );
    let all: HashMap<String, String> = cluster.hgetall(&hash).await.expect("HGETALL");
    assert_eq!((all.len(), all["age"].as_str()), (2, "41"));
    assert_eq!(
        cluster.hdel(&hash, ["name", "none"]).await.expect("HDEL"),
        1
    );

    let list = format!("{tag}:l");
    assert_eq!(
        cluster.rpush(&list, ["a", "b", "d"]).await.expect("RPUSH"),
        3
    );
    let insert = cluster.linsert(&list, Insert::Before("d"), "c").await;
    insert.expect("LINSERT");
    let items: Vec<String> = cluster.lrange(&list, ..).await.expect("LRANGE");
    assert_eq!(items.concat(), "abcd");
    assert_eq!(
        cluster
            .lpop::<Option<String>>(&list)
            .await
            .expect("LPOP")
            .as_deref(),
        Some("a")
    );

    let set = format!("{tag}:set");
    assert_eq!(cluster.sadd(&set, [3, 1, 2, 1]).await.expect("SADD"), 3);
    let members: BTreeSet<i32> = cluster.smembers(&set).await.expect("SMEMBERS");
    assert_eq!(Vec::from_iter(members), [1, 2, 3]);
    assert!(cluster.sismember(&set, 2).await.expect("SISMEMBER"));

    let sorted = format!("{tag}:z");
    assert_eq!(
        cluster
            .zadd(&sorted, [(2.5, "b"), (1.0, "a")])
            .await
            .expect("ZADD"),
        2
    );
    assert_eq!(
        cluster.zscore(&sorted, "b").await.expect("ZSCORE"),
        Some(2.5)
    );
    assert_eq!(cluster.zrank(&sorted, "b").await.expect("ZRANK"), Some(1));
    let popped: Option<(String, f64)> = cluster.zpopmin(&sorted).await.expect("ZPOPMIN");
    assert_eq!(popped, Some(("a".into(), 1.0)));
}

async fn mistakes(cluster: &Cluster, tag: &str) {
    let key = format!("{tag}:text");
    cluster.set(&key, "text").await.expect("SET");
    let error = cluster.incr(&key).await.expect_err("no number");
    assert_eq!(
        (error.kind(), error.command()),
        (ErrorKind::Server, Some("INCR"))
    );
    let error = cluster.lpush(&key, 1).await.expect_err("no list");
    assert_eq!(
        error.server_error().map(|error| error.code()),
        Some("WRONGTYPE")
    );
    let error = cluster.get::<u64>(&key).await.expect_err("no number");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    assert!(!error.to_string().contains("text"), "{error}");
    let error = cluster
        .sunion::<Vec<String>>(["a", "b"])
        .await
        .expect_err("two slots");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert!(
        error.to_string().contains("15495") && error.to_string().contains("3300"),
        "{error}"
    );
    let error = cluster.send(cmd("INFO")).await.expect_err("of which node?");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    let error = cluster.send(cmd("")).await.expect_err("no command");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    let error = cluster
        .send(cmd("NONSENSE").arg(1))
        .await
        .expect_err("no command");
    assert_eq!(error.kind(), ErrorKind::Server);
}

#[tokio::test]
async fn commands_reach_the_primary_of_their_slot() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = Cluster::connect(local.url())
        .await
        .expect("the cluster runs");
    for key in 0..1000 {
        cluster.set(key, key).await.expect("SET");
    }
    for key in 0..1000 {
        assert_eq!(cluster.get::<i32>(key).await.expect("GET"), key);
    }
    let mut sizes = Vec::new();
    for addr in local.addrs().take(3) {
        let size = cmd("DBSIZE").target(Target::Node(addr));
        sizes.push(cluster.query::<usize>(size).await.expect("DBSIZE"));
    }
    assert_eq!(sizes.iter().sum::<usize>(), 1000);
    assert!(sizes.iter().all(|size| *size > 250), "{sizes:?}");
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.dials_started, metrics.redirects_moved),
        (3, 0),
        "{metrics:?}"
    );
}

#[tokio::test]
async fn passwords_are_asked_for_and_given() {
    let Some(server) = LocalCluster::find_server() else {
        return;
    };
    let local = LocalCluster::builder(server)
        .primaries(1)
        .start()
        .await
        .expect("a cluster of local servers");
    let addr = local.addr(0);
    let rules = cmd("ACL").arg(("SETUSER", "ann", "on", ">s3cret", "~*", "+@all"));
    local.query::<()>(0, rules).await.expect("ACL SETUSER");
    let require = cmd("CONFIG").arg(("SET", "requirepass", "pass word"));
    local.query::<()>(0, require).await.expect("CONFIG SET");

    for url in [
        format!("redis://:pass%20word@{addr}"),
        format!("valkey://ann:s3cret@{addr}"),
    ] {
        let cluster = Cluster::connect(url).await.expect("the password is right");
        cluster.set("k", "v").await.expect("SET");
    }
    for url in [
        format!("redis://{addr}"),
        format!("redis://ann:wr0ng@{addr}"),
    ] {
        let error = Cluster::connect(url)
            .await
            .expect_err("the password is wrong");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("wr0ng"), "{text}");
        assert_eq!(error.kind(), ErrorKind::Authentication, "{text}");
    }
}

#[tokio::test]
async fn a_cluster_that_cannot_be_found_says_why() {
    let refused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = refused.local_addr().expect("a port");
    drop(refused);
    let error = Cluster::connect(addr.to_string())
        .await
        .expect_err("nobody listens");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    for url in [
        "http://10.0.0.1",
        "redis://",
        "10.0.0.1:0",
        "redis://10.0.0.1/seven",
    ] {
        let error = Cluster::connect(url).await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}: {error}");
    }
}
