//! The rules of the cache, by number.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};

use super::*;
use crate::error::{Delivery, Error, ErrorKind};

const HOUR: Duration = Duration::from_secs(3600);

// ===== 1: stored before anyone is told =====

/// Asks the cache again in the very moment in which a waiter is woken.
struct AskWhenWoken {
    cache: Mutex<ConnectionCache<Mock<NodeAddr, Connection>>>,
    counters: Counters,
    hits_when_woken: AtomicU64,
}

impl Wake for AskWhenWoken {
    fn wake(self: Arc<Self>) {
        let _response = self.cache.lock().expect("not poisoned").call(node(1));
        let hits = self.counters.snapshot().cache_hits;
        self.hits_when_woken.store(hits, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_01_a_service_is_stored_before_anyone_is_told() {
    let mut fixture = Fixture::new();
    let probe = Arc::new(AskWhenWoken {
        cache: Mutex::new(fixture.cache.clone()),
        counters: fixture.counters.clone(),
        hits_when_woken: AtomicU64::new(0),
    });
    let waker = Waker::from(probe.clone());
    let mut asked = fixture.cache.call(node(1));
    assert_pending!(std::pin::Pin::new(&mut asked).poll(&mut Context::from_waker(&waker)));

    fixture.dial().await.send_response(mock::pair().0);
    settle().await;
    assert_eq!(probe.hits_when_woken.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_01_the_next_request_finds_it() {
    let mut fixture = Fixture::new();
    let (_service, _peer) = fixture.connect().await;
    assert_ready_ok!(fixture.ask().poll());
    fixture.assert_no_dial().await;
}

// ===== 2: one dial =====

#[tokio::test(start_paused = true)]
async fn rule_02_a_thousand_concurrent_misses_make_one_dial() {
    let mut fixture = Fixture::new();
    let asked: Vec<_> = (0..1000).map(|_| fixture.ask()).collect();
    let dial = fixture.dial().await;
    fixture.assert_no_dial().await;
    dial.send_response(mock::pair().0);
    for asked in asked {
        soon(asked).await.expect("the one service");
    }
    fixture.assert_no_dial().await;
    assert_eq!(fixture.metrics().dials_shared, 999);
}

#[tokio::test(start_paused = true)]
async fn rule_02_all_waiters_share_one_error() {
    let mut fixture = Fixture::new();
    let asked: Vec<_> = (0..1000).map(|_| fixture.ask()).collect();
    fixture.dial().await.send_error("refused");
    for asked in asked {
        let error = soon(asked).await.expect_err("refused");
        assert_eq!(
            (error.kind(), error.delivery(), error.node()),
            (ErrorKind::Connect, Delivery::NotSent, Some(&node(1)))
        );
    }
    assert_eq!(fixture.metrics().dials_started, 1);
}

#[tokio::test(start_paused = true)]
async fn rule_02_different_addresses_are_dialled_at_the_same_time() {
    let mut fixture = Fixture::new();
    let _asked = (fixture.cache.call(node(1)), fixture.cache.call(node(2)));
    let _unanswered = (fixture.dial().await, fixture.dial().await);
    assert_eq!(fixture.metrics().dials_started, 2);
}

// ===== 3: the dial does not depend on its caller =====

#[tokio::test(start_paused = true)]
async fn rule_03_dropped_caller_leaves_the_dial_running() {
    let mut fixture = Fixture::new();
    let mut asked = fixture.ask();
    assert_pending!(asked.poll());
    let dial = fixture.dial().await;
    drop(asked);
    settle().await;
    dial.send_response(mock::pair().0);
    settle().await;
    assert_ready_ok!(fixture.ask().poll());
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn rule_03_a_thousand_misses_survive_the_first_caller() {
    let mut fixture = Fixture::new();
    let first = fixture.ask();
    let others: Vec<_> = (1..1000).map(|_| fixture.ask()).collect();
    let dial = fixture.dial().await;
    drop(first);
    settle().await;
    dial.send_response(mock::pair().0);
    for other in others {
        soon(other).await.expect("the one service");
    }
    fixture.assert_no_dial().await;
}

// ===== 4: failures are remembered, not stored =====

#[tokio::test(start_paused = true)]
async fn rule_04_a_failed_dial_is_not_stored() {
    let mut fixture = Fixture::new();
    fixture.fail().await;
    assert_eq!(fixture.metrics().open_connections, 0);
    let asked = fixture.ask();
    fixture.dial().await.send_response(mock::pair().0);
    soon(asked).await.expect("connected by the next dial");
}

#[tokio::test(start_paused = true)]
async fn rule_04_during_a_long_backoff_requests_fail_at_once_and_dial_no_more() {
    let layer = ConnectionCacheLayer::new().backoff(HOUR, HOUR);
    let mut fixture = Fixture::with(layer.patience(Duration::ZERO));
    let first = fixture.fail().await;
    for _ in 0..100 {
        let error = assert_ready_err!(fixture.ask().poll());
        assert_eq!(error.to_string(), first.to_string());
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Connect, Delivery::NotSent)
        );
    }
    fixture.assert_no_dial().await;
    assert_eq!(fixture.metrics().dials_refused, 100);

    tokio::time::advance(HOUR).await;
    let _asked = fixture.ask();
    let _unanswered = fixture.dial().await;
}

#[tokio::test(start_paused = true)]
async fn rule_04_during_a_short_backoff_requests_share_the_dial_that_follows_it() {
    let mut fixture = Fixture::with(
        ConnectionCacheLayer::new()
            .backoff(HOUR, HOUR)
            .patience(HOUR),
    );
    fixture.fail().await;
    let mut asked: Vec<_> = (0..100).map(|_| fixture.ask()).collect();
    fixture.assert_no_dial().await;
    assert_pending!(asked[0].poll());

    fixture.dial().await.send_response(mock::pair().0);
    for asked in asked {
        soon(asked).await.expect("the one service");
    }
    assert_eq!(fixture.metrics().dials_started, 2);
}

#[tokio::test(start_paused = true)]
async fn rule_04_a_caller_that_leaves_during_the_backoff_finds_it_connected_later() {
    let mut fixture = Fixture::with(
        ConnectionCacheLayer::new()
            .backoff(HOUR, HOUR)
            .patience(HOUR),
    );
    fixture.fail().await;
    drop(fixture.ask());
    fixture.dial().await.send_response(mock::pair().0);
    settle().await;
    assert_ready_ok!(fixture.ask().poll());
}

#[tokio::test(start_paused = true)]
async fn rule_04_an_address_nobody_asks_for_is_not_dialled_again() {
    let mut fixture = Fixture::new();
    fixture.fail().await;
    tokio::time::advance(HOUR).await;
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn rule_04_an_attempt_that_hangs_after_a_failure_is_not_waited_for() {
    const HALF: Duration = Duration::from_millis(500);
    let mut fixture = Fixture::with(ConnectionCacheLayer::new().backoff(HALF, HALF));
    let first = fixture.fail().await;
    let mut asked = fixture.ask();
    let dial = fixture.dial().await;
    let began = tokio::time::Instant::now();
    assert_pending!(asked.poll());
    let error = soon(asked).await.expect_err("it hangs");
    assert_eq!(began.elapsed(), HALF);
    assert_eq!(
        (error.kind(), error.delivery(), error.node()),
        (ErrorKind::Connect, Delivery::NotSent, Some(&node(1)))
    );
    let cause = std::error::Error::source(&error).expect("the failure before");
    assert_eq!(cause.to_string(), first.to_string());
    assert_ready_err!(fixture.ask().poll());
    assert_eq!(fixture.metrics().dials_refused, 1);

    // It goes on all the same, and what it makes is stored.
    dial.send_response(mock::pair().0);
    settle().await;
    assert_ready_ok!(fixture.ask().poll());
    assert_eq!(fixture.metrics().dials_started, 2);
}

#[tokio::test(start_paused = true)]
async fn rule_04_the_backoff_grows_and_a_success_resets_it() {
    const MS: Duration = Duration::from_millis(1);
    let layer = ConnectionCacheLayer::new().backoff(MS, HOUR);
    let mut fixture = Fixture::with(layer.patience(Duration::ZERO));
    for _ in 0..32 {
        fixture.fail().await;
        tokio::time::advance(HOUR).await;
    }
    let (mut service, mut peer) = fixture.connect().await;
    peer.send_error("closed");
    poll_ready(&mut service).expect_err("closed");

    // After 33 failures in a row it would be a random part of an hour.
    fixture.fail().await;
    assert_ready_err!(fixture.ask().poll());
    tokio::time::advance(MS).await;
    let _asked = fixture.ask();
    let _unanswered = fixture.dial().await;
}

// ===== 5: eviction by identity =====

#[tokio::test(start_paused = true)]
async fn rule_05_stale_handle_does_not_evict_its_successor() {
    let mut fixture = Fixture::new();
    // One that was told and has not looked yet keeps the old entry in being.
    let (asked, _told) = (fixture.ask(), fixture.ask());
    let (connection, mut peer) = mock::pair();
    fixture.dial().await.send_response(connection);
    let mut first = soon(asked).await.expect("connected");
    let mut stale = first.clone();
    peer.send_error("closed");
    poll_ready(&mut first).expect_err("closed");
    let (_successor, _peer) = fixture.connect().await;

    peer.send_error("closed");
    poll_ready(&mut stale).expect_err("closed");
    assert_ready_ok!(fixture.ask().poll());
    assert_eq!(fixture.metrics().evicted_closed, 1);
}

// ===== 6: death is a poll_ready error =====

#[tokio::test(start_paused = true)]
async fn rule_06_a_finished_service_evicts_itself_and_the_next_request_gets_a_fresh_one() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    poll_ready(&mut service).expect("alive");
    peer.send_error("closed");
    let error = poll_ready(&mut service).expect_err("closed");
    assert_eq!(
        (error.delivery(), error.node()),
        (Delivery::NotSent, Some(&node(1)))
    );

    let (mut fresh, _peer) = fixture.connect().await;
    poll_ready(&mut fresh).expect("alive");
}

#[tokio::test(start_paused = true)]
async fn rule_06_a_finished_handle_stays_finished() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    peer.send_error("closed");
    poll_ready(&mut service).expect_err("closed");
    // The mock gives its error once and then says it is ready.
    poll_ready(&mut service).expect_err("still closed");
    poll_ready(&mut service.clone()).expect_err("a clone as well");
}

// ===== 7: silence is judged by the connection =====

#[tokio::test(start_paused = true)]
async fn rule_07_a_response_timeout_does_not_evict() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    poll_ready(&mut service).expect("alive");
    let response = service.call("GET");
    let (_, answer) = soon(peer.next_request()).await.expect("a command");
    answer.send_error(Error::not_sent(ErrorKind::Timeout, "no reply in time"));
    assert!(soon(response).await.expect_err("timed out").is_timeout());
    assert_ready_ok!(fixture.ask().poll());
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn rule_07_a_stalled_connection_is_replaced_and_counted_as_stalled() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    peer.send_error(Error::not_sent(ErrorKind::Timeout, "nothing read for 2 s"));
    poll_ready(&mut service).expect_err("stalled");
    let (_fresh, _peer) = fixture.connect().await;
    let metrics = fixture.metrics();
    assert_eq!((metrics.evicted_stalled, metrics.evicted_closed), (1, 0));
}

// ===== 8: departed nodes are drained =====

#[tokio::test(start_paused = true)]
async fn rule_08_replies_in_flight_of_a_departed_node_arrive() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    poll_ready(&mut service).expect("alive");
    let response = service.call("GET");
    drop(service);
    fixture.cache.retain(|_| false);
    let (_, answer) = soon(peer.next_request()).await.expect("a command");
    answer.send_response("value");
    assert_eq!(soon(response).await.expect("its reply"), "value");
}

#[tokio::test(start_paused = true)]
async fn rule_08_the_cache_lets_go_of_departed_nodes_only() {
    let mut fixture = Fixture::new();
    let (service, mut peer) = fixture.connect().await;
    drop(service);
    fixture.cache.retain(|addr| *addr == node(1));
    assert_ready_ok!(fixture.ask().poll());

    fixture.cache.retain(|addr| *addr != node(1));
    // The mock's peer sees that the last handle is gone.
    assert!(soon(peer.next_request()).await.is_none());
    let metrics = fixture.metrics();
    assert_eq!((metrics.evicted_departed, metrics.open_connections), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_08_the_dial_of_a_departed_node_ends_and_its_waiters_know_why() {
    let mut fixture = Fixture::new();
    let asked = fixture.ask();
    let dial = fixture.dial().await;
    fixture.cache.retain(|_| false);
    let error = soon(asked).await.expect_err("departed");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Topology, Delivery::NotSent)
    );
    settle().await;
    // Too late: it must not come back into the cache.
    dial.send_response(mock::pair().0);
    settle().await;
    assert_pending!(fixture.ask().poll());
    assert_eq!(fixture.metrics().open_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_08_only_the_dials_of_departed_nodes_end() {
    let (connect, token) = stuck();
    let mut cache = ConnectionCache::new(connect);
    let _asked = (cache.call(node(1)), cache.call(node(2)));
    settle().await;
    assert_eq!(Arc::strong_count(&token), 3);
    cache.retain(|addr| *addr == node(1));
    settle().await;
    assert_eq!(Arc::strong_count(&token), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_08_a_departed_nodes_backoff_is_forgotten() {
    let layer = ConnectionCacheLayer::new().backoff(HOUR, HOUR);
    let mut fixture = Fixture::with(layer.patience(Duration::ZERO));
    fixture.fail().await;
    fixture.cache.retain(|_| false);
    let _asked = fixture.ask();
    let _unanswered = fixture.dial().await;
}

/// A cache that follows nodes, and where to tell it of them.
fn following() -> (Fixture, watch::Sender<Arc<HashSet<NodeAddr>>>) {
    let nodes = watch::Sender::default();
    let layer = ConnectionCacheLayer::new().retain_only(nodes.subscribe());
    (Fixture::with(layer), nodes)
}

#[tokio::test(start_paused = true)]
async fn rule_08_a_cache_that_follows_the_topology_lets_go_of_nodes_that_leave_it() {
    let (mut fixture, nodes) = following();
    let (service, mut peer) = fixture.connect().await;
    drop(service);
    nodes.send_replace(Arc::new([node(1), node(2)].into()));
    settle().await;
    assert_ready_ok!(fixture.ask().poll());

    nodes.send_replace(Arc::new([node(2)].into()));
    assert!(soon(peer.next_request()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_08_an_unknown_topology_is_no_reason_to_let_go() {
    let (mut fixture, nodes) = following();
    let (_service, _peer) = fixture.connect().await;
    nodes.send_replace(Arc::default());
    settle().await;
    assert_ready_ok!(fixture.ask().poll());
}

#[tokio::test(start_paused = true)]
async fn rule_08_following_the_topology_ends_with_the_cache() {
    let (mut fixture, nodes) = following();
    let (_service, _peer) = fixture.connect().await;
    nodes.send_replace(Arc::new([node(1)].into()));
    settle().await;
    assert_eq!(nodes.receiver_count(), 2);
    drop(fixture);
    settle().await;
    assert_eq!(nodes.receiver_count(), 0);
}

// ===== 9: no lock where it hurts =====

#[tokio::test(start_paused = true)]
async fn rule_09_a_hit_takes_no_lock() {
    let mut fixture = Fixture::new();
    let (_service, _peer) = fixture.connect().await;
    let cache = &fixture.cache;
    let mut other = cache.clone();
    // `retain` asks under the only lock there is.
    cache.retain(|_| {
        let (done, hit) = mpsc::channel();
        let mut other = other.clone();
        std::thread::spawn(move || {
            let _response = other.call(node(1));
            let _ = done.send(());
        });
        hit.recv_timeout(Duration::from_secs(5))
            .expect("a hit while the lock is taken");
        true
    });
    let _response = other.call(node(1));
    assert_eq!(fixture.metrics().cache_hits, 2);
}

// ===== 10: counted =====

#[tokio::test(start_paused = true)]
async fn rule_10_everything_is_counted() {
    let layer = ConnectionCacheLayer::new().backoff(HOUR, HOUR);
    let mut fixture = Fixture::with(layer.patience(Duration::ZERO));
    fixture.fail().await;
    assert_ready_err!(fixture.ask().poll());
    tokio::time::advance(HOUR).await;

    let shared = (fixture.ask(), fixture.ask());
    let (connection, mut peer) = mock::pair();
    fixture.dial().await.send_response(connection);
    let mut service = soon(shared.0).await.expect("connected");
    soon(shared.1).await.expect("connected");
    assert_ready_ok!(fixture.ask().poll());
    assert_eq!(fixture.metrics().open_connections, 1);

    peer.send_error("closed");
    poll_ready(&mut service).expect_err("closed");
    assert_eq!(fixture.metrics().open_connections, 0);

    let (_service, _peer) = fixture.connect().await;
    fixture.cache.retain(|_| false);
    assert_eq!(
        fixture.metrics(),
        Metrics {
            dials_started: 3,
            dials_succeeded: 2,
            dials_failed: 1,
            dials_shared: 1,
            dials_refused: 1,
            cache_hits: 1,
            evicted_closed: 1,
            evicted_departed: 1,
            ..Metrics::default()
        }
    );
}

fn poll_ready(service: &mut Cached<Connection>) -> Result<(), Error> {
    match task::spawn(()).enter(|cx, _| Service::<&'static str>::poll_ready(service, cx)) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("mocks are ready or finished"),
    }
}
