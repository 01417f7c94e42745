//! On the in-process cluster, without sockets and with time paused.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder};
use tower_redis_cluster::testing::{FakeCluster, FakeNode};
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Counters, Delivery, ErrorKind,
    ExclusiveLaneLayer, RetryLayer, RetryPolicy, RouteLayer, Slot, Target, TimeoutLayer, Value,
    cmd,
};

const TIMEOUT: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(50);

pub(crate) trait Stack:
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

/// The stack of the front page over pipes, with these lanes.
fn client(fake: &FakeCluster, lanes: ExclusiveLaneLayer) -> Cluster<impl Stack> {
    let counters = Counters::new();
    let route = RouteLayer::from_addrs(fake.addrs());
    let nodes = route.nodes();
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        .layer(route)
        .layer(
            ConnectionCacheLayer::new()
                .retain_only(nodes)
                .counters(counters.clone()),
        )
        .layer(lanes.counters(counters.clone()))
        .service(fake.connector(ConnectConfig::default()));
    Cluster::new(stack).with_counters(counters)
}

pub(crate) fn default_client(fake: &FakeCluster) -> Cluster<impl Stack> {
    client(fake, ExclusiveLaneLayer::new())
}

pub(crate) fn node_of(fake: &FakeCluster, key: &str) -> FakeNode {
    fake.node(fake.owner(Slot::of(key)).expect("all slots are served"))
}

fn blpop(seconds: &str) -> Command {
    cmd("BLPOP").arg("q").arg(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_blocked_command_holds_up_nobody() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query::<(String, String)>(blpop("0")).await }
    });
    sleep(MOMENT).await;
    let start = Instant::now();
    cluster.set("k", "v").await.expect("SET");
    assert_eq!(start.elapsed(), Duration::ZERO);
    cluster.rpush("q", "job").await.expect("RPUSH");
    let (_, popped) = waiting.await.expect("no panic").expect("BLPOP");
    assert_eq!(popped, "job");
    // Kept for the next.
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_connections, metrics.exclusive_leased),
        (1, 0)
    );
    cluster.rpush("q", "job").await.expect("RPUSH");
    cluster.query::<Value>(blpop("0")).await.expect("BLPOP");
    assert_eq!(cluster.metrics().exclusive_dials_started, 1);
}

#[tokio::test(start_paused = true)]
async fn the_server_answers_before_the_callers_deadline() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let start = Instant::now();
    let patient = blpop("0").timeout(Duration::from_secs(2));
    let nothing: Option<(String, String)> = cluster.query(patient).await.expect("nil in time");
    assert_eq!(nothing, None);
    assert_eq!(start.elapsed().as_millis(), 1850);
    assert_eq!(
        cluster.metrics().exclusive_connections,
        1,
        "and it is clean"
    );
    let start = Instant::now();
    let nothing: Value = cluster.query(blpop("3")).await.expect("its own time");
    assert_eq!((nothing, start.elapsed().as_millis()), (Value::Nil, 3000));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_closes_the_connection_so_that_nothing_is_popped_for_nobody() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    cluster.set("k", "v").await.expect("SET");
    let open = fake.connections_open();
    let mut waiting = JoinSet::new();
    for _ in 0..64 {
        let cluster = cluster.clone();
        waiting.spawn(async move { cluster.query::<Value>(blpop("0")).await });
    }
    sleep(MOMENT).await;
    assert_eq!(fake.connections_open(), open + 64);
    waiting.shutdown().await;
    sleep(MOMENT).await;
    assert_eq!(fake.connections_open(), open);
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_connections, metrics.exclusive_leased),
        (0, 0)
    );
    cluster.rpush("q", "job").await.expect("RPUSH");
    assert_eq!(cluster.llen("q").await.expect("LLEN"), 1);
    cluster
        .query::<Value>(blpop("0"))
        .await
        .expect("the lane is not stuck");
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_on_a_node_than_allowed_and_the_others_take_their_turns() {
    let fake = FakeCluster::start(1).await;
    let lanes = ExclusiveLaneLayer::new().max_connections(2).max_waiting(3);
    let cluster = client(&fake, lanes);
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let cluster = cluster.clone();
        let task = async move { cluster.query::<(String, String)>(blpop("0")).await };
        waiting.push(tokio::spawn(task));
        sleep(MOMENT).await;
    }
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_leased, metrics.exclusive_waiting),
        (2, 3)
    );
    let error = cluster
        .query::<Value>(blpop("0"))
        .await
        .expect_err("too many");
    assert!(error.is_overloaded(), "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    for (turn, waiting) in waiting.into_iter().enumerate() {
        cluster.rpush("q", turn).await.expect("RPUSH");
        let (_, popped) = waiting.await.expect("no panic").expect("BLPOP");
        assert_eq!(popped, turn.to_string());
    }
    assert_eq!(cluster.metrics().exclusive_dials_started, 2);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_waits_no_longer_than_its_deadline() {
    let fake = FakeCluster::start(1).await;
    let cluster = client(&fake, ExclusiveLaneLayer::new().max_connections(1));
    let lease = cluster.lease(Target::key("q")).await.expect("a lease");
    let start = Instant::now();
    let error = cluster
        .query::<Value>(blpop("0").timeout(Duration::from_secs(2)))
        .await
        .expect_err("no place");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(start.elapsed() < Duration::from_millis(2100));
    assert_eq!(cluster.metrics().exclusive_waiting, 0);
    drop(lease);
    cluster
        .query::<Value>(blpop("0.1"))
        .await
        .expect("there is one now");
    assert_eq!(cluster.metrics().exclusive_dials_started, 1);
}

