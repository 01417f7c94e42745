use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Layer, Service};
use tower_test::mock;

use super::{Breaker, BreakerLayer, BreakerState, Outcome};
use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::Counters;
use crate::value::{ServerError, Value};

const MS: Duration = Duration::from_millis(1);
const FAILURES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

type Mock = mock::Mock<Command, Value>;
type Handle = mock::Handle<Command, Value>;
type Response = super::future::ResponseFuture<mock::future::ResponseFuture<Value>>;

/// One node's breaker and connection, and the node.
struct Node {
    layer: BreakerLayer,
    counters: Counters,
    service: task::Spawn<Breaker<Mock>>,
    handle: Handle,
}

fn addr(port: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", port)
}

fn get() -> Command {
    cmd("GET").arg("k")
}

fn timeout() -> Error {
    Error::not_sent(ErrorKind::Timeout, "no answer").with_delivery(Delivery::Unknown)
}

fn connect(layer: &BreakerLayer, addr: &NodeAddr) -> (task::Spawn<Breaker<Mock>>, Handle) {
    let (mock, handle) = mock::pair();
    (task::spawn(layer.for_node(addr).layer(mock)), handle)
}

fn poll_ready(service: &mut task::Spawn<Breaker<Mock>>) -> Poll<Result<(), BoxError>> {
    service.enter(|cx, mut service| service.poll_ready(cx))
}

fn call(service: &mut task::Spawn<Breaker<Mock>>, command: Command) -> task::Spawn<Response> {
    assert_ready_ok!(poll_ready(service));
    task::spawn(service.call(command))
}

/// Asks and calls; the error with which it is refused.
fn refusal(service: &mut task::Spawn<Breaker<Mock>>) -> Error {
    let error = Error::from(assert_ready_err!(call(service, get()).poll()));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.delivery(), Delivery::NotSent);
    error
}

impl Node {
    fn new() -> Self {
        Self::with(|layer| layer)
    }

    fn with(set: impl FnOnce(BreakerLayer) -> BreakerLayer) -> Self {
        let counters = Counters::new();
        let layer = BreakerLayer::new()
            .failures(FAILURES, Duration::ZERO)
            .pause(FIRST_PAUSE, LONGEST_PAUSE)
            .counters(counters.clone());
        let layer = set(layer);
        let (service, handle) = connect(&layer, &addr(1));
        Self {
            layer,
            counters,
            service,
            handle,
        }
    }

    /// A node whose breaker has just opened.
    async fn broken() -> Self {
        let mut node = Self::new();
        node.fail(FAILURES).await;
        assert!(matches!(node.state(), BreakerState::Open { .. }));
        node
    }

    /// A connection in place of the one before, which goes.
    fn reconnect(&mut self) {
        (self.service, self.handle) = connect(&self.layer, &addr(1));
    }

    fn state(&self) -> BreakerState {
        match self.layer.states()[..] {
            [(_, state)] => state,
            ref other => panic!("not one node: {other:?}"),
        }
    }

    /// A request on its way, which the node has read.
    async fn request(&mut self) -> (task::Spawn<Response>, mock::SendResponse<Value>) {
        let mut response = call(&mut self.service, get());
        assert_pending!(response.poll());
        let (_, reply) = self.handle.next_request().await.expect("it passes");
        (response, reply)
    }

    /// A request that the node answers.
    async fn answer(&mut self, value: Value) {
        let (mut response, reply) = self.request().await;
        reply.send_response(value);
        assert_ready_ok!(response.poll());
    }

    async fn fail(&mut self, times: u32) {
        for _ in 0..times {
            self.end_with(timeout()).await;
        }
    }

    async fn end_with(&mut self, error: Error) {
        let (mut response, reply) = self.request().await;
        reply.send_error(error);
        assert_ready_err!(response.poll());
    }

    fn is_open(&mut self) -> bool {
        self.state() != BreakerState::Closed
    }

