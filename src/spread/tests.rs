//! The layer over a cache over mocks: a `Mock` that makes `Mock`s, and time that is paused.

use std::collections::HashSet;
use std::future::ready;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_test::mock::{self, Mock, SendResponse};

use super::future::ResponseFuture;
use super::others::share;
use super::{Spread, SpreadLayer, SpreadNode};
use crate::addr::NodeAddr;
use crate::cache::ConnectionCacheLayer;
use crate::command::{Command, Slot, cmd};
use crate::error::{Delivery, ErrorKind};
use crate::metrics::{Counters, Metrics};
use crate::value::Value;

type Connection = Mock<Command, Value>;
type Peer = mock::Handle<Command, Value>;
type Make = Mock<NodeAddr, Connection>;
type Response = task::Spawn<ResponseFuture<Connection>>;

const CONNECTIONS: usize = 3;

struct Fixture {
    spread: Spread<Make>,
    dials: mock::Handle<NodeAddr, Connection>,
    counters: Counters,
}

impl Fixture {
    fn new(connections: usize) -> Self {
        Self::with(connections, ConnectionCacheLayer::new())
    }

    fn with(connections: usize, cache: ConnectionCacheLayer) -> Self {
        let counters = Counters::new();
        let (make, dials) = mock::pair();
        let cache = cache.counters(counters.clone()).layer(make);
        Self {
            spread: SpreadLayer::new(connections).layer(cache),
            dials,
            counters,
        }
    }

    /// The node, whose first connection is made if there is none.
    async fn node(&mut self) -> SpreadNode<Make> {
        let made = self.spread.clone().oneshot(addr());
        soon(made).await.expect("made")
    }

    /// The node, with the peer of its first connection.
    async fn first(&mut self) -> (SpreadNode<Make>, Peer) {
        let mut made = task::spawn(self.spread.clone().oneshot(addr()));
        assert_pending!(made.poll());
        let peer = self.accept().await;
        (soon(made).await.expect("made"), peer)
    }

    /// The node with all its connections, and their peers.
    async fn all(&mut self) -> (SpreadNode<Make>, Vec<Peer>) {
        let (mut node, first) = self.first().await;
        let mut peers = vec![first];
        for share in 1..CONNECTIONS {
            let response = send(&mut node, get(share));
            arrives(&mut peers[0]).await.send_response(Value::Nil);
            soon(response).await.expect("a reply");
            peers.push(self.accept().await);
        }
        settle().await;
        (node, peers)
    }

    async fn dial(&mut self) -> SendResponse<Connection> {
        let dial = soon(self.dials.next_request()).await;
        dial.expect("the cache lives").1
    }

    /// Lets the next dial succeed.
    async fn accept(&mut self) -> Peer {
        let (connection, peer) = mock::pair();
        self.dial().await.send_response(connection);
        settle().await;
        peer
    }

    async fn assert_no_dial(&mut self) {
        settle().await;
        assert!(
            matches!(self.dials.poll_request(), Poll::Pending),
            "an unwanted dial"
        );
    }

    fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }
}

fn addr() -> NodeAddr {
    NodeAddr::new("node", 1)
}

/// A `GET` for that one of the connections.
fn get(of: usize) -> Command {
    let mut keys = (0..1000).map(|n| format!("key:{n}"));
    let key = keys.find(|key| share(Slot::of(key), CONNECTIONS) == of);
    cmd("GET").arg(key.expect("one in three"))
}

/// A command, sent and polled once.
fn send(node: &mut SpreadNode<Make>, command: Command) -> Response {
    let mut ready = task::spawn(std::future::poll_fn(|cx| node.poll_ready(cx)));
    assert_ready_ok!(ready.poll());
    drop(ready);
    let mut response = task::spawn(node.call(command));
    assert_pending!(response.poll());
    response
}

async fn arrives(peer: &mut Peer) -> SendResponse<Value> {
    next(peer).await.1
}

async fn next(peer: &mut Peer) -> (Command, SendResponse<Value>) {
    let request = soon(peer.next_request()).await;
    request.expect("the connection lives")
}

fn assert_quiet(peer: &mut Peer) {
    assert!(matches!(peer.poll_request(), Poll::Pending));
}

fn is_closed(peer: &mut Peer) -> bool {
    matches!(peer.poll_request(), Poll::Ready(None))
}

/// What `future` gives. Time is paused, so that a test that waits for nothing fails at once and does not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    let day = Duration::from_secs(24 * 3600);
    tokio::time::timeout(day, future)
        .await
        .expect("it never comes")
}

