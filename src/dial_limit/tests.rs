//! Dials that are only noted, with time paused.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_err, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use super::{DialLimit, DialLimitLayer};
use crate::addr::NodeAddr;
use crate::cache::ConnectionCacheLayer;
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::Counters;

const MS: Duration = Duration::from_millis(1);

fn node(port: u16) -> NodeAddr {
    NodeAddr::new("node", port)
}

/// The port and the millisecond of each dial that has begun.
#[derive(Clone)]
struct Begun {
    dials: Arc<Mutex<Vec<(u16, u128)>>>,
    start: Instant,
}

impl Begun {
    fn new() -> Self {
        Self {
            dials: Arc::default(),
            start: Instant::now(),
        }
    }

    fn note(&self, addr: &NodeAddr) {
        let at = self.start.elapsed().as_millis();
        self.dials.lock().expect("no panic").push((addr.port(), at));
    }

    async fn ports(&self) -> Vec<u16> {
        settle().await;
        let dials = self.dials.lock().expect("no panic");
        dials.iter().map(|(port, _)| *port).collect()
    }

    async fn times(&self) -> Vec<u128> {
        settle().await;
        let dials = self.dials.lock().expect("no panic");
        dials.iter().map(|(_, at)| *at).collect()
    }
}

/// What is asked for in these tests.
trait Connect:
    Service<NodeAddr, Response = (), Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<M> Connect for M where
    M: Service<NodeAddr, Response = (), Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// Connects at once.
fn quick(begun: &Begun) -> impl Connect + use<> {
    let begun = begun.clone();
    service_fn(move |addr: NodeAddr| {
        begun.note(&addr);
        std::future::ready(Ok(()))
    })
}

/// Never connects.
fn stuck(begun: &Begun) -> impl Connect + use<> {
    let begun = begun.clone();
    service_fn(move |addr: NodeAddr| {
        begun.note(&addr);
        pending()
    })
}

/// A dial in a task of its own, as all are.
fn dial<M: Connect>(limit: &DialLimit<M>, port: u16) -> JoinHandle<Result<(), BoxError>> {
    tokio::spawn(limit.clone().call(node(port)))
}

