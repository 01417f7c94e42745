//! Lanes over mocks: a `Mock` that makes `Mock`s, and time that is paused.

use std::task::Poll;
use std::time::Duration;

use tokio_test::task;
use tower::{Layer, Service, ServiceExt};
use tower_test::mock::{self, Mock, SendResponse};

use super::future::ResponseFuture;
use super::{ExclusiveLaneLayer, ExclusiveLanes, Laned};
use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::{Counters, Metrics};
use crate::value::Value;

type Connection = Mock<Command, Value>;
type Peer = mock::Handle<Command, Value>;
type Response = task::Spawn<ResponseFuture<<Connection as Service<Command>>::Future>>;

struct Fixture {
    lanes: ExclusiveLanes<Mock<NodeAddr, Connection>>,
    dials: mock::Handle<NodeAddr, Connection>,
    counters: Counters,
}

impl Fixture {
    fn new(layer: ExclusiveLaneLayer) -> Self {
        let counters = Counters::new();
        let (make, dials) = mock::pair();
        Self {
            lanes: layer.counters(counters.clone()).layer(make),
            dials,
            counters,
        }
    }

    /// The service for the node, with the peer of its shared connection.
    async fn node(&mut self) -> (Laned<Connection>, Peer) {
        let making = self.lanes.clone().oneshot(NodeAddr::new("node", 1));
        let mut making = task::spawn(making);
        assert!(making.poll().is_pending());
        let peer = self.accept().await;
        (making.await.expect("made"), peer)
    }

    async fn dial(&mut self) -> SendResponse<Connection> {
        self.dials.next_request().await.expect("the lane lives").1
    }

    /// Lets the next dial succeed.
    async fn accept(&mut self) -> Peer {
        let (connection, peer) = mock::pair();
        self.dial().await.send_response(connection);
        peer
    }

    async fn assert_no_dial(&mut self) {
        settle().await;
        assert!(matches!(self.dials.poll_request(), Poll::Pending));
    }

    fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }
}

/// A command that waits, sent and polled once.
fn block(node: &Laned<Connection>) -> Response {
    let mut response = task::spawn(node.clone().call(cmd("BLPOP").arg("q").arg(0)));
    assert!(response.poll().is_pending());
    response
}

/// What arrives at a peer.
async fn arrives(peer: &mut Peer) -> SendResponse<Value> {
    let request = tokio::time::timeout(Duration::from_secs(1), peer.next_request()).await;
    let (command, answer) = request.expect("in time").expect("the connection lives");
    assert_eq!(command.name(), "BLPOP");
    answer
}

async fn finish(response: Response) -> Result<Value, Error> {
    let response = tokio::time::timeout(Duration::from_secs(1), response).await;
    response.expect("in time")
}

/// Lets every task that can run do so, without letting time pass.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

fn is_closed(peer: &mut Peer) -> bool {
    matches!(peer.poll_request(), Poll::Ready(None))
}

