//! Servers that lie about the cluster or talk without end, against a whole stack, without sockets and with time paused.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, ErrorKind, NodeAddr,
    RetryLayer, RetryPolicy, RouteLayer, ServerError, Slot, TimeoutLayer, Value, cmd,
};

/// Which addresses were dialled.
type Dialled = Arc<Mutex<HashSet<NodeAddr>>>;

/// The default stack over pipes, below a route as it is made of the usual one.
fn client(
    fake: &FakeCluster,
    route: impl FnOnce(RouteLayer) -> RouteLayer,
) -> (
    Cluster<
        impl Service<Command, Response = Value, Error: Send + Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    >,
    Dialled,
) {
    let counters = Counters::new();
    let dialled = Dialled::default();
    let route = route(RouteLayer::from_addrs(fake.addrs()).counters(counters.clone()));
    let cache = ConnectionCacheLayer::new()
        .retain_only(route.nodes())
        .counters(counters.clone());
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        .layer(route)
        .layer(cache)
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(1)))
        .map_request({
            let dialled = Arc::clone(&dialled);
            move |addr: NodeAddr| {
                dialled.lock().expect("no panic").insert(addr.clone());
                addr
            }
        })
        .service(fake.connector(ConnectConfig::default()));
    (Cluster::new(stack).with_counters(counters), dialled)
}

fn only_here(route: RouteLayer) -> RouteLayer {
    route.allow_addrs(|addr| addr.host() == "127.0.0.1")
}

fn node(host: &str, port: i64) -> Value {
    Value::Array(vec![
        Value::BulkString(host.to_owned().into()),
        Value::Integer(port),
    ])
}

fn range(from: i64, to: i64, nodes: impl IntoIterator<Item = Value>) -> Value {
    let slots = [Value::Integer(from), Value::Integer(to)];
    Value::Array(slots.into_iter().chain(nodes).collect())
}

/// Has all nodes say this of the cluster, as often as they are asked.
fn lie(fake: &FakeCluster, view: &Value) {
    for node in fake.nodes() {
        node.answer("CLUSTER SLOTS", view.clone(), usize::MAX);
    }
}

