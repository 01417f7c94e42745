//! The scene this crate was made for, without sockets and with time paused: requests time out, reconnecting times
//! out too, and still no request opens a connection of its own.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::layer::util::Identity;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_redis_cluster::testing::{FakeCluster, FakeConnector};
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, Delivery, Error, NodeAddr,
    RetryLayer, RetryPolicy, RouteLayer, Slot, TimeoutLayer, Value, cmd,
};

const TIMEOUT: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(50);

trait Stack:
    Service<Command, Response = Value, Error: Send + Into<tower::BoxError>, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Stack for S
where
    S: Service<Command, Response = Value> + Clone + Send + Sync + 'static,
    S::Error: Send + Into<tower::BoxError>,
    S::Future: Send,
{
}

/// The stack of the front page over pipes, with a layer around the act of connecting.
fn client_with<L>(fake: &FakeCluster, connect: L) -> Cluster<impl Stack>
where
    L: Layer<FakeConnector>,
    L::Service: Service<NodeAddr, Response = tower_redis_cluster::Connection>
        + Clone
        + Send
        + Sync
        + 'static,
    <L::Service as Service<NodeAddr>>::Error: Into<tower::BoxError> + Send + Sync + 'static,
    <L::Service as Service<NodeAddr>>::Future: Send + 'static,
{
    let counters = Counters::new();
    let route = RouteLayer::from_addrs(fake.addrs()).counters(counters.clone());
    let nodes = route.nodes();
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RetryLayer::new(RetryPolicy::new(1)))
        .layer(route)
        .layer(
            ConnectionCacheLayer::new()
                .retain_only(nodes)
                .counters(counters.clone()),
        )
        .layer(tower::timeout::TimeoutLayer::new(TIMEOUT))
        .layer(connect)
        .service(fake.connector(ConnectConfig::default()));
    Cluster::new(stack).with_counters(counters)
}

fn client(fake: &FakeCluster) -> Cluster<impl Stack> {
    client_with(fake, Identity::new())
}

/// Makes connecting take this long.
#[derive(Clone)]
struct Slow(Duration);

impl Layer<FakeConnector> for Slow {
    type Service =
        tower::util::BoxCloneSyncService<NodeAddr, tower_redis_cluster::Connection, Error>;

    fn layer(&self, connector: FakeConnector) -> Self::Service {
        let delay = self.0;
        tower::util::BoxCloneSyncService::new(tower::service_fn(move |addr: NodeAddr| {
            let connector = connector.clone();
            async move {
                sleep(delay).await;
                connector.oneshot(addr).await
            }
        }))
    }
}

/// One request every 50 ms for that long, each in a task of its own; gives back how many succeeded.
async fn requests(cluster: &Cluster<impl Stack>, time: Duration) -> usize {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    while start.elapsed() < time {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            let start = Instant::now();
            let result = cluster.get::<Option<String>>("k").await;
            assert!(
                start.elapsed() <= TIMEOUT + Duration::from_millis(50),
                "{:?}",
                start.elapsed()
            );
            result.is_ok()
        });
        sleep(PACE).await;
    }
    tasks.join_all().await.into_iter().filter(|ok| *ok).count()
}

#[tokio::test(start_paused = true)]
async fn stalls_and_refusals_cost_at_most_one_connection_each() {
    let fake = FakeCluster::start(3).await;
    let cluster = client(&fake);
    cluster.set("k", "v").await.expect("the cluster answers");
    let node = fake.node(fake.owner(Slot::of("k")).expect("every slot is served"));

    for round in 0..5 {
        let before = node.connections_accepted();
        node.stall();
        requests(&cluster, Duration::from_secs(5)).await;
        node.resume();
        let start = Instant::now();
        cluster
            .get::<String>("k")
            .await
            .expect("the first request after the stall");
        assert!(
            start.elapsed() < Duration::from_millis(10),
            "{:?}",
            start.elapsed()
        );
        let opened = node.connections_accepted() - before;
        assert!(opened <= 1, "stall {round} cost {opened} connections");

        node.kill_connections();
        node.refuse_connections(true);
        assert_eq!(requests(&cluster, Duration::from_secs(2)).await, 0);
        node.refuse_connections(false);
        // The next attempt to connect is at most the longest backoff away.
        sleep(Duration::from_millis(500)).await;
        cluster.get::<String>("k").await.expect("the node is back");

        let before = fake.connections_accepted();
        let succeeded = requests(&cluster, Duration::from_secs(2)).await;
        assert_eq!(succeeded, 40);
        assert_eq!(
            fake.connections_accepted(),
            before,
            "requests opened connections"
        );
    }
}