#[tokio::test(start_paused = true)]
async fn connections_that_nobody_uses_are_closed() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    cluster.query::<Value>(blpop("0.1")).await.expect("nil");
    let open = fake.connections_open();
    sleep(Duration::from_secs(59)).await;
    assert_eq!(fake.connections_open(), open);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(fake.connections_open(), open - 1);
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_connections, metrics.exclusive_closed_idle),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_left_takes_its_lane_along_and_a_lease_in_use_is_closed_when_it_is_given_back()
{
    let fake = FakeCluster::start(2).await;
    let added = fake.add_node();
    fake.migrate_slot(Slot::of("q"), added);
    let cluster = default_client(&fake);
    let lease = cluster.lease(Target::key("q")).await.expect("a lease");
    cluster.query::<Value>(blpop("0.1")).await.expect("nil");
    assert_eq!(cluster.metrics().exclusive_connections, 2);
    fake.migrate_slot(Slot::of("q"), 0);
    fake.remove_node(added);
    // The failure makes the client look at the topology again.
    cluster.query::<Value>(blpop("0.1")).await.expect("nil");
    sleep(Duration::from_secs(5)).await;
    let metrics = cluster.metrics();
    assert_eq!(
        metrics.evicted_departed + metrics.evicted_closed,
        1,
        "{metrics:?}"
    );
    // The lease, and the one that was idle since at the new node.
    assert_eq!(
        (metrics.exclusive_leased, metrics.exclusive_connections),
        (1, 2),
        "{metrics:?}"
    );
    drop(lease);
    assert_eq!(cluster.metrics().exclusive_connections, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_says_what_it_was_waiting_for() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query::<Value>(blpop("0")).await }
    });
    sleep(MOMENT).await;
    fake.node(0).kill_connections();
    let error = waiting.await.expect("no panic").expect_err("lost");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error
            .to_string()
            .contains("while BLPOP was waiting on the server"),
        "{error}"
    );
    assert_eq!(cluster.metrics().exclusive_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_command_follows_its_slot() {
    let fake = FakeCluster::start(2).await;
    let cluster = default_client(&fake);
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.query::<(String, String)>(blpop("0")).await }
    });
    sleep(MOMENT).await;
    let to = 1 - node_of(&fake, "q").index();
    fake.migrate_slot(Slot::of("q"), to);
    sleep(MOMENT).await;
    cluster.rpush("q", "job").await.expect("RPUSH");
    let (_, popped) = waiting.await.expect("no panic").expect("BLPOP");
    assert_eq!(popped, "job");
}

