//! Panics, shutdowns, foreign errors, and who keeps whom alive.

use std::future::{pending, ready};
use std::sync::OnceLock;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_ok};
use tower::timeout::{Timeout, TimeoutLayer};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::error::{Delivery, Error, ErrorKind};
use crate::lifecycle::Lifecycle;

const MS: Duration = Duration::from_millis(1);

/// The error of a request whose connector failed with `error`.
async fn dial_error(error: impl Into<BoxError>) -> Error {
    let mut fixture = Fixture::new();
    let asked = fixture.ask();
    fixture.dial().await.send_error(error);
    soon(asked).await.expect_err("what the connector said")
}

// ===== errors =====

#[tokio::test(start_paused = true)]
async fn an_error_of_ours_keeps_its_kind_and_is_not_sent() {
    let refused = Error::not_sent(ErrorKind::Authentication, "wrong password");
    let error = dial_error(refused.with_delivery(Delivery::Unknown)).await;
    assert_eq!(
        (error.kind(), error.delivery(), error.node()),
        (ErrorKind::Authentication, Delivery::NotSent, Some(&node(1)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_error_is_the_cause() {
    let error = dial_error(std::io::Error::other("no route to host")).await;
    assert_eq!(error.kind(), ErrorKind::Connect);
    let cause = std::error::Error::source(&error).expect("a cause");
    assert_eq!(cause.to_string(), "no route to host");
    assert!(error.to_string().contains("no route to host"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_connect_timeout_says_what_to_look_at() {
    let connect = ServiceBuilder::new()
        .layer(TimeoutLayer::new(2000 * MS))
        .service(service_fn(|_: NodeAddr| {
            pending::<Result<Connection, Infallible>>()
        }));
    let cache = ConnectionCache::new(connect);
    let error = cache.oneshot(node(1)).await.expect_err("timed out");
    assert_eq!(
        (error.kind(), error.delivery(), error.node()),
        (ErrorKind::Connect, Delivery::NotSent, Some(&node(1)))
    );
    assert!(error.to_string().starts_with("connecting timed out"));
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_not_ready_delays_the_dial_and_not_the_caller() {
    let mut fixture = Fixture::new();
    fixture.dials.allow(0);
    let mut asked = fixture.ask();
    assert_pending!(asked.poll());
    fixture.assert_no_dial().await;
    fixture.dials.allow(1);
    fixture.dial().await.send_response(mock::pair().0);
    soon(asked).await.expect("connected");
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_fails_its_readiness_has_failed_to_connect() {
    let mut fixture = Fixture::new();
    fixture.dials.send_error("no file descriptors");
    let asked = fixture.ask();
    assert_eq!(
        soon(asked).await.expect_err("failed").kind(),
        ErrorKind::Connect
    );
    let (_service, _peer) = fixture.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_panics_has_failed_to_connect() {
    let counters = Counters::new();
    let connect = service_fn(|addr: NodeAddr| async move {
        assert!(addr.port() != 1, "out of luck");
        Ok::<_, Infallible>(mock::pair::<(), ()>().0)
    });
    let cache = ConnectionCacheLayer::new()
        .counters(counters.clone())
        .layer(connect);
    for dials in 1..=3 {
        let error = cache.clone().oneshot(node(1)).await.expect_err("panicked");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains("out of luck"), "{error}");
        assert_eq!(counters.snapshot().dials_failed, dials);
    }
    cache.oneshot(node(2)).await.expect("connected");
}

// ===== life times =====

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_dials_under_way() {
    let (connect, token) = stuck();
    let mut cache = ConnectionCache::new(connect);
    let asked = cache.call(node(1));
    settle().await;
    assert_eq!(Arc::strong_count(&token), 2);
    drop((cache, asked));
    settle().await;
    assert_eq!(Arc::strong_count(&token), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_dials_that_wait_for_their_backoff() {
    let layer = ConnectionCacheLayer::new().backoff(Duration::MAX, Duration::MAX);
    let mut fixture = Fixture::with(layer.patience(Duration::MAX));
    fixture.fail().await;
    drop(fixture.ask());
    drop(fixture.cache);
    settle().await;
    // The mock's handle sees that the last connector is gone.
    assert!(soon(fixture.dials.next_request()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_keeps_the_dial_alive() {
    let mut fixture = Fixture::new();
    let asked = fixture.ask();
    drop(fixture.cache);
    let (connection, _peer) = mock::pair();
    let dial = soon(fixture.dials.next_request()).await.expect("dialled").1;
    dial.send_response(connection);
    let mut service = soon(asked).await.expect("connected");
    soon(service.ready())
        .await
        .expect("usable without its cache");
}

#[tokio::test(start_paused = true)]
async fn a_service_does_not_keep_its_cache_alive() {
    let mut fixture = Fixture::new();
    let (service, mut peer) = fixture.connect().await;
    drop(fixture.cache);
    assert_eq!(fixture.counters.snapshot().open_connections, 0);
    drop(service);
    assert!(soon(peer.next_request()).await.is_none());
}

#[test]
fn a_runtime_that_ends_leaves_no_waiter_and_no_entry_stuck() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let nodes = watch::Sender::default();
    let mut fixture = Fixture::with(ConnectionCacheLayer::new().retain_only(nodes.subscribe()));
    let asked = {
        let first = runtime();
        let _entered = first.enter();
        fixture.ask()
    };
    runtime().block_on(async {
        let error = soon(asked).await.expect_err("its dial is gone");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Shutdown, Delivery::NotSent)
        );
        let (_service, _peer) = fixture.connect().await;
        nodes.send_replace(Arc::new([node(2)].into()));
        settle().await;
        assert_eq!(fixture.metrics().evicted_departed, 1);

        let (_idle, _peer) = fixture.connect().await;
        tokio::time::sleep(Duration::from_secs(11 * 60)).await;
        assert_eq!(fixture.metrics().evicted_idle, 1);
    });
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_finishes_while_its_node_departs_is_not_stored() {
    let counters = Counters::new();
    let departs: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>> = Arc::default();
    let connect = service_fn({
        let departs = Arc::clone(&departs);
        move |_: NodeAddr| {
            departs.get().expect("set")();
            ready(Ok::<_, Infallible>(Arc::new(())))
        }
    });
    let mut cache = ConnectionCacheLayer::new()
        .counters(counters.clone())
        .layer(connect);
    let retained = cache.clone();
    assert!(
        departs
            .set(Box::new(move || retained.retain(|_| false)))
            .is_ok()
    );
    let error = cache.call(node(1)).await.expect_err("departed");
    assert_eq!(error.kind(), ErrorKind::Topology);
    settle().await;
    let metrics = counters.snapshot();
    assert_eq!((metrics.dials_succeeded, metrics.open_connections), (1, 0));
}

/// What the dials of [`Last`] and of another connection share.
#[derive(Debug, Default)]
struct Ends {
    begins: Notify,
    /// Held by what the other dial makes, too.
    other: Arc<()>,
}

/// A connection that, while it is dropped, lets another dial end.
#[derive(Debug)]
struct Last(Arc<Ends>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.begins.notify_one();
        let other_dial = async {
            while Arc::strong_count(&self.0.other) > 1 {
                tokio::task::yield_now().await;
            }
            // What it made is dropped; it has a few instructions left.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::task::block_in_place(|| Handle::current().block_on(other_dial));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_of_a_departed_node_know_why_though_its_dial_ends_meanwhile() {
    let ends = Arc::new(Ends::default());
    let connect = service_fn(move |addr: NodeAddr| {
        let ends = Arc::clone(&ends);
        async move {
            if addr == node(1) {
                return Ok::<_, Infallible>((Some(Arc::new(Last(ends))), Arc::default()));
            }
            let other = Arc::clone(&ends.other);
            ends.begins.notified().await;
            Ok((None, other))
        }
    });
    let mut cache = ConnectionCache::new(connect);
    drop(cache.call(node(1)).await.expect("connected"));
    let asked = cache.call(node(2));
    while cache.pool().counters().snapshot().dials_started < 2 {
        tokio::task::yield_now().await;
    }
    // The connection to node 1 is dropped first.
    cache.retain(|_| false);
    let error = asked.await.expect_err("departed");
    assert_eq!(error.kind(), ErrorKind::Topology);
}

// ===== the well-known outage =====

/// Requests every 50 ms, each with 400 ms and one retry, while a node refuses connections for 3 seconds.
#[tokio::test(start_paused = true)]
async fn requests_succeed_again_as_soon_as_the_node_is_back() {
    let counters = Counters::new();
    let back = Instant::now() + 3000 * MS;
    let connect = service_fn(move |_: NodeAddr| async move {
        tokio::time::sleep(MS).await;
        if Instant::now() < back {
            return Err("refused");
        }
        Ok(service_fn(|_: ()| async { Ok::<_, Infallible>(()) }))
    });
    let cache = ConnectionCacheLayer::new()
        .counters(counters.clone())
        .layer(connect);
    let mut first_success = None;
    while Instant::now() < back + 2000 * MS {
        tokio::time::sleep(50 * MS).await;
        let asked = Instant::now();
        let request = Timeout::new(cache.clone(), 400 * MS);
        let mut answer = request.clone().oneshot(node(1)).await;
        if answer.is_err() && asked.elapsed() < 400 * MS {
            answer = request.oneshot(node(1)).await;
        }
        match answer {
            Ok(_) if first_success.is_none() => first_success = Some(Instant::now()),
            Err(error) if first_success.is_some() => panic!("failed after recovery: {error}"),
            _ => {}
        }
    }
    let late = first_success.expect("recovered") - back;
    assert!(late <= 600 * MS, "recovered only after {late:?}");
    let metrics = counters.snapshot();
    assert_eq!(metrics.dials_succeeded, 1);
    assert!(metrics.dials_failed < 60, "{metrics:?}");
}

#[tokio::test(start_paused = true)]
async fn debug_names_no_secret_and_no_connection() {
    let mut fixture = Fixture::new();
    let asked = fixture.ask();
    assert!(format!("{asked:?}").contains("node:1"));
    fixture.dial().await.send_response(mock::pair().0);
    settle().await;
    assert!(format!("{:?}", fixture.cache).contains("connected: 1, pending: 0"));
    assert_ready_ok!(fixture.ask().poll());
}

#[test]
fn handles_and_futures_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<ConnectionCache<Mock<NodeAddr, Connection>>>();
    crosses::<Cached<Connection>>();
    crosses::<ResponseFuture<Connection>>();
}

// ===== its life =====

#[tokio::test(start_paused = true)]
async fn when_its_life_ends_it_lets_go_of_everything_and_makes_no_more() {
    let life = Lifecycle::new();
    let mut fixture = Fixture::with(ConnectionCacheLayer::new().lifecycle(&life));
    let (connection, _peer) = fixture.connect().await;
    let dialling = task::spawn(fixture.cache.call(node(2)));
    let _dial = fixture.dial().await;
    life.shutdown(Duration::ZERO)
        .await
        .expect("nothing is in flight");
    let error = soon(dialling).await.expect_err("it was ended");
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    drop(connection);
    assert_eq!(fixture.metrics().open_connections, 0);
    let late = soon(fixture.ask()).await.expect_err("too late");
    assert_eq!(late.kind(), ErrorKind::Shutdown);
    fixture.assert_no_dial().await;
}

#[tokio::test(start_paused = true)]
async fn callers_that_left_are_not_kept_until_the_dial_ends() {
    let mut fixture = Fixture::new();
    let _first = fixture.ask();
    let _dial = fixture.dial().await;
    for _ in 0..10_000 {
        drop(fixture.ask());
    }
    let waiters = fixture.cache.pool().waiters(&node(1));
    assert!(waiters <= 64, "{waiters}");
}