/// Lets every task that can run do so, without letting time pass.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_one_connection_everything_takes_it() {
    let mut fixture = Fixture::new(1);
    let (mut node, mut peer) = fixture.first().await;
    for command in [get(0), get(1), get(2), cmd("WAIT").arg(1).arg(100)] {
        let name = command.name();
        let response = send(&mut node, command);
        let (command, answer) = next(&mut peer).await;
        assert_eq!(command.name(), name);
        answer.send_response(Value::Nil);
        soon(response).await.expect("a reply");
    }
    fixture.assert_no_dial().await;
    // Its readiness is the node's.
    peer.allow(0);
    let mut ready = task::spawn(std::future::poll_fn(|cx| node.poll_ready(cx)));
    assert_pending!(ready.poll());
    peer.allow(1);
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn a_command_does_not_wait_until_its_connection_is_made() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut first) = fixture.first().await;
    let _one = send(&mut node, get(1));
    arrives(&mut first).await;
    let dial = fixture.dial().await;
    // Nor do those that follow, and they have no further one made.
    let _two = send(&mut node, get(1));
    arrives(&mut first).await;
    fixture.assert_no_dial().await;
    let (connection, mut other) = mock::pair();
    dial.send_response(connection);
    settle().await;
    let _three = send(&mut node, get(1));
    arrives(&mut other).await;
    assert_quiet(&mut first);
    assert_eq!(fixture.metrics().dials_shared, 0);
}

#[tokio::test(start_paused = true)]
async fn each_slot_has_its_connection_and_the_rest_has_the_first() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    for of in [0, 2, 1, 1, 2, 0] {
        let _response = send(&mut node, get(of));
        let (command, _) = next(&mut peers[of]).await;
        assert!(command.args().eq(get(of).args()));
        peers.iter_mut().for_each(assert_quiet);
    }
    for command in [cmd("PING"), cmd("CLUSTER").arg("SLOTS")] {
        let _response = send(&mut node, command);
        arrives(&mut peers[0]).await;
    }
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_an_exclusive_connection_has_no_shared_one_made() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut first) = fixture.first().await;
    let key = get(1).args().nth(1).expect("a key").to_vec();
    let _response = send(&mut node, cmd("BLPOP").arg(&key[..]).arg(0));
    arrives(&mut first).await;
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_made_is_done_without_and_tried_again_after_a_while() {
    let impatient = ConnectionCacheLayer::new().patience(Duration::ZERO);
    let mut fixture = Fixture::with(CONNECTIONS, impatient);
    let (mut node, mut first) = fixture.first().await;
    let _one = send(&mut node, get(1));
    arrives(&mut first).await;
    fixture.dial().await.send_error("too many clients");
    settle().await;
    let _two = send(&mut node, get(1));
    arrives(&mut first).await;
    fixture.assert_no_dial().await;
    assert_eq!(fixture.metrics().dials_refused, 0);

    tokio::time::advance(Duration::from_millis(500)).await;
    let _three = send(&mut node, get(1));
    arrives(&mut first).await;
    let mut other = fixture.accept().await;
    let _four = send(&mut node, get(1));
    arrives(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_replaced_by_itself() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    peers[1].send_error("closed");
    let _one = send(&mut node, get(1));
    arrives(&mut peers[0]).await;
    assert_eq!(fixture.metrics().open_connections, 2);
    let _two = send(&mut node, get(1));
    arrives(&mut peers[0]).await;
    let mut successor = fixture.accept().await;
    let _three = send(&mut node, get(1));
    arrives(&mut successor).await;
    let _four = send(&mut node, get(2));
    arrives(&mut peers[2]).await;
    assert_eq!(fixture.metrics().open_connections, 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_its_first_connection_is_finished_and_its_successor_has_the_others() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    let in_flight = send(&mut node, get(2));
    let answer = arrives(&mut peers[2]).await;
    peers[0].send_error("closed");
    let error = node.ready().await.map(drop).expect_err("finished");
    assert_eq!(error.delivery(), Delivery::NotSent);
    let (mut node, mut first) = fixture.first().await;
    let _one = send(&mut node, get(0));
    arrives(&mut first).await;
    let _two = send(&mut node, get(1));
    arrives(&mut peers[1]).await;
    answer.send_response(Value::Integer(1));
    let reply = soon(in_flight).await.expect("a reply");
    assert_eq!(reply, Value::Integer(1));
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_connection_found_closed_by_the_call_was_not_sent_to() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    node.ready().await.expect("ready");
    peers[0].send_error("closed");
    let error = node.call(get(0)).await.expect_err("closed");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(fixture.metrics().open_connections, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_ready_holds_up_its_own_commands_only() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    for of in 0..CONNECTIONS {
        peers[of].allow(0);
        let mut waiting = send(&mut node.clone(), get(of));
        settle().await;
        peers.iter_mut().for_each(assert_quiet);
        let other = (of + 1) % CONNECTIONS;
        let _response = send(&mut node, get(other));
        arrives(&mut peers[other]).await;
        peers[of].allow(u64::MAX);
        assert!(waiting.is_woken());
        assert_pending!(waiting.poll());
        let answer = arrives(&mut peers[of]).await;
        answer.send_response(Value::Nil);
        soon(waiting).await.expect("a reply");
    }
}

#[tokio::test]
async fn a_node_whose_command_waits_keeps_no_place_in_a_queue_itself() {
    let connection = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(async |command: Command| match &*command.name() {
            "SLOW" => std::future::pending().await,
            _ => Ok::<_, BoxError>(Value::Nil),
        });
    let make = service_fn(move |_: NodeAddr| ready(Ok::<_, BoxError>(connection.clone())));
    let cache = ConnectionCacheLayer::new().layer(make);
    let spread = SpreadLayer::new(CONNECTIONS).layer(cache);
    let mut node = spread.oneshot(addr()).await.expect("made");
    let mut ask = |command| {
        assert_ready_ok!(task::spawn(()).enter(|cx, _| node.poll_ready(cx)));
        task::spawn(node.call(command))
    };
    let mut slow = ask(cmd("SLOW"));
    assert_pending!(slow.poll());
    let mut waiting = ask(cmd("PING"));
    assert_pending!(waiting.poll());
    drop(slow);
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_waits_in_vain_was_not_sent() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    peers[1].allow(0);
    let dropped = send(&mut node, get(1));
    drop(dropped);
    let mut command = get(1);
    command.set_deadline(Instant::now() + Duration::from_secs(1));
    let mut late = send(&mut node, command);
    let mut closed = send(&mut node, get(1));
    tokio::time::advance(Duration::from_secs(1)).await;
    let Poll::Ready(Err(error)) = late.poll() else {
        panic!("too late");
    };
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::NotSent)
    );
    assert_quiet(&mut peers[1]);
    peers[1].send_error("closed");
    assert!(closed.is_woken());
    let Poll::Ready(Err(error)) = closed.poll() else {
        panic!("its connection is finished");
    };
    assert_eq!(error.delivery(), Delivery::NotSent);
}

#[tokio::test(start_paused = true)]
async fn what_asks_about_one_connection_is_refused() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut first) = fixture.first().await;
    for wait in [cmd("WAIT").arg(1), cmd("WAITAOF").arg(1).arg(1)] {
        let command = wait.arg(100).target(Slot::of("k").into());
        let error = soon(node.ready().await.expect("ready").call(command)).await;
        let error = error.expect_err("refused");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::InvalidCommand, Delivery::NotSent)
        );
        assert!(error.to_string().contains("lease"), "{error}");
    }
    assert_quiet(&mut first);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_stays_one_unit_on_the_connection_of_its_first_key() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut peers) = fixture.all().await;
    let parts = [cmd("PING"), get(2), get(1), get(0)];
    let _response = send(&mut node, Command::pipeline(parts));
    let (command, _) = next(&mut peers[2]).await;
    assert_eq!(command.batch().expect("a batch").commands().len(), 4);
    peers.iter_mut().for_each(assert_quiet);
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted_each_and_hits_once() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (_node, _peers) = fixture.all().await;
    let before = fixture.metrics();
    assert_eq!((before.open_connections, before.dials_succeeded), (3, 3));
    let mut node = fixture.node().await;
    let _response = send(&mut node, get(1));
    assert_eq!(fixture.metrics().cache_hits, before.cache_hits + 1);
}