/// Lets every task that can run do so, without letting time pass.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_at_its_bound_does_not_hold_up_the_others() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent_per_node(2);
    let limit = limit.layer(stuck(&begun));
    let dials: Vec<_> = [1, 1, 1, 1, 2, 1].map(|port| dial(&limit, port)).into();
    assert_eq!(begun.ports().await, [1, 1, 2]);
    dials[0].abort();
    assert_eq!(begun.ports().await, [1, 1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_in_all_they_begin_in_order_of_arrival() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent(1);
    let limit = limit.layer(stuck(&begun));
    for running in [1, 2, 3, 4].map(|port| dial(&limit, port)) {
        settle().await;
        running.abort();
    }
    assert_eq!(begun.ports().await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn of_one_node_a_burst_begins_at_once_and_the_rest_at_the_rate() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().rate_per_node(10, 3);
    let limit = limit.layer(quick(&begun));
    let dials = [1; 5].map(|port| dial(&limit, port));
    let _other = dial(&limit, 2);
    assert_eq!(begun.ports().await, [1, 1, 1, 2]);
    for dial in dials {
        dial.await.expect("no panic").expect("connected");
    }
    assert_eq!(begun.times().await, [0, 0, 0, 0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn in_all_a_burst_begins_at_once_and_the_rest_at_the_rate() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().rate(100, 2).layer(quick(&begun));
    for dial in [1, 2, 3, 4].map(|port| dial(&limit, port)) {
        dial.await.expect("no panic").expect("connected");
    }
    assert_eq!(begun.ports().await, [1, 2, 3, 4]);
    assert_eq!(begun.times().await, [0, 0, 10, 20]);
}

/// A client that sees its connection closed as soon as it has it, and dials again each time.
#[tokio::test(start_paused = true)]
async fn a_node_that_closes_each_connection_is_dialled_at_the_rate() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().rate_per_node(10, 20);
    let mut limit = limit.layer(quick(&begun));
    let minute = begun.start + Duration::from_secs(60);
    while Instant::now() < minute {
        limit.call(node(1)).await.expect("connected");
    }
    let dials = begun.ports().await.len();
    assert!((619..=621).contains(&dials), "{dials}");
}

#[tokio::test(start_paused = true)]
async fn a_dial_dropped_before_its_turn_leaves_the_queue() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent(1);
    let limit = limit.layer(stuck(&begun));
    let [first, gone, _next] = [1, 2, 3].map(|port| dial(&limit, port));
    settle().await;
    gone.abort();
    settle().await;
    first.abort();
    assert_eq!(begun.ports().await, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_came_and_was_not_taken_goes_to_the_next() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent(1);
    let mut limit = limit.layer(stuck(&begun));
    let mut first = task::spawn(limit.call(node(1)));
    let mut unseen = task::spawn(limit.call(node(2)));
    assert_pending!(first.poll());
    assert_pending!(unseen.poll());
    let _next = dial(&limit, 3);
    settle().await;
    drop(first);
    settle().await;
    assert!(unseen.is_woken());
    assert_eq!(begun.ports().await, [1]);
    drop(unseen);
    assert_eq!(begun.ports().await, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn of_those_who_wait_there_is_a_bound_too() {
    let counters = Counters::new();
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent(1).max_waiting(2);
    let limit = limit.counters(counters.clone()).layer(stuck(&begun));
    let _dials = [1, 2, 3].map(|port| dial(&limit, port));
    settle().await;
    let error = Error::from(limit.clone().oneshot(node(4)).await.expect_err("full"));
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(error.node(), Some(&node(4)));
    assert_eq!(counters.snapshot().dials_delayed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_dial_gives_its_place_back_and_so_does_a_connector_that_is_finished() {
    let (make, mut handle) = tower_test::mock::pair::<NodeAddr, ()>();
    let mut limit = DialLimitLayer::new().max_concurrent(1).layer(make);
    let mut failing = task::spawn(limit.call(node(1)));
    assert_pending!(failing.poll());
    let (_, reply) = handle.next_request().await.expect("a dial");
    reply.send_error("refused");
    assert_eq!(assert_ready_err!(failing.poll()).to_string(), "refused");
    // Both are complete, and kept.
    handle.send_error("finished");
    let mut finished = task::spawn(limit.call(node(1)));
    assert_eq!(assert_ready_err!(finished.poll()).to_string(), "finished");
    let mut last = task::spawn(limit.call(node(1)));
    assert_pending!(last.poll());
    handle.next_request().await.expect("it has the place");
}

#[tokio::test(start_paused = true)]
async fn nodes_of_which_nothing_is_to_be_remembered_are_forgotten() {
    let begun = Begun::new();
    let mut limit = DialLimitLayer::new()
        .rate_per_node(10, 10)
        .layer(quick(&begun));
    for port in 0..1000 {
        limit.call(node(port)).await.expect("connected");
        advance(10 * MS).await;
    }
    assert!(limit.queue.nodes() <= 11, "{}", limit.queue.nodes());
}

#[tokio::test(start_paused = true)]
async fn the_cache_ends_dials_that_wait_when_their_node_leaves() {
    let begun = Begun::new();
    let limit = DialLimitLayer::new().max_concurrent(1).layer(stuck(&begun));
    let mut cache = ConnectionCacheLayer::new().layer(limit);
    let _first = task::spawn(cache.call(node(1)));
    settle().await;
    let departing = task::spawn(cache.call(node(2)));
    let _next = task::spawn(cache.call(node(3)));
    settle().await;
    cache.retain(|addr| addr.port() != 2);
    let error = departing.await.expect_err("it left");
    assert_eq!(error.kind(), ErrorKind::Topology);
    cache.retain(|addr| addr.port() == 3);
    assert_eq!(begun.ports().await, [1, 3]);
}

#[test]
fn those_who_wait_outlive_the_runtime_that_paced_them() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let begun = Begun::new();
    let limit = DialLimitLayer::new().rate(1, 1);
    let mut limit = limit.layer(quick(&begun));
    let gone = runtime();
    gone.block_on(limit.call(node(1))).expect("connected");
    let mut waiting = task::spawn(limit.call(node(2)));
    gone.block_on(async { assert_pending!(waiting.poll()) });
    drop(gone);
    assert!(waiting.is_woken());
    runtime().block_on(async {
        assert_pending!(waiting.poll());
        waiting.await.expect("connected");
    });
}

#[tokio::test(start_paused = true)]
async fn the_pacer_ends_with_the_last_who_waits() {
    let begun = Begun::new();
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let mut limit = DialLimitLayer::new().rate(10, 1).layer(quick(&begun));
    limit.call(node(1)).await.expect("connected");
    let mut waiting = Box::pin(limit.call(node(2)));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(alive(), before + 1);
    waiting.await.expect("connected");
    settle().await;
    assert_eq!(alive(), before);
    let mut waiting = Box::pin(limit.call(node(3)));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop((waiting, limit));
    settle().await;
    assert_eq!(alive(), before);
}

#[test]
fn who_waits_on_a_runtime_that_was_shut_down_is_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    let layer = DialLimitLayer::new().max_concurrent(1);
    let mut limit = layer.layer(stuck(&Begun::new()));
    let mut first = task::spawn(limit.call(node(1)));
    assert_pending!(first.poll());
    // Its thread has ended then, and what is spawned ends at once.
    runtime.shutdown_timeout(Duration::from_secs(60));
    let mut second = task::spawn(limit.call(node(1)));
    let error = Error::from(assert_ready_err!(second.poll()));
    assert_eq!(error.kind(), ErrorKind::Shutdown);
}
