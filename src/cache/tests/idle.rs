//! Rule 8 without a topology to follow: what nobody asks for is let go of.

use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_ok};
use tower::ServiceExt;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Lets time pass, and every task do what it does then.
async fn pass(time: Duration) {
    settle().await;
    advance(time).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_nobody_asks_for_is_let_go_of_within_twice_the_timeout() {
    let mut fixture = Fixture::new();
    let (service, mut peer) = fixture.connect().await;
    drop(service);
    pass(5 * MINUTE).await;
    pass(5 * MINUTE).await;
    // The mock's peer sees that the last handle is gone.
    assert!(matches!(peer.poll_request(), Poll::Ready(None)));
    let metrics = fixture.metrics();
    assert_eq!((metrics.evicted_idle, metrics.open_connections), (1, 0));

    let (_fresh, _peer) = fixture.connect().await;
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_that_is_asked_for_stays() {
    let mut fixture = Fixture::new();
    let (_service, _peer) = fixture.connect().await;
    drop(fixture.cache.call(node(2)));
    fixture.dial().await.send_response(mock::pair().0);
    for _ in 0..8 {
        pass(4 * MINUTE).await;
        assert_ready_ok!(fixture.ask().poll());
    }
    let metrics = fixture.metrics();
    assert_eq!((metrics.evicted_idle, metrics.open_connections), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_made_just_before_a_sweep_is_not_idle_yet() {
    let mut fixture = Fixture::new();
    let asked = fixture.ask();
    let dial = fixture.dial().await;
    pass(5 * MINUTE - Duration::from_secs(1)).await;
    dial.send_response(mock::pair().0);
    soon(asked).await.expect("connected");
    pass(5 * MINUTE - Duration::from_secs(1)).await;
    assert_ready_ok!(fixture.ask().poll());
}

#[tokio::test(start_paused = true)]
async fn who_uses_an_idle_connection_is_not_disturbed() {
    let mut fixture = Fixture::new();
    let (mut service, mut peer) = fixture.connect().await;
    service.ready().await.expect("alive");
    let response = service.call("BLPOP");
    pass(5 * MINUTE).await;
    pass(5 * MINUTE).await;
    assert_eq!(fixture.metrics().evicted_idle, 1);

    let (_, answer) = soon(peer.next_request()).await.expect("a command");
    answer.send_response("value");
    assert_eq!(soon(response).await.expect("its reply"), "value");
    soon(service.ready())
        .await
        .expect("usable without its entry");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_can_be_set() {
    let layer = ConnectionCacheLayer::new().idle_timeout(MINUTE);
    let mut fixture = Fixture::with(layer);
    let (_service, _peer) = fixture.connect().await;
    pass(MINUTE).await;
    assert_eq!(fixture.metrics().evicted_idle, 0);
    pass(MINUTE).await;
    assert_eq!(fixture.metrics().evicted_idle, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_idle_connections_stay() {
    let mut fixture = Fixture::with(ConnectionCacheLayer::new().idle_timeout(None));
    let (_service, _peer) = fixture.connect().await;
    tokio::time::sleep(24 * 60 * MINUTE).await;
    assert_ready_ok!(fixture.ask().poll());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_is_a_second() {
    let layer = ConnectionCacheLayer::new().idle_timeout(Duration::ZERO);
    let mut fixture = Fixture::with(layer);
    let (_service, _peer) = fixture.connect().await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(fixture.metrics().evicted_idle, 0);
    pass(Duration::from_millis(999)).await;
    assert_eq!(fixture.metrics().evicted_idle, 0);
    pass(Duration::from_millis(1)).await;
    assert_eq!(fixture.metrics().evicted_idle, 1);
}

#[tokio::test(start_paused = true)]
async fn backoffs_nobody_asks_about_are_forgotten_once_they_are_over() {
    let layer = ConnectionCacheLayer::new().idle_timeout(MINUTE);
    let mut fixture = Fixture::with(layer);
    fixture.fail().await;
    pass(MINUTE).await;
    assert!(format!("{:?}", fixture.cache).contains("pending: 1"));
    pass(MINUTE).await;
    assert!(format!("{:?}", fixture.cache).contains("pending: 0"));
}

#[tokio::test(start_paused = true)]
async fn a_dial_under_way_is_not_idle() {
    let mut fixture = Fixture::new();
    let mut asked = fixture.ask();
    assert_pending!(asked.poll());
    let dial = fixture.dial().await;
    tokio::time::sleep(60 * MINUTE).await;
    dial.send_response(mock::pair().0);
    soon(asked).await.expect("connected");
}

#[tokio::test(start_paused = true)]
async fn the_sweep_ends_with_the_cache() {
    let alive_tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let mut fixture = Fixture::new();
    let (_service, _peer) = fixture.connect().await;
    settle().await;
    assert_eq!(alive_tasks(), 1);
    drop(fixture);
    settle().await;
    assert_eq!(alive_tasks(), 0);
}