/// The bug that this crate exists for: a request times out, reconnecting times out, and from then on every
/// request connects anew, because what it connected is never stored.
#[tokio::test(start_paused = true)]
async fn connecting_that_outlasts_every_request_is_done_once() {
    let fake = FakeCluster::start(1).await;
    let cluster = client_with(&fake, Slow(Duration::from_millis(390)));
    let succeeded = requests(&cluster, Duration::from_secs(5)).await;
    assert!(succeeded > 80, "{succeeded}");
    assert_eq!(fake.connections_accepted(), 1);

    fake.node(0).kill_connections();
    let succeeded = requests(&cluster, Duration::from_secs(5)).await;
    assert!(succeeded > 80, "{succeeded}");
    assert_eq!(fake.connections_accepted(), 2);
}

/// All at once, each in a task of its own.
async fn a_thousand_gets(cluster: &Cluster<impl Stack>) {
    let mut tasks = JoinSet::new();
    for _ in 0..1000 {
        let cluster = cluster.clone();
        tasks.spawn(async move { cluster.get::<Option<String>>("k").await });
    }
    for result in tasks.join_all().await {
        result.expect("it waits for the connection");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_to_a_cold_address_are_one_connection() {
    let fake = FakeCluster::start(1).await;
    let cluster = client_with(&fake, Slow(Duration::from_millis(100)));
    a_thousand_gets(&cluster).await;
    assert_eq!(fake.connections_accepted(), 1);
    assert_eq!(cluster.metrics().dials_started, 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_caller_that_leaves_after_a_millisecond_leaves_its_connection_behind() {
    let fake = FakeCluster::start(1).await;
    let cluster = client_with(&fake, Slow(Duration::from_millis(100)));
    let first = cluster.get::<Option<String>>("k");
    tokio::time::timeout(Duration::from_millis(1), first)
        .await
        .expect_err("it takes 100 ms");
    a_thousand_gets(&cluster).await;
    assert_eq!(fake.connections_accepted(), 1);
    assert_eq!(cluster.metrics().open_connections, 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_redirects_to_an_unknown_node_are_one_connection_and_one_refresh() {
    let fake = FakeCluster::start(3).await;
    let cluster = client(&fake);
    let slot = Slot::of("k");
    cluster.set("k", "v").await.expect("the cluster answers");
    // Past the pause that follows the first discovery.
    sleep(Duration::from_secs(5)).await;
    let before = cluster.metrics();

    let added = fake.add_node();
    fake.migrate_slot(slot, added);
    let mut tasks = JoinSet::new();
    for _ in 0..1000 {
        let cluster = cluster.clone();
        tasks.spawn(async move { cluster.get::<String>("k").await });
    }
    for result in tasks.join_all().await {
        assert_eq!(result.expect("the redirect is followed"), "v");
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(fake.node(added).connections_accepted(), 1);
    let metrics = cluster.metrics();
    assert_eq!(
        metrics.refreshes_succeeded - before.refreshes_succeeded,
        1,
        "{metrics:?}"
    );
    assert_eq!(
        metrics.dials_started - before.dials_started,
        1,
        "{metrics:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocking_pop_outlives_the_timeout_and_gets_what_is_pushed() {
    let fake = FakeCluster::start(3).await;
    let cluster = client(&fake);
    let other = client(&fake);
    let start = Instant::now();
    let pop = cmd("BLPOP").arg("queue").arg(5);
    let (popped, ()) = tokio::join!(
        cluster.query::<Option<(String, String)>>(pop.clone()),
        async {
            sleep(Duration::from_secs(3)).await;
            let length: usize = other
                .query(cmd("RPUSH").arg("queue").arg("job"))
                .await
                .expect("it answers");
            assert_eq!(length, 1);
        }
    );
    assert_eq!(
        popped.expect("it waits 5 s"),
        Some(("queue".into(), "job".into()))
    );
    assert_eq!(start.elapsed().as_millis() / 100, 30);

    let nothing = cluster.query::<Option<(String, String)>>(pop).await;
    assert_eq!(nothing.expect("it waits 5 s"), None);
    assert_eq!(start.elapsed().as_millis() / 100, 80);
}

#[tokio::test(start_paused = true)]
async fn what_a_timeout_knows_of_the_command_is_true() {
    let fake = FakeCluster::start(1).await;
    let cluster = client(&fake);
    cluster.set("n", 0).await.expect("the cluster answers");
    fake.node(0).stall();
    let error = cluster.incr("n").await.expect_err("the node stalls");
    assert!(error.is_timeout());
    assert_eq!(error.delivery(), Delivery::Unknown, "{error}");
    assert_eq!(
        error.attempts(),
        1,
        "it may have been applied, so it is not sent again: {error}"
    );
    fake.node(0).resume();
    assert_eq!(cluster.get::<i64>("n").await.expect("the node is back"), 1);
}
