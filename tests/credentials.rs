//! Credentials and permissions on real servers: what is renewed, and what is refused.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower_redis_cluster::connect::{
    Credentials, CredentialsChanged, CredentialsFuture, CredentialsProvider,
};
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, Delivery, Error, ErrorKind, NodeAddr, Pipeline, Value, cmd,
};

mod support;

/// Tells what was sent last.
struct Told(watch::Receiver<Credentials>);

impl CredentialsProvider for Told {
    fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
        let credentials = self.0.borrow().clone();
        Box::pin(async { Ok(Some(credentials)) })
    }

    fn changed(&self) -> Option<CredentialsChanged> {
        let mut credentials = self.0.clone();
        credentials.mark_unchanged();
        Some(Box::pin(async move {
            let _ = credentials.changed().await;
        }))
    }
}

/// Has every node do this.
async fn everywhere(local: &LocalCluster, command: Command) {
    for node in 0..local.addrs().count() {
        let done: Result<Value, Error> = local.query(node, command.clone()).await;
        done.expect("the node does it");
    }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn connections_follow_credentials_and_nobody_notices() {
    let Some(local) = support::local(3, 0).await else {
        return;
    };
    let user = |rule: &str| cmd("ACL").arg("SETUSER").arg("app").arg(rule);
    for rule in ["on", "~*", "&*", "+@all", ">one"] {
        everywhere(&local, user(rule)).await;
    }
    let (teller, told) = watch::channel(Credentials::new("app", "one"));
    let config = ConnectConfig::new().credentials(Told(told));
    let cluster = Cluster::builder(local.urls())
        .timeout(Duration::from_secs(10))
        .connect_config(config);
    let cluster = cluster.connect().await.expect("let in");
    let stop = watch::Sender::new(false);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let (cluster, stop) = (cluster.clone(), stop.subscribe());
        tasks.spawn(async move {
            let mut count = 0_u64;
            while !*stop.borrow() {
                let key = format!("{task}:{}", count % 100);
                let echo: String = cluster.query(cmd("ECHO").arg(&key)).await.expect("let in");
                assert_eq!(echo, key);
                cluster.set(&key, count).await.expect("let in");
                assert_eq!(cluster.get::<u64>(&key).await.expect("let in"), count);
                count += 1;
            }
            count
        });
    }
    for round in 0..3 {
        let password = format!("new-{round}");
        everywhere(&local, user(&format!(">{password}"))).await;
        let before = cluster.metrics().reauthentications;
        let _ = teller.send_replace(Credentials::new("app", &password));
        until("all three connections are renewed", async || {
            cluster.metrics().reauthentications >= before + 3
        })
        .await;
    }
    stop.send_replace(true);
    let counts = tasks.join_all().await;
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
    assert_eq!(cluster.metrics().dials_started, 3);
    assert_eq!(cluster.metrics().reauthentications_failed, 0);

    // What the server refuses changes nothing.
    let _ = teller.send_replace(Credentials::new("app", "wrong"));
    until("a refusal is noticed", async || {
        cluster.metrics().reauthentications_failed >= 3
    })
    .await;
    cluster.set("k", 1).await.expect("still let in");

    // Nobody is let in any more, and the connections are closed; and let in again.
    everywhere(&local, cmd("ACL").arg("DELUSER").arg("app")).await;
    let error = cluster.set("k", 1).await.expect_err("nobody of this name");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.is_permission_denied());
    assert_eq!(error.attempts(), 1, "{error}");
    for rule in ["on", "~*", "&*", "+@all", ">wrong"] {
        everywhere(&local, user(rule)).await;
    }
    until("the client is let in again", async || {
        cluster.set("k", 1).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn what_is_not_permitted_is_said_in_the_server_s_words_and_not_tried_again() {
    let Some(local) = support::local(3, 0).await else {
        return;
    };
    for rule in [
        "on",
        ">pw",
        "~ours:*",
        "+@all",
        "-set",
        "-mget",
        "-flushall",
    ] {
        let user = cmd("ACL").arg("SETUSER").arg("app");
        everywhere(&local, user.arg(rule)).await;
    }
    let config = ConnectConfig::new().credentials(Credentials::new("app", "pw"));
    let cluster = Cluster::builder(local.urls())
        .timeout(Duration::from_secs(10))
        .connect_config(config);
    let cluster = cluster.connect().await.expect("let in");
    let denied = [
        cmd("SET").arg("ours:1").arg("v"),
        cmd("GET").arg("theirs:1"),
        cmd("GET").arg("theirs:1").idempotent(),
        cmd("MGET").arg("ours:1").arg("ours:2").arg("ours:3"),
        cmd("FLUSHALL"),
        Command::transaction([cmd("INCR").arg("ours:1"), cmd("SET").arg("ours:1").arg("v")]),
    ];
    for command in denied {
        let what = format!("{command:?}");
        let error = cluster.query::<Value>(command).await.expect_err("denied");
        assert!(error.is_permission_denied(), "{what}: {error}");
        assert!(error.to_string().contains("NOPERM"), "{what}: {error}");
        assert_eq!(error.delivery(), Delivery::NotApplied, "{what}: {error}");
    }
    let pipeline = Pipeline::new()
        .set("ours:1", "v")
        .incr("ours:2")
        .get("theirs:1");
    let result: Result<((), i64, Option<String>), _> = cluster.pipeline(pipeline).await;
    let error = result.expect_err("two of three are denied");
    assert!(error.is_permission_denied(), "{error}");
    assert_eq!(cluster.get::<i64>("ours:2").await.expect("permitted"), 1);

    let script = cmd("EVAL").arg("return redis.call('SET', KEYS[1], '1')");
    let error = cluster.query::<Value>(script.arg(1).arg("ours:4")).await;
    let error = error.expect_err("denied within the script");
    // The words differ by version.
    let words = ["can't run", "permission"];
    let text = error.to_string();
    assert!(words.iter().any(|word| text.contains(word)), "{text}");

    let metrics = cluster.metrics();
    assert_eq!((metrics.retries, metrics.retries_withheld), (0, 0));
    assert_eq!(metrics.dials_started, 3);
}
