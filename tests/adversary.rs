//! Everything that can go wrong, on purpose: nodes that lie, connections that are cut, callers that leave. Without
//! sockets and with time paused.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, Delivery, InFlightLimitLayer,
    NodeAddr, RetryLayer, RetryPolicy, RouteLayer, ServerError, Slot, TimeoutLayer, TraceLayer,
    Value, cmd,
};

trait Stack:
    Service<Command, Response = Value, Error: Send + Into<BoxError>, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Stack for S
where
    S: Service<Command, Response = Value> + Clone + Send + Sync + 'static,
    S::Error: Send + Into<BoxError>,
    S::Future: Send,
{
}

/// The default stack over pipes.
fn client(fake: &FakeCluster, timeout: Duration) -> Cluster<impl Stack> {
    client_with(fake, timeout, |addr| addr)
}

/// The default stack over pipes, which reaches each address at another one.
fn client_with(
    fake: &FakeCluster,
    timeout: Duration,
    reach: impl Fn(NodeAddr) -> NodeAddr + Clone + Send + Sync + 'static,
) -> Cluster<impl Stack> {
    let counters = Counters::new();
    let route = RouteLayer::from_addrs(fake.addrs()).counters(counters.clone());
    let cache = ConnectionCacheLayer::new()
        .retain_only(route.nodes())
        .counters(counters.clone());
    let stack = ServiceBuilder::new()
        .layer(InFlightLimitLayer::new(1024))
        .layer(TraceLayer::new())
        .layer(TimeoutLayer::new(timeout).counters(counters.clone()))
        .layer(RetryLayer::new(
            RetryPolicy::new(3).counters(counters.clone()),
        ))
        .layer(route)
        .layer(cache)
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .map_request(reach)
        .service(fake.connector(ConnectConfig::default()));
    Cluster::new(stack)
        .with_ready_timeout(timeout)
        .with_counters(counters)
}

/// After whatever happened: the client answers, on one connection per node, and counts them right.
async fn assert_recovered(fake: &FakeCluster, cluster: &Cluster<impl Stack>) {
    for key in 0..100 {
        cluster.set(key, key).await.expect("all nodes are back");
    }
    sleep(Duration::from_secs(10)).await;
    let open = fake.connections_open();
    assert!(open <= fake.nodes().len(), "{open} connections are open");
    assert_eq!(cluster.metrics().open_connections, open as u64);
}

#[tokio::test(start_paused = true)]
async fn increments_are_applied_once_however_connections_end() {
    for seed in 0..2 {
        fastrand::seed(seed);
        let fake = FakeCluster::start(3).await;
        let cluster = client(&fake, Duration::from_secs(1));
        let end = Instant::now() + Duration::from_secs(5);
        let mut tasks = JoinSet::new();
        for task in 0..30 {
            let cluster = cluster.clone();
            tasks.spawn(async move {
                let (mut acknowledged, mut unknown) = (0, 0);
                while Instant::now() < end {
                    let start = Instant::now();
                    match cluster.incr(format!("n:{task}")).await {
                        Ok(_) => acknowledged += 1,
                        Err(error) if error.delivery() == Delivery::Unknown => unknown += 1,
                        Err(_) => {}
                    }
                    let took = start.elapsed();
                    assert!(took <= Duration::from_millis(1050), "{took:?}");
                    sleep(Duration::from_millis(fastrand::u64(0..20))).await;
                }
                (task, acknowledged, unknown)
            });
        }
        while Instant::now() < end {
            let node = fake.node(fastrand::usize(..3));
            match fastrand::u8(..8) {
                0 => node.kill_connections(),
                1 => node.drop_after(0),
                2 => node.drop_after(fastrand::usize(..500)),
                3 => node.stall(),
                4 => node.refuse_connections(true),
                5 => node.delay(Duration::from_millis(fastrand::u64(..100))),
                6 => node.answer("INCR", Value::Error(ServerError::new("TRYAGAIN x")), 5),
                _ => node.heal(),
            }
            sleep(Duration::from_millis(fastrand::u64(..100))).await;
        }
        fake.heal();
        let mut sum = 0;
        for (task, acknowledged, unknown) in tasks.join_all().await {
            let value: Option<u64> = cluster.get(format!("n:{task}")).await.expect("healed");
            let value = value.unwrap_or_default();
            sum += acknowledged;
            assert!(
                (acknowledged..=acknowledged + unknown).contains(&value),
                "seed {seed}: {acknowledged} acknowledged, {unknown} unknown, {value} applied"
            );
        }
        assert!(sum > 500, "{sum}");
        assert_recovered(&fake, &cluster).await;
    }
}

