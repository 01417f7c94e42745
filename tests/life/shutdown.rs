//! A client that is shut down while handles live on.

use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;
use tokio::task::JoinSet;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Delivery, Error, ErrorKind, Target, cmd};

use super::support::local;
use super::{alive_tasks, eventually, key_of};

const LONG: Duration = Duration::from_secs(30);

async fn client(urls: impl IntoIterator<Item: AsRef<str>>) -> Cluster {
    let builder = Cluster::builder(urls).timeout(LONG);
    builder.connect().await.expect("the cluster runs")
}

#[track_caller]
fn assert_refused(result: Result<Option<String>, Error>) {
    let error = result.expect_err("it was shut down");
    assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
}

#[tokio::test]
async fn requests_in_flight_are_done_and_others_refused_and_nothing_is_left() {
    let fake = FakeCluster::start(3).await;
    let before = alive_tasks();
    let cluster = client(fake.urls()).await;
    cluster.set("k", "v").await.expect("it runs");
    for node in fake.nodes() {
        node.stall();
    }
    let mut running = JoinSet::new();
    for n in 0..100 {
        let cluster = cluster.clone();
        running.spawn(async move { cluster.incr(format!("count:{n}")).await });
    }
    let blocked = cluster.clone();
    running.spawn(async move {
        blocked
            .query(cmd("BLPOP").arg("q").arg(0.1).timeout(LONG))
            .await
            .map(|_: Option<String>| 1)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;

    let mut ended = Box::pin(cluster.shutdown(LONG));
    assert_refused(cluster.clone().get("k").await);
    assert!((&mut ended).now_or_never().is_none());
    for node in fake.nodes() {
        node.resume();
    }
    ended.await.expect("all are done");
    for count in running.join_all().await {
        assert_eq!(count.expect("it was in flight"), 1);
    }
    assert_refused(cluster.get("k").await);
    assert_eq!(cluster.metrics().open_connections, 0);
    assert_eq!(cluster.metrics().exclusive_connections, 0);
    eventually("connections are left", || fake.connections_open() == 0).await;
    eventually("tasks are left", || alive_tasks() == before).await;
}

#[tokio::test]
async fn those_who_wait_for_readiness_are_refused() {
    let fake = FakeCluster::start(1).await;
    let builder = Cluster::builder(fake.urls()).timeout(LONG).max_in_flight(1);
    let cluster = builder.connect().await.expect("it runs");
    fake.node(0).stall();
    let mut running = Box::pin(cluster.get::<Option<String>>("k"));
    let mut waiting = Box::pin(cluster.get::<Option<String>>("k"));
    assert!((&mut running).now_or_never().is_none());
    assert!((&mut waiting).now_or_never().is_none());
    let ended = cluster.shutdown(LONG);
    assert_refused(waiting.await);
    fake.node(0).resume();
    let (value, ended) = tokio::join!(running, ended);
    assert_eq!(value.expect("it was in flight"), None);
    ended.expect("all are done");
}

#[tokio::test]
async fn all_calls_wait_for_the_same_and_one_may_give_up() {
    let fake = FakeCluster::start(1).await;
    let cluster = client(fake.urls()).await;
    fake.node(0).stall();
    let mut running = Box::pin(cluster.get::<Option<String>>("k"));
    assert!((&mut running).now_or_never().is_none());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut given_up = Box::pin(cluster.shutdown(LONG));
    assert!((&mut given_up).now_or_never().is_none());
    drop(given_up);
    let clone = cluster.clone();
    let calls = join_all([
        clone.shutdown(LONG),
        cluster.shutdown(Duration::from_millis(100)),
    ]);
    let outcomes = calls.await;
    for outcome in outcomes.into_iter().chain([cluster.shutdown(LONG).await]) {
        let error = outcome.expect_err("one request was cut off");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains(" 1 request"), "{error}");
    }
    let error = running.await.expect_err("it was cut off");
    assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
}

#[tokio::test]
async fn a_lease_is_waited_for_and_cut_off_at_the_deadline() {
    for is_given_back in [true, false] {
        let fake = FakeCluster::start(1).await;
        let cluster = client(fake.urls()).await;
        let lease = cluster.lease(Target::key("k")).await.expect("it runs");
        let own = Cluster::new(lease);
        let deadline = if is_given_back {
            LONG
        } else {
            Duration::from_millis(100)
        };
        let mut ended = Box::pin(cluster.shutdown(deadline));
        assert!((&mut ended).now_or_never().is_none());
        own.set("k", "v").await.expect("the lease goes on");
        if is_given_back {
            drop(own);
            ended.await.expect("all are done");
        } else {
            ended.await.expect_err("the lease was cut off");
            own.set("k", "v").await.expect_err("it is closed");
        }
        eventually("connections are left", || fake.connections_open() == 0).await;
    }
}

/// Each waits for something else: a reply, a reply that may never come, an exclusive connection, a dial.
#[tokio::test]
async fn at_the_deadline_everything_is_cut_off_wherever_it_waits() {
    let fake = FakeCluster::start(3).await;
    let before = alive_tasks();
    let builder = Cluster::builder([fake.node(0).addr().to_string()]);
    let builder = builder.timeout(LONG).connect_timeout(LONG).max_exclusive(1);
    let cluster = builder.connect().await.expect("it runs");
    let [first, second, third] = [0, 1, 2].map(|node| key_of(&fake, node));
    cluster.set(&second, "v").await.expect("it runs");
    fake.node(1).stall();
    fake.node(2).stall();
    let mut running = JoinSet::new();
    for key in [&second, &third] {
        let (cluster, key) = (cluster.clone(), key.clone());
        running.spawn(async move { cluster.get(key).await });
    }
    for _ in 0..2 {
        let (cluster, pop) = (cluster.clone(), cmd("BLPOP").arg(&first).arg(0));
        running.spawn(async move { cluster.query::<Option<String>>(pop).await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;

    let start = Instant::now();
    let ended = cluster.shutdown(Duration::from_millis(300)).await;
    let error = ended.expect_err("the nodes do not answer");
    assert!(error.to_string().contains(" 4 requests"), "{error}");
    let cut_off = tokio::time::timeout(LONG / 2, running.join_all()).await;
    for result in cut_off.expect("they end") {
        let error = result.expect_err("it was cut off");
        assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
    }
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    fake.node(1).resume();
    fake.node(2).resume();
    eventually("connections are left", || fake.connections_open() == 0).await;
    eventually("tasks are left", || alive_tasks() == before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_acknowledged_write_is_lost_and_no_other_applied() {
    const TASKS: usize = 32;
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = client(local.urls()).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            let mut acknowledged = 0;
            loop {
                match cluster.incr(format!("count:{task}")).await {
                    Ok(_) => acknowledged += 1,
                    Err(error) => return (task, acknowledged, error),
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.shutdown(LONG).await.expect("all are done");
    let again = client(local.urls()).await;
    for (task, acknowledged, error) in tasks.join_all().await {
        assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
        assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
        let count: u64 = again.get(format!("count:{task}")).await.expect("it runs");
        assert_eq!(count, acknowledged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_holds_it_up_until_the_deadline_only() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = client(local.urls()).await;
    local.pause(0).expect("the node runs");
    let requests = (0..300).map(|n| {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.incr(format!("count:{n}")).await })
    });
    let requests: Vec<_> = requests.collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let ended = cluster.shutdown(Duration::from_millis(500)).await;
    ended.expect_err("a node hangs");
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let (done, cut_off): (Vec<_>, Vec<_>) = join_all(requests)
        .await
        .into_iter()
        .map(|task| task.expect("no panic"))
        .partition(Result::is_ok);
    assert!(!done.is_empty() && !cut_off.is_empty());
    for result in cut_off {
        let error = result.expect_err("it failed");
        assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
    }
    local.resume(0).expect("the node is there");
}