#[tokio::test(start_paused = true)]
async fn wait_goes_where_the_writes_went_and_not_for_ever() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let wait = |millis: u32| {
        let command = cmd("WAIT").arg(0).arg(millis);
        command.target(Target::key("q"))
    };
    let error = cluster.query::<u64>(wait(0)).await.expect_err("for ever");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    // The fake has no WAIT; what counts is which connection it came by.
    let _ = cluster.query::<u64>(wait(10)).await;
    let _ = cluster.query::<u64>(wait(0).timeout(TIMEOUT)).await;
    assert_eq!(cluster.metrics().exclusive_dials_started, 0);
    assert!(fake.node(0).commands("WAIT") > 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_several_nodes_is_refused() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    for target in [Target::AllPrimaries, Target::AllNodes] {
        let error = cluster.lease(target).await.expect_err("of which node?");
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_one_connection_with_a_state_of_its_own() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let own = Cluster::new(cluster.lease(Target::key("q")).await.expect("a lease"));
    let id: u64 = own.query(cmd("CLIENT").arg("ID")).await.expect("an id");
    own.query::<()>(cmd("WATCH").arg("k")).await.expect("WATCH");
    own.query::<()>(cmd("UNWATCH")).await.expect("UNWATCH");
    assert_eq!(
        own.query::<u64>(cmd("CLIENT").arg("ID"))
            .await
            .expect("an id"),
        id
    );
    drop(own);
    // It came back clean, and so the next gets it.
    let own = Cluster::new(cluster.lease(Target::key("q")).await.expect("a lease"));
    assert_eq!(
        own.query::<u64>(cmd("CLIENT").arg("ID"))
            .await
            .expect("an id"),
        id
    );
    own.query::<()>(cmd("WATCH").arg("k")).await.expect("WATCH");
    drop(own);
    assert_eq!(cluster.metrics().exclusive_closed_unclean, 1);
    assert_eq!(cluster.metrics().exclusive_connections, 0);
    // The shared connection takes no such command.
    let error = cluster
        .query::<()>(cmd("WATCH").arg("k"))
        .await
        .expect_err("shared");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_a_refused_transaction_did_not_end_is_not_handed_on() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let own = Cluster::new(cluster.lease(Target::key("k")).await.expect("a lease"));
    own.query::<()>(cmd("WATCH").arg("k")).await.expect("WATCH");
    // Never sent, and so it ends nothing.
    let refused = Command::transaction([blpop("0")]);
    let error = own.send(refused).await.expect_err("it blocks");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    drop(own);
    assert_eq!(cluster.metrics().exclusive_closed_unclean, 1);
    assert_eq!(cluster.metrics().exclusive_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_read_ends_with_the_lease() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let own = Cluster::new(cluster.lease(Target::key("q")).await.expect("a lease"));
    let open = fake.connections_open();
    tokio::time::timeout(MOMENT, own.query::<Value>(blpop("0")))
        .await
        .expect_err("it blocks");
    drop(own);
    sleep(MOMENT).await;
    assert_eq!(fake.connections_open(), open - 1);
    cluster.rpush("q", "job").await.expect("RPUSH");
    assert_eq!(cluster.llen("q").await.expect("LLEN"), 1);
}

#[tokio::test(start_paused = true)]
async fn commands_on_a_lease_have_a_deadline() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let own = Cluster::new(cluster.lease(Target::key("q")).await.expect("a lease"));
    fake.node(0).stall();
    let start = Instant::now();
    let error = own.get::<Value>("k").await.expect_err("nobody answers");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert!(start.elapsed() <= TIMEOUT + MOMENT);
}

#[tokio::test(start_paused = true)]
async fn without_the_layer_the_error_names_it() {
    let fake = FakeCluster::start(1).await;
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(TIMEOUT))
        .layer(RouteLayer::from_addrs(fake.addrs()))
        .layer(ConnectionCacheLayer::new())
        .service(fake.connector(ConnectConfig::default()));
    let cluster = Cluster::new(stack);
    let error = cluster.lease(Target::key("k")).await.expect_err("no lane");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("ExclusiveLaneLayer"), "{error}");
    let never = async |_| Ok(None);
    let error = cluster
        .watch::<(), _, _>("k", never)
        .await
        .expect_err("no lane");
    assert!(error.to_string().contains("ExclusiveLaneLayer"), "{error}");
}