fn lies() -> Vec<(&'static str, Value)> {
    let foreign = |slot: i64| node(&format!("203.0.113.{}", slot % 256), 1 + slot % 65_535);
    let each = |view: &dyn Fn(i64) -> Value| Value::Array((0..4096).map(view).collect());
    vec![
        (
            "thousands of shards",
            each(&|n| range(4 * n, 4 * n + 3, [foreign(n)])),
        ),
        (
            "one node of another",
            Value::Array(vec![range(0, 16_383, [foreign(1)])]),
        ),
        (
            "ports that are none",
            each(&|slot| range(slot, slot, [node("127.0.0.1", 65_536 + slot)])),
        ),
        (
            "every slot twice",
            each(&|_| range(0, 16_383, [foreign(1)])),
        ),
        (
            "nodes without number",
            Value::Array(vec![range(0, 16_383, (0..40_000).map(foreign))]),
        ),
        (
            "more entries than slots",
            Value::Array(vec![Value::Nil; 20_000]),
        ),
        ("nothing", Value::Array(vec![])),
        (
            "an error without end",
            Value::Error(ServerError::new(vec![b'x'; 1024 * 1024])),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_lie_about_the_cluster_ends_with_it() {
    let fake = FakeCluster::start(3).await;
    for (what, view) in lies() {
        let (cluster, _) = client(&fake, |route| {
            route.refresh_interval(Duration::from_secs(2))
        });
        cluster.set("k", 1).await.expect(what);
        lie(&fake, &view);
        for _ in 0..5 {
            let start = Instant::now();
            if let Err(error) = cluster.set("k", 1).await {
                assert!(error.to_string().len() < 4096, "{what}");
            }
            assert!(start.elapsed() <= Duration::from_millis(2050), "{what}");
            sleep(Duration::from_secs(1)).await;
        }
        fake.heal();
        sleep(Duration::from_secs(20)).await;
        for key in 0..20 {
            cluster.set(key, key).await.expect(what);
        }
        assert_eq!(cluster.metrics().open_connections, 3, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_not_allowed_are_never_dialled() {
    let fake = FakeCluster::start(3).await;
    for (what, view) in lies() {
        let (cluster, dialled) = client(&fake, |route| {
            only_here(route).refresh_interval(Duration::from_secs(2))
        });
        cluster.set("k", 1).await.expect(what);
        lie(&fake, &view);
        for _ in 0..5 {
            cluster.set("k", 1).await.expect(what);
            sleep(Duration::from_secs(2)).await;
        }
        fake.heal();
        let dialled = dialled.lock().expect("no panic");
        assert!(
            dialled.iter().all(|addr| addr.host() == "127.0.0.1"),
            "{what}: {dialled:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_to_addresses_that_are_not_allowed_are_errors_that_say_so() {
    let fake = FakeCluster::start(3).await;
    let slot = Slot::of("k").number();
    let (cluster, dialled) = client(&fake, only_here);
    cluster.set("k", 1).await.expect("it serves");
    for kind in ["MOVED", "ASK"] {
        let redirect = ServerError::new(format!("{kind} {slot} 203.0.113.9:6379"));
        for node in fake.nodes() {
            node.answer("GET", Value::Error(redirect.clone()), usize::MAX);
        }
        let error = cluster.get::<u64>("k").await.expect_err("it leads away");
        assert_eq!(error.kind(), ErrorKind::Topology, "{error}");
        assert!(error.to_string().contains("is not allowed"), "{error}");
        assert!(error.attempts() <= 4, "{error}");
        fake.heal();
    }
    let dialled = dialled.lock().expect("no panic");
    assert!(dialled.iter().all(|addr| addr.host() == "127.0.0.1"));
}

#[tokio::test(start_paused = true)]
async fn redirects_to_ever_new_addresses_leave_no_trace() {
    let fake = FakeCluster::start(3).await;
    let slot = Slot::of("k").number();
    let (cluster, dialled) = client(&fake, |route| route);
    cluster.set("k", 1).await.expect("it serves");
    let owner = fake.owner(Slot::of("k")).expect("served");
    for n in 0..200 {
        let kind = if n % 2 == 0 { "MOVED" } else { "ASK" };
        let redirect = ServerError::new(format!("{kind} {slot} 203.0.113.9:{}", 1000 + n));
        fake.node(owner).answer("GET", Value::Error(redirect), 1);
        let _ = cluster.get::<u64>("k").await;
    }
    assert!(dialled.lock().expect("no panic").len() > 50);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(cluster.get::<u64>("k").await.expect("it serves"), 1);
    assert!(cluster.metrics().open_connections <= 3);
}

#[tokio::test(start_paused = true)]
async fn talk_without_end_is_an_error_before_long() {
    let fake = FakeCluster::start(1).await;
    let (cluster, _) = client(&fake, |route| route);
    cluster.set("k", 1).await.expect("it serves");
    for (name, talk) in [
        ("HELLO", b">1\r\n+x\r\n".repeat(10_000)),
        ("HELLO", b"+x\r\n".repeat(10_000)),
        ("HELLO", vec![b'+'; 1024 * 1024]),
        ("CLIENT", b">1\r\n+x\r\n".repeat(10_000)),
        ("CLIENT", b"+OK\r\n".repeat(10_000)),
        ("GET", b"+OK\r\n".repeat(10_000)),
        ("GET", b"|1\r\n+a\r\n+b\r\n".repeat(10_000)),
        ("GET", vec![b'-'; 1024 * 1024]),
        (
            "GET",
            [&b"$?\r\n"[..], &b";1\r\na\r\n".repeat(20_000)].concat(),
        ),
        ("CLUSTER", b"*16384\r\n".repeat(10_000)),
    ] {
        let node = fake.node(0);
        if name != "GET" {
            node.kill_connections();
        }
        node.answer_bytes(name, talk, usize::MAX);
        for _ in 0..2 {
            let start = Instant::now();
            let reply = cluster.send(cmd("GET").arg("k")).await;
            assert!(start.elapsed() <= Duration::from_millis(2050), "{name}");
            let is_right = reply.is_err_and(|error| error.kind() != ErrorKind::Other);
            assert!(is_right || name == "CLUSTER" || name == "GET", "{name}");
        }
        fake.heal();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(cluster.get::<u64>("k").await.expect("healed"), 1, "{name}");
    }
}