#[tokio::test(start_paused = true)]
async fn flapping_costs_no_more_connections_than_nodes() {
    let fake = FakeCluster::start(3).await;
    let cluster = client(&fake, Duration::from_secs(1));
    let end = Instant::now() + Duration::from_secs(10);
    let mut tasks = JoinSet::new();
    for task in 0..50 {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            while Instant::now() < end {
                let _ = cluster.set(task, 1).await;
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    let mut is_up = true;
    while Instant::now() < end {
        is_up = !is_up;
        for node in fake.nodes() {
            node.refuse_connections(!is_up);
            if !is_up {
                node.kill_connections();
            }
        }
        sleep(Duration::from_millis(100)).await;
        assert!(
            fake.connections_open() <= 3 + 3,
            "{}",
            fake.connections_open()
        );
    }
    fake.heal();
    tasks.join_all().await;
    // 50 times up.
    assert!(
        fake.connections_accepted() <= 3 * 52,
        "{}",
        fake.connections_accepted()
    );
    let metrics = cluster.metrics();
    assert!(metrics.dials_started < 3 * 52 * 6, "{metrics:?}");
    assert_recovered(&fake, &cluster).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_without_end_end_by_the_deadline_and_are_named() {
    let fake = FakeCluster::start(3).await;
    let slot = Slot::of("k");
    let owner = fake.owner(slot).expect("served");
    let other = (owner + 1) % 3;
    let n = slot.number();
    let (a, b) = (fake.node(owner).addr(), fake.node(other).addr());
    let refusals = [
        (format!("MOVED {n} {a}"), None, "MOVED"),
        (
            format!("MOVED {n} {b}"),
            Some(format!("MOVED {n} {a}")),
            "MOVED",
        ),
        (format!("ASK {n} {b}"), Some(format!("ASK {n} {a}")), "ASK"),
        (format!("ASK {n} {a}"), None, "ASK"),
        (
            format!("ASK {n} {b}"),
            Some("TRYAGAIN x".into()),
            "TRYAGAIN",
        ),
        (format!("MOVED {n} 127.0.0.1:1"), None, "127.0.0.1:1"),
        (format!("ASK {n} 127.0.0.1:1"), None, "127.0.0.1:1"),
        (format!("MOVED {n} ?:6379"), None, "MOVED"),
        ("MOVED".into(), None, "MOVED"),
        (format!("ASK 99999 {a}"), None, "ASK"),
        ("TRYAGAIN x".into(), None, "TRYAGAIN"),
        ("CLUSTERDOWN x".into(), None, "CLUSTERDOWN"),
        ("LOADING".into(), None, "LOADING"),
        ("MASTERDOWN x".into(), None, "MASTERDOWN"),
        ("READONLY x".into(), None, "READONLY"),
    ];
    for (from_owner, from_other, cause) in refusals {
        let cluster = client(&fake, Duration::from_secs(2));
        cluster.set("x", 1).await.expect("it answers");
        sleep(Duration::from_secs(5)).await;
        let answers = [(owner, Some(from_owner.clone())), (other, from_other)];
        for (node, line) in answers {
            if let Some(line) = line {
                let refusal = Value::Error(ServerError::new(line));
                fake.node(node).answer("GET", refusal, usize::MAX);
            }
        }
        let before = fake.commands("GET");
        let start = Instant::now();
        let result = cluster.get::<Option<String>>("k").await;
        let error = result.expect_err("it is refused for ever");
        let took = start.elapsed();
        assert!(
            took <= Duration::from_millis(2010),
            "{from_owner}: {took:?}"
        );
        let sent = fake.commands("GET") - before;
        // Six for each attempt, of which there is one every 500 ms at last, and more at first.
        assert!(sent <= 200, "{from_owner}: {sent}");
        assert!(error.to_string().contains(cause), "{from_owner}: {error}");
        assert_ne!(error.delivery(), Delivery::Unknown, "{from_owner}: {error}");

        fake.heal();
        let healed = cluster.get::<Option<String>>("k").await;
        healed.expect("there is nothing to wait out");
        assert_recovered(&fake, &cluster).await;
    }
}

/// As behind a load balancer, or a host name that was given a new address: who answers at the old connection says
/// that the slot is served where it is, and means its successor.
#[tokio::test(start_paused = true)]
async fn moved_to_itself_leads_to_a_new_connection() {
    let fake = FakeCluster::builder()
        .primaries(2)
        .replicas(1)
        .start()
        .await
        .expect("ports");
    let slot = Slot::of("k");
    let old = fake.owner(slot).expect("served");
    let name = fake.node(old).addr();
    let successor = Arc::new(OnceLock::new());
    let cluster = client_with(&fake, Duration::from_secs(3), {
        let (name, successor) = (name.clone(), Arc::clone(&successor));
        move |addr| match successor.get() {
            Some(successor) if addr == name => NodeAddr::clone(successor),
            _ => addr,
        }
    });
    cluster.set("k", 1).await.expect("it answers");
    let view = cluster
        .send(cmd("CLUSTER").arg("SLOTS"))
        .await
        .expect("it answers");
    for node in fake.nodes() {
        node.answer("CLUSTER", view.clone(), usize::MAX);
    }
    let new = fake.node(fake.failover(old)).addr();
    successor.set(new).expect("once");
    let moved = ServerError::new(format!("MOVED {} {name}", slot.number()));
    fake.node(old)
        .answer("GET", Value::Error(moved), usize::MAX);
    assert_eq!(cluster.get::<u64>("k").await.expect("it connects anew"), 1);
}

#[tokio::test(start_paused = true)]
async fn hostile_bytes_end_the_connection_and_nothing_else() {
    let fake = FakeCluster::start(1).await;
    let cluster = client(&fake, Duration::from_secs(1));
    for i in 0..10 {
        cluster.set(i, i).await.expect("it answers");
    }
    let deep = b"*1\r\n".repeat(100_000);
    for bytes in [
        &b"$99999999999999\r\n"[..],
        b"$-7\r\n",
        b"*2147483647\r\n",
        b"*99999999999999999999\r\n",
        b"%4611686018427387904\r\n",
        b"$5\r\nhelloXX",
        b"\r\n\r\n",
        b">2\r\n+invalidate\r\n_\r\n$-7\r\n",
        b"HTTP/1.1 200 OK\r\n",
        &deep,
    ] {
        for name in ["GET", "CLUSTER", "HELLO", "CLIENT"] {
            let node = fake.node(0);
            if name != "GET" {
                node.kill_connections();
            }
            node.answer_bytes(name, bytes.to_vec(), 1);
            let mut tasks = JoinSet::new();
            for i in 0..10 {
                let cluster = cluster.clone();
                tasks.spawn(async move {
                    let start = Instant::now();
                    let result = cluster.get::<Option<u64>>(i).await;
                    assert!(start.elapsed() < Duration::from_millis(1050));
                    assert!(
                        !matches!(result, Ok(value) if value != Some(i)),
                        "another's reply"
                    );
                    result.is_ok()
                });
            }
            for is_ok in tasks.join_all().await {
                assert!(is_ok, "it is sent again on another connection");
            }
            node.heal();
            assert_recovered(&fake, &cluster).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_leaves_nothing_behind() {
    let fake = FakeCluster::start(3).await;
    let idle = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    for faults in 0..5 {
        for polls in 0..12 {
            let cluster = client(&fake, Duration::from_secs(1));
            for node in fake.nodes() {
                match faults {
                    0 => {}
                    1 => node.stall(),
                    2 => node.refuse_connections(true),
                    3 => node.answer("GET", Value::Error(ServerError::new("TRYAGAIN x")), 1),
                    _ => node.answer("CLUSTER", Value::Array(vec![]), 3),
                }
            }
            let mut requests: Vec<_> = (0..20)
                .map(|_| tokio_test::task::spawn(cluster.get::<Option<String>>("k")))
                .collect();
            for _ in 0..polls {
                requests.retain_mut(|request| request.poll().is_pending());
                requests.retain(|_| fastrand::u8(..10) > 0);
                sleep(Duration::from_millis(1)).await;
            }
            drop(requests);
            drop(cluster);
            fake.heal();
            sleep(Duration::from_millis(100)).await;
            assert_eq!(fake.connections_open(), 0, "{faults} {polls}");
            let alive = tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks();
            assert_eq!(alive, idle, "{faults} {polls}");
        }
    }
}