    fn counts(&self) -> (u64, u64, u64) {
        let counts = self.counters.snapshot();
        (
            counts.breakers_opened,
            counts.breakers_open,
            counts.breaker_refusals,
        )
    }
}

// ===== opening =====

#[tokio::test(start_paused = true)]
async fn after_failures_in_a_row_requests_are_refused_and_not_sent() {
    let mut node = Node::new();
    node.fail(FAILURES - 1).await;
    assert!(!node.is_open());
    node.fail(1).await;
    assert_eq!(node.counts(), (1, 1, 0));
    let since = Instant::now();
    assert_eq!(node.state(), BreakerState::Open { since });

    advance(10 * MS).await;
    let error = refusal(&mut node.service);
    let message = "the node does not answer: its breaker opened 10 ms ago \
                   (command GET, node 10.0.0.1:1, not sent)";
    assert_eq!(error.to_string(), message);
    assert_eq!(node.counts(), (1, 1, 1));
    assert_pending!(task::spawn(node.handle.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_between_starts_over() {
    let mut node = Node::new();
    let refusal = Value::Error(ServerError::new("ERR no"));
    for value in [Value::Nil, refusal] {
        node.fail(FAILURES - 1).await;
        node.answer(value).await;
    }
    node.fail(FAILURES - 1).await;
    assert!(!node.is_open());
}

#[tokio::test(start_paused = true)]
async fn failures_at_the_same_time_do_not_open_it() {
    let mut node = Node::with(|layer| layer.failures(FAILURES, 200 * MS));
    node.fail(10 * FAILURES).await;
    assert!(!node.is_open());
    advance(200 * MS).await;
    node.fail(1).await;
    assert!(node.is_open());
}

#[tokio::test(start_paused = true)]
async fn what_tells_nothing_of_the_node_neither_opens_it_nor_starts_over() {
    let mut node = Node::new();
    node.fail(FAILURES - 1).await;
    for _ in 0..FAILURES {
        node.end_with(Error::not_sent(ErrorKind::Timeout, "not sent"))
            .await;
        node.end_with(Error::not_sent(ErrorKind::Overloaded, "full"))
            .await;
        let (response, _reply) = node.request().await;
        drop(response);
    }
    assert!(!node.is_open());
    node.fail(1).await;
    assert!(node.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_application_judges_otherwise() {
    let mut node = Node::with(|layer| {
        layer.judge(|response| match response {
            Ok(Value::Error(error)) if error.code() == "LOADING" => Outcome::Failure,
            Err(_) => Outcome::Neither,
            other => Outcome::of(other),
        })
    });
    node.fail(FAILURES).await;
    assert!(!node.is_open());
    let loading = Value::Error(ServerError::new("LOADING the dataset"));
    for _ in 0..FAILURES {
        node.answer(loading.clone()).await;
    }
    assert!(node.is_open());
}

#[tokio::test(start_paused = true)]
async fn each_node_has_a_breaker_for_all_its_connections() {
    let node = Node::broken().await;
    let (mut same, _handle) = connect(&node.layer, &addr(1));
    refusal(&mut same);
    let (mut other, _other_handle) = connect(&node.layer, &addr(0));
    assert_pending!(call(&mut other, get()).poll());
    let since = Instant::now();
    let expected = [
        (addr(0), BreakerState::Closed),
        (addr(1), BreakerState::Open { since }),
    ];
    assert_eq!(node.layer.states(), expected);
}

/// A service of its own with the same breaker.
trait CloneOf {
    fn clone_of(&self) -> Self;
}

impl CloneOf for task::Spawn<Breaker<Mock>> {
    fn clone_of(&self) -> Self {
        task::spawn((**self).clone())
    }
}

// ===== probing =====

#[tokio::test(start_paused = true)]
async fn of_a_thousand_requests_after_the_pause_one_is_let_through() {
    let mut node = Node::broken().await;
    advance(FIRST_PAUSE).await;
    // All are told that they may come before the first does.
    let mut services: Vec<_> = (0..1000).map(|_| node.service.clone_of()).collect();
    for service in &mut services {
        assert_ready_ok!(poll_ready(service));
    }
    let mut responses: Vec<_> = services
        .iter_mut()
        .map(|service| task::spawn(service.call(get())))
        .collect();
    let (_, reply) = node.handle.next_request().await.expect("the probe");
    assert_pending!(task::spawn(node.handle.next_request()).poll());
    assert!(matches!(node.state(), BreakerState::HalfOpen { .. }));
    for refused in &mut responses[1..] {
        assert_ready_err!(refused.poll());
    }
    refusal(&mut node.service);

    reply.send_response(Value::Nil);
    assert_ready_ok!(responses[0].poll());
    assert_eq!(node.counts(), (1, 0, 1000));
    node.answer(Value::Nil).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_is_followed_by_a_longer_pause_up_to_the_longest() {
    let mut node = Node::broken().await;
    let since = Instant::now();
    // Each is the longest that the pause may be, in milliseconds; half of it is the shortest.
    for pause in [100, 200, 400, 400] {
        advance(pause * MS / 2 - MS).await;
        refusal(&mut node.service);
        advance(pause * MS / 2 + MS).await;
        node.fail(1).await;
        assert_eq!(node.state(), BreakerState::Open { since });
    }
    let (opened, open, _) = node.counts();
    assert_eq!((opened, open), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_or_not_sent_makes_way_for_the_next() {
    let mut node = Node::broken().await;
    advance(FIRST_PAUSE).await;
    let (response, _reply) = node.request().await;
    refusal(&mut node.service);
    drop(response);
    node.end_with(Error::not_sent(ErrorKind::Unavailable, "held back"))
        .await;
    node.answer(Value::Nil).await;
    assert!(!node.is_open());
}

#[tokio::test(start_paused = true)]
async fn readiness_reserves_nothing() {
    let mut node = Node::broken().await;
    advance(FIRST_PAUSE).await;
    let mut idle = node.service.clone_of();
    assert_ready_ok!(poll_ready(&mut idle));
    node.answer(Value::Nil).await;
    assert!(!node.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_outcome_keeps_others_out_for_the_longest_pause() {
    let mut node = Node::broken().await;
    advance(FIRST_PAUSE).await;
    let (first, _reply) = node.request().await;
    advance(LONGEST_PAUSE - MS).await;
    refusal(&mut node.service);
    advance(MS).await;
    let (mut second, reply) = node.request().await;

    // The first is not the probe any more, whatever becomes of it.
    drop(first);
    refusal(&mut node.service);
    reply.send_error(timeout());
    assert_ready_err!(second.poll());
    advance(FIRST_PAUSE - MS).await;
    refusal(&mut node.service);
    advance(FIRST_PAUSE + MS).await;
    node.answer(Value::Nil).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_an_earlier_request_closes_it() {
    let mut node = Node::new();
    let (mut early, reply) = node.request().await;
    node.fail(FAILURES).await;
    assert!(node.is_open());
    reply.send_response(Value::Nil);
    assert_ready_ok!(early.poll());
    assert!(!node.is_open());
    node.answer(Value::Nil).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_of_an_earlier_request_makes_the_pause_no_longer() {
    let mut node = Node::new();
    let (mut early, reply) = node.request().await;
    node.fail(FAILURES).await;
    advance(FIRST_PAUSE / 2 - MS).await;
    reply.send_error(timeout());
    assert_ready_err!(early.poll());
    advance(FIRST_PAUSE / 2 + MS).await;
    node.answer(Value::Nil).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_lets_others_probe_first() {
    let mut node = Node::broken().await;
    advance(FIRST_PAUSE).await;
    let blocking = || cmd("BLPOP").arg("q").arg(0);
    assert_ready_err!(call(&mut node.service, blocking()).poll());
    // Unless there are none.
    advance(LONGEST_PAUSE).await;
    let mut probe = call(&mut node.service, blocking());
    let (_, reply) = node.handle.next_request().await.expect("the probe");
    reply.send_response(Value::Nil);
    assert_ready_ok!(probe.poll());
    assert!(!node.is_open());
}

// ===== readiness =====

#[tokio::test(start_paused = true)]
async fn while_it_is_closed_readiness_is_that_of_the_connection() {
    let mut node = Node::new();
    node.handle.allow(0);
    assert_pending!(poll_ready(&mut node.service));
    node.handle.allow(1);
    assert!(node.service.is_woken());
    assert_ready_ok!(poll_ready(&mut node.service));
    node.handle.send_error("finished");
    assert_ready_err!(poll_ready(&mut node.service));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_nobody_waits_for_the_connection() {
    let mut node = Node::broken().await;
    node.handle.allow(0);
    refusal(&mut node.service);
    advance(FIRST_PAUSE).await;
    refusal(&mut node.service);
    // Nobody was the probe.
    node.handle.allow(1);
    node.answer(Value::Nil).await;
    assert!(!node.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_finished_says_so_when_a_probe_is_due() {
    let mut node = Node::broken().await;
    node.handle.send_error("finished");
    refusal(&mut node.service);
    advance(FIRST_PAUSE).await;
    assert_ready_err!(poll_ready(&mut node.service));
    node.reconnect();
    node.answer(Value::Nil).await;
    assert!(!node.is_open());
}

#[tokio::test(start_paused = true)]
async fn refused_when_asked_and_closed_when_called_it_is_refused() {
    let mut node = Node::new();
    let (mut early, reply) = node.request().await;
    node.fail(FAILURES).await;
    assert_ready_ok!(poll_ready(&mut node.service));
    reply.send_response(Value::Nil);
    assert_ready_ok!(early.poll());
    // The connection was not asked whether it is ready.
    assert_ready_err!(task::spawn(node.service.call(get())).poll());
    node.answer(Value::Nil).await;
}

// ===== what is remembered =====

#[tokio::test(start_paused = true)]
async fn it_outlives_the_connection() {
    let mut node = Node::broken().await;
    node.reconnect();
    refusal(&mut node.service);
    let (service, handle) = connect(&node.layer, &addr(2));
    // All that was connected is gone for a while.
    (node.service, node.handle) = (service, handle);
    let (opened, open, _) = node.counts();
    assert_eq!((opened, open), (1, 0));
    advance(FIRST_PAUSE / 2 - MS).await;
    node.reconnect();
    refusal(&mut node.service);
    let (opened, open, _) = node.counts();
    assert_eq!((opened, open), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_counted_over_connections() {
    let mut node = Node::new();
    for _ in 0..FAILURES {
        let (mut response, reply) = node.request().await;
        (node.service, node.handle) = connect(&node.layer, &addr(2));
        reply.send_error(timeout());
        assert_ready_err!(response.poll());
        drop(response);
        node.reconnect();
    }
    assert!(node.is_open());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_left_are_forgotten() {
    let mut node = Node::new();
    node.answer(Value::Nil).await;
    let layer = node.layer.clone();
    drop(node);
    assert_eq!((layer.states(), layer.known()), (vec![], 0));

    let counters = {
        let node = Node::with(|_| layer.clone().failures(FAILURES, Duration::ZERO));
        let mut broken = node;
        broken.fail(FAILURES).await;
        broken.counters.clone()
    };
    assert_eq!(counters.snapshot().breakers_open, 0);
    assert!(matches!(
        layer.states()[..],
        [(_, BreakerState::Open { .. })]
    ));
    advance(Duration::from_secs(60)).await;
    assert_eq!(layer.states(), []);
    let (_service, _handle) = connect(&layer, &addr(2));
    assert_eq!(layer.known(), 1);
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    let layer = BreakerLayer::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..5_000 {
                    let node = layer.for_node(&addr(n % 2));
                    assert!(layer.states().len() <= 2);
                    drop(node);
                }
            });
        }
    });
    assert_eq!(layer.known(), 0);
}
