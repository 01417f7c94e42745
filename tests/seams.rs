//! tower's own layers at each seam of the builder's stack, and what an application needs the handle to be.

use std::time::Duration;

use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, ClusterBuilder, Command, ConnectConfig, ConnectionCacheLayer, Delivery, Error,
    NodeLayer, RetryLayer, RetryPolicy, RouteLayer, Value, cmd,
};

const LONG: Duration = Duration::from_secs(5);

fn builder(fake: &FakeCluster) -> ClusterBuilder {
    Cluster::builder(fake.urls()).timeout(LONG)
}

async fn serves<S>(cluster: Cluster<S>)
where
    S: Service<Command, Response = Value, Error: Into<tower::BoxError>> + Clone,
{
    for n in 0..20 {
        let set = cmd("SET").arg(format!("k{n}")).arg(n);
        cluster.query::<()>(set).await.expect("it serves");
        let get = cmd("GET").arg(format!("k{n}"));
        assert_eq!(cluster.query::<i32>(get).await.expect("it serves"), n);
    }
}

// ===== each seam =====

#[tokio::test]
async fn attempt_layers_are_any_of_tower_s() {
    let fake = FakeCluster::start(3).await;
    let limited = builder(&fake).attempt_layer(ConcurrencyLimitLayer::new(8));
    serves(limited.connect().await.expect("it runs")).await;
    let shed = builder(&fake)
        .attempt_layer(LoadShedLayer::new())
        .attempt_layer(GlobalConcurrencyLimitLayer::new(8));
    serves(shed.connect().await.expect("it runs")).await;
    let timed = builder(&fake).attempt_layer(TimeoutLayer::new(LONG));
    serves(timed.connect().await.expect("it runs")).await;
    let buffered = builder(&fake)
        .attempt_layer(BufferLayer::<Command>::new(8))
        .attempt_layer(RateLimitLayer::new(1000, Duration::from_secs(1)));
    serves(buffered.connect().await.expect("it runs")).await;
}

#[tokio::test]
async fn node_layers_are_any_of_tower_s() {
    let fake = FakeCluster::start(3).await;
    let limited = builder(&fake).node_layer(ConcurrencyLimitLayer::new(8));
    serves(limited.connect().await.expect("it runs")).await;
    let shed = builder(&fake)
        .node_layer(LoadShedLayer::new())
        .node_layer(ConcurrencyLimitLayer::new(8));
    serves(shed.connect().await.expect("it runs")).await;
    let timed = builder(&fake).node_layer(TimeoutLayer::new(LONG));
    serves(timed.connect().await.expect("it runs")).await;
    let buffered = builder(&fake)
        .node_layer(BufferLayer::<Command>::new(8))
        .node_layer(RateLimitLayer::new(1000, Duration::from_secs(1)));
    serves(buffered.connect().await.expect("it runs")).await;
    let by_node = builder(&fake)
        .node_layer_fn(|addr| ConcurrencyLimitLayer::new(1 + usize::from(addr.port() % 2)));
    serves(by_node.connect().await.expect("it runs")).await;
}

#[tokio::test]
async fn connect_layers_are_any_of_tower_s() {
    let fake = FakeCluster::start(3).await;
    let limited = builder(&fake).connect_layer(ConcurrencyLimitLayer::new(1));
    serves(limited.connect().await.expect("it runs")).await;
    let timed = builder(&fake).connect_layer(TimeoutLayer::new(LONG));
    serves(timed.connect().await.expect("it runs")).await;
    let buffered = builder(&fake)
        .connect_layer(BufferLayer::new(8))
        .connect_layer(RateLimitLayer::new(100, Duration::from_secs(1)));
    serves(buffered.connect().await.expect("it runs")).await;
    let shed = builder(&fake)
        .connect_layer(LoadShedLayer::new())
        .connect_layer(ConcurrencyLimitLayer::new(8));
    serves(shed.connect().await.expect("it runs")).await;
}

