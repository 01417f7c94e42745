//! The names and shapes that applications rely on. What is fixed here is fixed by compiling.

use std::time::Duration;

use tower::layer::util::Identity;
use tower::limit::ConcurrencyLimitLayer;
use tower::util::MapErrLayer;
use tower::{BoxError, Layer, MakeService, Service, ServiceBuilder};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, ClusterBuilder, Command, ConnectConfig, Connection, ConnectionCache,
    ConnectionCacheLayer, Connector, ConversionError, Delivery, Error, ErrorKind,
    ExclusiveLaneLayer, FromValue, Lease, Metrics, NodeAddr, NodeLayer, RetryLayer, RetryPolicy,
    RouteLayer, ServerError, Slot, TimeoutLayer, Topology, Value, cmd,
};

/// An application's state: the default stack needs no parameters.
#[derive(Clone)]
struct App {
    cluster: Cluster,
}

fn is_shared<T: Clone + Send + Sync + 'static>() {}

fn is_error<E: std::error::Error + Clone + Send + Sync + 'static>() {}

fn converts<T: FromValue>() {}

#[tokio::test]
async fn the_handle_is_used_by_reference() {
    let fake = FakeCluster::start(3).await;
    let app = App {
        cluster: Cluster::connect(&fake.urls()[0]).await.expect("it runs"),
    };
    let cluster: &Cluster = &app.cluster;

    let sent: Result<Value, Error> = cluster.send(cmd("PING")).await;
    sent.expect("it answers");
    let length = cluster
        .query::<usize>(cmd("STRLEN").arg("user:1"))
        .await
        .expect("it answers");
    assert_eq!(length, 0);
    let name: Option<String> = cluster.get("user:1").await.expect("it answers");
    assert_eq!(name, None);
    let metrics: Metrics = cluster.metrics();
    assert_eq!(metrics.dials_failed, 0);
}

#[tokio::test]
async fn the_builder_has_a_setting_for_each_part_of_the_stack() {
    let fake = FakeCluster::start(1).await;
    let builder: ClusterBuilder = Cluster::builder(fake.urls())
        .timeout(Duration::from_millis(400))
        .connect_timeout(Duration::from_secs(2))
        .retry(RetryPolicy::new(3))
        .retry(3)
        .max_redirects(5)
        .max_in_flight(1024);
    let plain: Cluster = builder.clone().connect().await.expect("it runs");
    plain.send(cmd("PING")).await.expect("it answers");

    let layered = builder
        .attempt_layer(Identity::new())
        .node_layer(ConcurrencyLimitLayer::new(1024))
        .connect_layer(ConcurrencyLimitLayer::new(1))
        .connect()
        .await
        .expect("it runs");
    layered.send(cmd("PING")).await.expect("it answers");
}

#[test]
fn the_stack_of_the_front_page_is_a_cluster() {
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(400)))
        .layer(RetryLayer::new(RetryPolicy::new(3)))
        .layer(RouteLayer::new(["redis://10.0.0.1:7000"]))
        .layer(ConnectionCacheLayer::new())
        .layer(NodeLayer::new(ConcurrencyLimitLayer::new(1024)))
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .service(Connector::new(ConnectConfig::default()));

    let cluster = Cluster::new(stack);
    let name = async {
        let name: Option<String> = cluster.get("user:1").await?;
        Ok::<_, Error>(name)
    };
    drop(name);
}

#[tokio::test]
async fn a_layer_below_the_retries_may_box_its_errors() {
    #[derive(Debug)]
    struct Foreign;

    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("foreign")
        }
    }

    impl std::error::Error for Foreign {}

    let failing = tower::service_fn(async |_: Command| Err::<Value, _>(Foreign));
    let cluster = Cluster::new(
        ServiceBuilder::new()
            .layer(RetryLayer::new(RetryPolicy::new(0)))
            .layer(MapErrLayer::new(BoxError::from))
            .service(tower::util::BoxCloneService::new(failing)),
    );
    let error = cluster.send(cmd("GET").arg("k")).await.expect_err("fails");
    assert_eq!(error.kind(), ErrorKind::Other);
}

#[test]
fn what_is_handed_around_is_shared() {
    is_shared::<App>();
    is_shared::<Cluster>();
    is_shared::<Command>();
    is_shared::<Connection>();
    is_shared::<ConnectionCache<Connector>>();
    is_shared::<ConnectionCacheLayer>();
    is_shared::<Connector>();
    is_shared::<ExclusiveLaneLayer>();
    is_shared::<Lease>();
    is_shared::<Cluster<Lease>>();
    is_shared::<NodeAddr>();
    is_shared::<RetryPolicy>();
    is_shared::<RouteLayer>();
    is_shared::<TimeoutLayer>();
    is_shared::<Topology>();
    is_shared::<Value>();
    is_error::<Error>();
    is_error::<ServerError>();
    is_error::<ConversionError>();
}

#[test]
fn each_part_is_a_tower_service_by_itself() {
    fn takes_commands<S: Service<Command, Response = Value> + Clone>() {}
    fn makes_nodes<M: MakeService<NodeAddr, Command, Response = Value> + Clone>() {}
    fn is_layer<L: Layer<S>, S>(_: L) {}

    takes_commands::<Cluster>();
    takes_commands::<Connection>();
    takes_commands::<Lease>();
    makes_nodes::<Connector>();
    makes_nodes::<ConnectionCache<Connector>>();
    is_layer::<_, Connector>(ConnectionCacheLayer::new());
    is_layer::<_, Connector>(ExclusiveLaneLayer::new());
    is_layer::<_, Connector>(NodeLayer::new(Identity::new()));
    is_layer::<_, ConnectionCache<Connector>>(RouteLayer::new(["10.0.0.1:7000"]));
    is_layer::<_, Connection>(TimeoutLayer::new(Duration::from_secs(1)));
}

#[test]
fn commands_are_built_by_chaining() {
    let command: Command = cmd("X.SET")
        .key("user:1")
        .arg("Ann")
        .timeout(Duration::from_secs(1))
        .idempotent();
    let slot: Option<Slot> = command.slot().expect("one key");
    assert_eq!(slot, Some(Slot::of("user:1")));
}

#[test]
fn errors_say_what_and_how_far() {
    let error = Error::from(ServerError::new("TRYAGAIN not yet"));
    let (kind, delivery): (ErrorKind, Delivery) = (error.kind(), error.delivery());
    assert_eq!((kind, delivery), (ErrorKind::Server, Delivery::NotApplied));
    assert_ne!(Delivery::NotSent, Delivery::Unknown);
    converts::<Option<String>>();
}

#[test]
fn no_request_in_flight_is_no_setting() {
    let error = Cluster::builder(["redis://10.0.0.1"])
        .max_in_flight(0)
        .build()
        .map(drop)
        .expect_err("nothing could be sent");
    assert_eq!(error.kind(), ErrorKind::Config);
}