#[tokio::test(start_paused = true)]
async fn with_its_node_all_connections_go() {
    let (nodes, watched) = watch::channel(Arc::new(HashSet::from([addr()])));
    let cache = ConnectionCacheLayer::new().retain_only(watched);
    let mut fixture = Fixture::with(CONNECTIONS, cache);
    let (node, mut peers) = fixture.all().await;
    nodes.send_replace(Arc::new(HashSet::from([NodeAddr::new("another", 1)])));
    settle().await;
    assert!(is_closed(&mut peers[1]) && is_closed(&mut peers[2]));
    assert!(!is_closed(&mut peers[0]), "its handle is held");
    drop(node);
    assert!(is_closed(&mut peers[0]));
    assert_eq!(fixture.metrics().open_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn with_the_last_clone_all_connections_and_dials_go() {
    let mut fixture = Fixture::new(CONNECTIONS);
    let (mut node, mut first) = fixture.first().await;
    let _one = send(&mut node, get(1));
    let mut other = fixture.accept().await;
    let _two = send(&mut node, get(2));
    let dial = fixture.dial().await;
    let Fixture { spread, .. } = fixture;
    drop((spread, node));
    settle().await;
    let (connection, mut late) = mock::pair::<Command, Value>();
    dial.send_response(connection);
    for _ in 0..2 {
        arrives(&mut first).await;
    }
    assert!(is_closed(&mut first) && is_closed(&mut other) && is_closed(&mut late));
}

/// What one connection per node pays for there being such a layer.
#[test]
fn one_connection_costs_next_to_nothing() {
    type Node = <Make as Service<NodeAddr>>::Response;
    type Reply = <Node as Service<Command>>::Future;
    let word = size_of::<usize>();
    assert!(size_of::<ResponseFuture<Node>>() <= size_of::<Reply>() + word);
    assert!(size_of::<SpreadNode<Make>>() <= size_of::<crate::cache::Cached<Node>>() + word);
    let spread = Fixture::new(1).spread;
    assert!(spread.others.is_none() && spread.clone().others.is_none());
}