#[tokio::test]
async fn all_seams_together_and_layers_around_the_client() {
    let fake = FakeCluster::start(3).await;
    let cluster = builder(&fake)
        .attempt_layer(ConcurrencyLimitLayer::new(8))
        .node_layer(ConcurrencyLimitLayer::new(8))
        .node_layer_fn(|_| ConcurrencyLimitLayer::new(8))
        .connect_layer(ConcurrencyLimitLayer::new(1))
        .connect()
        .await
        .expect("it runs");
    let around = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(BufferLayer::new(8))
        .layer(RateLimitLayer::new(1000, Duration::from_secs(1)))
        .service(cluster);
    serves(Cluster::new(around)).await;
}

// ===== a stack by hand, with time paused =====

#[tokio::test(start_paused = true)]
async fn a_limit_at_the_node_seam_is_kept_and_its_wait_ends_with_the_deadline() {
    let fake = FakeCluster::start(1).await;
    let stack = ServiceBuilder::new()
        .layer(tower_redis_cluster::TimeoutLayer::new(
            Duration::from_millis(400),
        ))
        .layer(RetryLayer::new(RetryPolicy::new(1)))
        .layer(RouteLayer::from_addrs(fake.addrs()))
        .layer(ConnectionCacheLayer::new())
        .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1)))
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .service(fake.connector(ConnectConfig::default()));
    let cluster = Cluster::new(stack);
    cluster.set("n", 0).await.expect("it serves");
    fake.node(0).stall();
    let (first, second) = tokio::join!(cluster.incr("n"), cluster.incr("n"));
    let (first, second) = (
        first.expect_err("it stalls"),
        second.expect_err("it stalls"),
    );
    assert!(first.is_timeout() && second.is_timeout());
    assert_eq!(first.delivery(), Delivery::Unknown, "{first}");
    assert_eq!(second.delivery(), Delivery::NotSent, "{second}");
    fake.node(0).resume();
    assert_eq!(cluster.get::<i32>("n").await.expect("it is back"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_not_ready_is_waited_for_as_long_as_the_request_may_take() {
    /// Never ready.
    #[derive(Clone)]
    struct Busy;

    impl Service<Command> for Busy {
        type Response = Value;
        type Error = Error;
        type Future = std::future::Ready<Result<Value, Error>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Error>> {
            std::task::Poll::Pending
        }

        fn call(&mut self, _: Command) -> Self::Future {
            unreachable!("it is never ready")
        }
    }

    let cluster = Cluster::new(Busy).with_ready_timeout(Duration::from_millis(250));
    for (command, millis) in [
        (cmd("GET").arg("k"), 250),
        (cmd("GET").arg("k").timeout(Duration::from_millis(80)), 80),
        (cmd("BLPOP").arg("q").arg(60), 250),
    ] {
        let start = tokio::time::Instant::now();
        let name = command.name();
        let error = cluster.send(command).await.expect_err("never ready");
        assert_eq!(start.elapsed().as_millis(), millis);
        assert!(error.is_overloaded(), "{error}");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert_eq!(error.command(), Some(&*name));
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_readiness_takes_from_the_time_of_the_timeout_layer() {
    let fake = FakeCluster::start(1).await;
    let cluster = Cluster::new(
        ServiceBuilder::new()
            .layer(tower_redis_cluster::InFlightLimitLayer::new(1))
            .layer(tower_redis_cluster::TimeoutLayer::new(LONG))
            .layer(RouteLayer::from_addrs(fake.addrs()))
            .layer(ConnectionCacheLayer::new())
            .service(fake.connector(ConnectConfig::default())),
    )
    .with_ready_timeout(Duration::from_millis(500));
    cluster.set("k", 1).await.expect("it answers");
    let start = tokio::time::Instant::now();
    let after = |millis| start + Duration::from_millis(millis);

    // It waits for 400 ms, and then takes longer than it may wait.
    fake.node(0).delay(Duration::from_millis(400));
    let (first, second) = tokio::join!(cluster.get::<u64>("k"), cluster.get::<u64>("k"));
    first.and(second).expect("there is time for both");

    // A deadline that the command has before is kept, during the wait and after it.
    for (deadline, is_waiting) in [(after(1000), true), (after(1700), false)] {
        let mut command = cmd("GET").arg("k");
        command.set_deadline(deadline);
        let late = async {
            let error = cluster.send(command).await.expect_err("too late");
            assert!(tokio::time::Instant::now() <= deadline + Duration::from_millis(10));
            assert_eq!(error.is_overloaded(), is_waiting, "{error}");
        };
        let (first, ()) = tokio::join!(cluster.get::<u64>("k"), late);
        first.expect("it is in time");
    }
}

#[tokio::test]
async fn times_without_measure_are_no_limits() {
    let fake = FakeCluster::start(1).await;
    let cluster = Cluster::builder(fake.urls())
        .timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .max_in_flight(1)
        .connect()
        .await
        .expect("it runs");
    let forever = cmd("GET").arg("k").timeout(Duration::MAX);
    let (first, second) = tokio::join!(cluster.send(forever.clone()), cluster.send(forever));
    assert_eq!(
        (first.expect("it serves"), second.expect("it waits")),
        (Value::Nil, Value::Nil)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_at_any_point_gives_back_what_it_held() {
    let fake = FakeCluster::start(1).await;
    let stack = ServiceBuilder::new()
        .layer(tower_redis_cluster::InFlightLimitLayer::new(1))
        .layer(tower_redis_cluster::TimeoutLayer::new(LONG))
        .layer(RetryLayer::new(RetryPolicy::new(1)))
        .layer(RouteLayer::from_addrs(fake.addrs()))
        .layer(ConnectionCacheLayer::new())
        .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1)))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(fake.connector(ConnectConfig::default()));
    let mut polls = 0;
    loop {
        // Each time from the beginning: discovery, connecting, the command.
        fake.node(0).kill_connections();
        let cluster = Cluster::new(stack.clone());
        let mut request = tokio_test::task::spawn(cluster.set("k", polls));
        let mut is_done = false;
        for _ in 0..polls {
            is_done = request.poll().is_ready();
            if is_done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(request);
        let value = cluster.set("k", polls).await;
        value.expect("nothing is held by a request that has gone");
        if is_done {
            break;
        }
        polls += 1;
    }
    assert!(polls > 2, "it was never dropped on the way");
}

// ===== what the compiler checks =====

fn assert_send<T: Send>(_: &T) {}

#[test]
fn the_handle_and_its_futures_fit_into_an_application() {
    fn fits<T: Clone + Send + Sync + 'static>() {}
    /// As a web framework wants its state.
    #[derive(Clone)]
    struct AppState {
        _cluster: Cluster,
    }
    fits::<AppState>();
    fits::<ClusterBuilder>();
    fits::<Command>();
    fits::<Value>();
    fits::<Error>();

    fn futures(cluster: &Cluster) {
        assert_send(&cluster.send(cmd("PING")));
        assert_send(&cluster.query::<Option<String>>(cmd("GET").arg("k")));
        assert_send(&cluster.get::<Option<String>>("k"));
        assert_send(&cluster.set("k", "v"));
        assert_send(&cluster.clone().oneshot(cmd("PING")));
        assert_send(&Cluster::connect("redis://127.0.0.1"));
        assert_send(&Cluster::builder(["redis://127.0.0.1"]).connect());
        assert_send(
            &Cluster::builder(["redis://127.0.0.1"])
                .attempt_layer(LoadShedLayer::new())
                .node_layer(ConcurrencyLimitLayer::new(1))
                .connect_layer(ConcurrencyLimitLayer::new(1))
                .connect(),
        );
    }
    let _ = futures;
}

/// One layer of an application, at three seams.
#[derive(Clone)]
struct Passing;

impl<S> Layer<S> for Passing {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

#[tokio::test]
async fn one_layer_fits_three_seams() {
    let fake = FakeCluster::start(1).await;
    let cluster = builder(&fake)
        .attempt_layer(Passing)
        .node_layer(Passing)
        .connect()
        .await
        .expect("it runs");
    serves(Cluster::new(Passing.layer(cluster))).await;
}