#[tokio::test(start_paused = true)]
async fn what_blocks_takes_the_lane_and_the_rest_does_not() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (mut node, mut shared) = fixture.node().await;
    let get = node.ready().await.expect("ready").call(cmd("GET").arg("k"));
    let (command, answer) = shared.next_request().await.expect("GET");
    assert_eq!(command.name(), "GET");
    answer.send_response(Value::Nil);
    assert_eq!(get.await.expect("a reply"), Value::Nil);

    let mut blocked = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(blocked.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Integer(1));
    assert_eq!(finish(blocked).await.expect("a reply"), Value::Integer(1));
    assert!(matches!(shared.poll_request(), Poll::Pending));

    let mut again = block(&node);
    assert!(again.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Integer(2));
    finish(again).await.expect("over the same connection");
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn dropped_caller_leaves_the_dial_running_for_the_next() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (node, _shared) = fixture.node().await;
    let blocked = block(&node);
    let dial = fixture.dial().await;
    drop(blocked);
    let (connection, mut peer) = mock::pair();
    dial.send_response(connection);
    settle().await;
    assert_eq!(fixture.metrics().exclusive_connections, 1);
    let _blocked = block(&node);
    arrives(&mut peer).await;
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn dropped_caller_closes_the_connection_it_waits_on() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (node, _shared) = fixture.node().await;
    let mut blocked = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(blocked.poll().is_pending());
    let _answer = arrives(&mut peer).await;
    drop(blocked);
    assert!(is_closed(&mut peer));
    let metrics = fixture.metrics();
    assert_eq!(
        (
            metrics.exclusive_connections,
            metrics.exclusive_closed_unclean
        ),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_served_in_the_order_of_their_arrival() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
    let (node, _shared) = fixture.node().await;
    let mut first = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(first.poll().is_pending());
    let answer = arrives(&mut peer).await;
    let (second, mut third, mut fourth) = (block(&node), block(&node), block(&node));
    fixture.assert_no_dial().await;
    drop(second);
    answer.send_response(Value::Nil);
    finish(first).await.expect("a reply");
    settle().await;
    assert!(third.is_woken() && !fourth.is_woken());
    assert!(third.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Nil);
    finish(third).await.expect("a reply");
    assert!(fourth.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Nil);
    finish(fourth).await.expect("a reply");
    assert_eq!(fixture.metrics().exclusive_waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_makes_room_for_one_who_waits() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
    let (node, _shared) = fixture.node().await;
    let mut first = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(first.poll().is_pending());
    let _answer = arrives(&mut peer).await;
    let mut second = block(&node);
    drop(first);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(second.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Nil);
    finish(second).await.expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_failed_dial_fails_who_waits_longest_and_is_not_repeated_for_it() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
    let (node, _shared) = fixture.node().await;
    let (first, mut second) = (block(&node), block(&node));
    fixture.dial().await.send_error("refused");
    let error = finish(first).await.expect_err("refused");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Connect, Delivery::NotSent)
    );
    assert_eq!(error.node(), Some(&NodeAddr::new("node", 1)));
    // The other gets an attempt of its own.
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(second.poll().is_pending());
    arrives(&mut peer).await;
    assert_eq!(fixture.metrics().exclusive_dials_failed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_turns_out_closed_is_passed_over() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (node, _shared) = fixture.node().await;
    let mut blocked = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(blocked.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Nil);
    finish(blocked).await.expect("a reply");
    peer.send_error("closed by the server");
    let mut blocked = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(blocked.poll().is_pending());
    arrives(&mut peer).await.send_response(Value::Nil);
    finish(blocked).await.expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn with_the_last_service_for_the_node_idle_connections_are_closed() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (node, _shared) = fixture.node().await;
    let (mut first, mut second) = (block(&node), block(&node));
    let (mut one, mut two) = (fixture.accept().await, fixture.accept().await);
    settle().await;
    assert!(first.poll().is_pending() && second.poll().is_pending());
    arrives(&mut one).await.send_response(Value::Nil);
    finish(first).await.expect("a reply");
    let answer = arrives(&mut two).await;
    let clone = node.clone();
    drop(node);
    assert!(!is_closed(&mut one));
    drop(clone);
    assert!(is_closed(&mut one));
    // What is in use is closed when it was answered.
    answer.send_response(Value::Nil);
    finish(second).await.expect("a reply");
    assert!(is_closed(&mut two));
    assert_eq!(fixture.metrics().exclusive_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn the_lane_outlasts_the_shared_connection() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
    let (node, _shared) = fixture.node().await;
    let mut blocked = block(&node);
    let mut peer = fixture.accept().await;
    settle().await;
    assert!(blocked.poll().is_pending());
    let answer = arrives(&mut peer).await;
    drop(node);
    let (node, _shared) = fixture.node().await;
    let mut second = block(&node);
    fixture.assert_no_dial().await;
    answer.send_response(Value::Nil);
    finish(blocked).await.expect("a reply");
    assert!(second.poll().is_pending());
    arrives(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_nobody_can_use_ends_its_dials() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let (node, _shared) = fixture.node().await;
    let blocked = block(&node);
    let dial = fixture.dial().await;
    drop((blocked, node));
    settle().await;
    let (connection, mut peer) = mock::pair::<Command, Value>();
    dial.send_response(connection);
    assert!(is_closed(&mut peer));
}

#[tokio::test(start_paused = true)]
async fn connections_are_closed_after_they_were_idle_for_long_enough_each() {
    let lanes = ExclusiveLaneLayer::new().idle_timeout(Duration::from_secs(10));
    let mut fixture = Fixture::new(lanes);
    let (node, _shared) = fixture.node().await;
    let (mut first, mut second) = (block(&node), block(&node));
    let (mut one, mut two) = (fixture.accept().await, fixture.accept().await);
    settle().await;
    assert!(first.poll().is_pending() && second.poll().is_pending());
    arrives(&mut one).await.send_response(Value::Nil);
    finish(first).await.expect("a reply");
    tokio::time::sleep(Duration::from_secs(6)).await;
    arrives(&mut two).await.send_response(Value::Nil);
    finish(second).await.expect("a reply");
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    assert!(is_closed(&mut one) && !is_closed(&mut two));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(is_closed(&mut two));
    assert_eq!(fixture.metrics().exclusive_closed_idle, 2);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

#[test]
fn the_end_of_a_runtime_ends_the_wait_for_its_dials() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new());
    let first = runtime();
    let (blocked, _node) = first.block_on(async {
        let (node, shared) = fixture.node().await;
        (block(&node), (node, shared))
    });
    drop(first);
    let error = runtime().block_on(blocked).expect_err("nobody dials");
    assert_eq!(error.kind(), ErrorKind::Shutdown);
}

#[test]
fn who_waits_on_another_runtime_gets_a_dial_there() {
    let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
    let (first, other) = (runtime(), runtime());
    let (node, _shared) = first.block_on(fixture.node());
    let ended = {
        let _entered = first.enter();
        block(&node)
    };
    other.block_on(async {
        let mut blocked = block(&node);
        let _also = block(&node);
        tokio::task::spawn_blocking(move || drop(first))
            .await
            .expect("ended");
        assert_eq!(
            finish(ended).await.expect_err("no dial").kind(),
            ErrorKind::Shutdown
        );
        let mut peer = fixture.accept().await;
        settle().await;
        assert!(blocked.poll().is_pending());
        arrives(&mut peer).await.send_response(Value::Integer(1));
        assert_eq!(finish(blocked).await.expect("a reply"), Value::Integer(1));
    });
}

#[test]
fn idle_connections_are_closed_also_when_the_first_runtime_has_gone() {
    let lanes = ExclusiveLaneLayer::new().idle_timeout(Duration::from_secs(10));
    let mut fixture = Fixture::new(lanes);
    let first = runtime();
    let (node, _shared, mut peer) = first.block_on(async {
        let (node, shared) = fixture.node().await;
        let mut blocked = block(&node);
        let mut peer = fixture.accept().await;
        settle().await;
        assert!(blocked.poll().is_pending());
        arrives(&mut peer).await.send_response(Value::Nil);
        finish(blocked).await.expect("a reply");
        (node, shared, peer)
    });
    drop(first);
    runtime().block_on(async {
        let blocked = block(&node);
        arrives(&mut peer).await.send_response(Value::Nil);
        finish(blocked).await.expect("a reply");
        assert!(!is_closed(&mut peer));
        tokio::time::sleep(Duration::from_secs(21)).await;
        assert!(is_closed(&mut peer));
    });
}

#[test]
fn a_runtime_that_was_shut_down_makes_nobody_wait_for_a_connection() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let (first, second, _fixture, _shared) = runtime.block_on(async {
            let mut fixture = Fixture::new(ExclusiveLaneLayer::new().max_connections(1));
            let (node, shared) = fixture.node().await;
            let mut first = block(&node);
            let mut peer = fixture.accept().await;
            settle().await;
            assert!(first.poll().is_pending());
            let _blpop = peer.next_request().await.expect("BLPOP");
            (first, block(&node), fixture, shared)
        });
        drop(runtime);
        // Its connection is closed, and one is to be made for the second, where that is not possible any more.
        drop(first);
        let mut second = second;
        let Poll::Ready(Err(error)) = second.poll() else {
            panic!("it is told");
        };
        assert_eq!(error.kind(), ErrorKind::Shutdown);
    };
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        run();
        done.send(())
    });
    is_done
        .recv_timeout(Duration::from_secs(5))
        .expect("neither blocked nor failed");
}
