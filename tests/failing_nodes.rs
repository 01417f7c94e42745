//! Nodes that stop answering, with `FailFast` and a breaker at the node seam of a stack by hand.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};
use tower_redis_cluster::breaker::BreakerState;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    BreakerLayer, Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, Delivery,
    ErrorKind, FailFastLayer, NodeLayer, RetryLayer, RetryPolicy, RouteLayer, Slot, TimeoutLayer,
    Value, cmd, connection,
};

const TIMEOUT: Duration = Duration::from_secs(5);

struct Client {
    cluster: Cluster<BoxCloneSyncService<Command, Value, BoxError>>,
    breakers: BreakerLayer,
    counters: Counters,
}

/// The stack, and so many commands in flight on each connection.
fn client(fake: &FakeCluster, max_in_flight: usize) -> Client {
    let counters = Counters::new();
    let breakers = BreakerLayer::new()
        .failures(5, Duration::from_millis(100))
        .counters(counters.clone());
    let fail_fast = FailFastLayer::new().counters(counters.clone());
    let connection = connection::Config::default().max_in_flight(max_in_flight);
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RetryLayer::new(
            RetryPolicy::new(3).counters(counters.clone()),
        ))
        .layer(RouteLayer::from_addrs(fake.addrs()))
        .layer(ConnectionCacheLayer::new())
        .layer(NodeLayer::per_node(breakers.clone()))
        .layer(NodeLayer::per_node(fail_fast))
        .service(fake.connector(ConnectConfig::default().connection(connection)));
    Client {
        cluster: Cluster::new(BoxCloneSyncService::new(stack)),
        breakers,
        counters,
    }
}

/// A key that this node serves.
fn key_of(fake: &FakeCluster, node: usize) -> String {
    let mut keys = (0..).map(|n| format!("k{n}"));
    let key = keys.find(|key| fake.owner(Slot::of(key)) == Some(node));
    key.expect("each node serves some")
}

/// Nodes 1 and 2 answer, and at once.
async fn others_are_served(client: &Client, keys: &[String]) {
    for key in &keys[1..] {
        let start = Instant::now();
        let value: Option<u64> = client.cluster.get(key).await.expect("it serves");
        assert_eq!(value, None);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

async fn start(max_in_flight: usize) -> (FakeCluster, Client, Vec<String>) {
    let fake = FakeCluster::start(3).await;
    let client = client(&fake, max_in_flight);
    let keys: Vec<_> = (0..3).map(|node| key_of(&fake, node)).collect();
    for key in &keys {
        let value: Option<u64> = client.cluster.get(key).await.expect("it serves");
        assert_eq!(value, None);
    }
    (fake, client, keys)
}

#[tokio::test(start_paused = true)]
async fn a_full_connection_of_a_stalled_node_fails_fast_until_the_node_is_back() {
    let (fake, client, keys) = start(2).await;
    fake.node(0).stall();
    let write = || {
        let (cluster, key) = (client.cluster.clone(), keys[0].clone());
        tokio::spawn(async move { cluster.incr(key).await })
    };
    let in_flight = [write(), write()];
    sleep(Duration::from_millis(1)).await;
    let held_back = [write(), write()];
    sleep(Duration::from_millis(150)).await;
    let counts = client.counters.snapshot();
    assert!(counts.failed_fast >= 2, "{counts:?}");
    assert_eq!(counts.nodes_unavailable, 1);

    // Who has little time learns at once what is wrong.
    let impatient = cmd("GET").arg(&keys[0]).timeout(Duration::from_millis(20));
    let error = client.cluster.send(impatient).await.expect_err("stalled");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(error.node(), Some(&fake.node(0).addr()));
    others_are_served(&client, &keys).await;

    sleep(Duration::from_secs(1)).await;
    fake.node(0).resume();
    let mut values = Vec::new();
    for write in in_flight.into_iter().chain(held_back) {
        let value = write.await.expect("no panic");
        values.push(value.expect("the retries outlast it"));
    }
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3, 4]);
    assert_eq!(client.counters.snapshot().nodes_unavailable, 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_connection_that_makes_progress_never_fails_fast() {
    let (fake, client, keys) = start(1).await;
    // One after the other: the last waits for many times as long as a service may be not ready.
    fake.node(0).delay(Duration::from_millis(60));
    let start = Instant::now();
    let gets = (0..40).map(|_| client.cluster.get::<Option<u64>>(&keys[0]));
    let values = futures::future::join_all(gets).await;
    assert!(values.iter().all(Result::is_ok), "{values:?}");
    assert!(start.elapsed() >= Duration::from_millis(40 * 60));
    let counts = client.counters.snapshot();
    assert_eq!((counts.failed_fast, counts.retries), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_node_is_refused_to_until_it_is_back() {
    let (fake, client, keys) = start(1000).await;
    let node = fake.node(0).addr();
    let state = || {
        let states = client.breakers.states().into_iter();
        let mut states = states.filter(|(addr, _)| *addr == node);
        states.next().expect("it is connected").1
    };
    assert_eq!(state(), BreakerState::Closed);
    fake.node(0).stall();
    let get = || cmd("GET").arg(&keys[0]).timeout(Duration::from_millis(50));
    while state() == BreakerState::Closed {
        let error = client.cluster.send(get()).await.expect_err("stalled");
        assert!(error.is_timeout(), "{error}");
        others_are_served(&client, &keys).await;
    }
    let error = client.cluster.send(get()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(error.node(), Some(&node));
    others_are_served(&client, &keys).await;
    let counts = client.counters.snapshot();
    assert_eq!((counts.breakers_opened, counts.breakers_open), (1, 1));
    assert!(counts.breaker_refusals > 0);

    // A write that is refused has not been sent, and is tried again until it is let through.
    let write = client.cluster.incr(&keys[0]);
    let resume = async {
        sleep(Duration::from_millis(300)).await;
        fake.node(0).resume();
    };
    let (value, ()) = tokio::join!(write, resume);
    assert_eq!(value.expect("the node is back"), 1);
    assert_eq!(state(), BreakerState::Closed);
    assert_eq!(client.counters.snapshot().breakers_open, 0);
}
