//! Layers that clone, cut off or repeat batches.

use std::future::{Ready, ready};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, Connector, ErrorKind, Pipeline, RetryPolicy, ServerError,
    Slot, Value, cmd,
};

/// One key on each node, set to 0.
async fn keys<S>(fake: &FakeCluster, cluster: &Cluster<S>) -> Vec<String>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Clone,
{
    let key = |node| {
        let mut keys = (0..).map(|n| format!("k{n}"));
        keys.find(|key| fake.owner(Slot::of(key)) == Some(node))
            .expect("each node has keys")
    };
    let keys: Vec<_> = (0..3).map(key).collect();
    for key in &keys {
        let set = cmd("SET").arg((key, 0));
        cluster.query::<()>(set).await.expect("it serves");
    }
    keys
}

fn get_all(keys: &[String]) -> Pipeline {
    keys.iter().fold(Pipeline::new(), |all, key| all.get(key))
}

/// An application's own policy, which tries again at once whatever has failed.
#[derive(Clone)]
struct Always;

impl Policy<Command, Value, BoxError> for Always {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Command,
        result: &mut Result<Value, BoxError>,
    ) -> Option<Ready<()>> {
        result.is_err().then(|| ready(()))
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }
}

#[tokio::test]
async fn retries_of_the_application_s_own_send_a_pipeline_again() {
    let fake = FakeCluster::start(3).await;
    let cut_off = ServiceBuilder::new()
        .layer(RetryLayer::new(Always))
        .layer(TimeoutLayer::new(Duration::from_millis(50)))
        .into_inner();
    let builder = Cluster::builder(fake.urls()).attempt_layer(cut_off);
    let cluster = builder.connect().await.expect("it runs");
    let keys = keys(&fake, &cluster).await;
    fake.node(1).stall();
    let resume = async {
        sleep(Duration::from_millis(120)).await;
        // From then on the first thing a new attempt meets is a connection that is gone.
        fake.node(1).kill_connections();
        fake.node(1).resume();
    };
    let get = cluster.pipeline::<Vec<u32>>(get_all(&keys));
    let (all, ()) = tokio::join!(timeout(Duration::from_secs(1), get), resume);
    assert_eq!(all.expect("in time").expect("the node is back"), [0, 0, 0]);
}

#[tokio::test]
async fn one_retry_is_enough_for_a_pipeline_that_a_layer_below_has_cut_off() {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::builder(fake.urls())
        .retry(RetryPolicy::new(1))
        .attempt_layer(TimeoutLayer::new(Duration::from_millis(100)));
    let cluster = cluster.connect().await.expect("it runs");
    let keys = keys(&fake, &cluster).await;
    fake.node(1).stall();
    let resume = async {
        sleep(Duration::from_millis(150)).await;
        fake.node(1).resume();
    };
    let (all, ()) = tokio::join!(cluster.pipeline::<Vec<u32>>(get_all(&keys)), resume);
    assert_eq!(all.expect("the node is back"), [0, 0, 0]);
}

#[tokio::test]
async fn a_pipeline_command_that_is_sent_again_is_another_request() {
    let fake = FakeCluster::start(3).await;
    let builder = Cluster::builder(fake.urls()).timeout(Duration::from_millis(200));
    let cluster = builder.connect().await.expect("it runs");
    let keys = keys(&fake, &cluster).await;
    let all = Command::pipeline(keys.iter().map(|key| cmd("INCR").arg(key)));
    let mut stack = cluster.into_inner();
    fake.node(1).stall();
    let first = stack.ready().await.expect("ready").call(all.clone()).await;
    first.expect_err("a node stalls");
    fake.heal();
    let second = stack.ready().await.expect("ready").call(all).await;
    let replies = second.expect("the node is back");
    let first_reply = replies.as_array().and_then(|replies| replies.first());
    assert_eq!(first_reply, Some(&Value::Integer(2)));
}

#[tokio::test]
async fn without_a_route_a_pipeline_is_not_sent_again_in_part() {
    let fake = FakeCluster::start(1).await;
    let connector = Connector::new(ConnectConfig::default());
    let connection = connector.oneshot(fake.node(0).addr());
    let connection = connection.await.expect("it runs");
    let cluster = Cluster::new(RetryLayer::new(RetryPolicy::new(3)).layer(connection));
    let refusal = Value::Error(ServerError::new("LOADING soon"));
    fake.node(0).answer("GET", refusal, 1);
    let results = cluster.pipeline_each(Pipeline::new().incr("n").get("x"));
    let results = results.await.expect("sent");
    assert_eq!(results[0].as_ref().ok(), Some(&Value::Integer(1)));
    let error = results[1].as_ref().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(cluster.get::<u32>("n").await.expect("a number"), 1);
}
