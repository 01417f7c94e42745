use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_test::mock;
use tower_test::mock::future::ResponseFuture as MockFuture;

use super::{Timeout, TimeoutLayer, and_block_time};
use crate::command::{BlockTime, Command, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::Counters;
use crate::value::Value;

const TIMEOUT: Duration = Duration::from_millis(400);

type Mock = mock::Mock<Command, Value>;
type Handle = mock::Handle<Command, Value>;
type Response = super::future::ResponseFuture<MockFuture<Value>>;

fn service(timeout: Duration) -> (Timeout<Mock>, Handle, Counters) {
    let counters = Counters::new();
    let (mock, handle) = mock::pair();
    let layer = TimeoutLayer::new(timeout).counters(counters.clone());
    (layer.layer(mock), handle, counters)
}

fn call(service: &mut Timeout<Mock>, command: Command) -> task::Spawn<Response> {
    let mut ready = task::spawn(());
    assert_ready_ok!(ready.enter(|cx, _| service.poll_ready(cx)));
    task::spawn(service.call(command))
}

fn get() -> Command {
    cmd("GET").arg("k")
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_passed_on() {
    let (mut service, mut handle, counters) = service(TIMEOUT);
    let mut response = call(&mut service, get());
    assert_pending!(response.poll());
    let (_, reply) = handle.next_request().await.expect("a request");
    sleep(TIMEOUT - Duration::from_millis(1)).await;
    reply.send_response(Value::Integer(1));
    assert!(response.is_woken());
    assert_eq!(assert_ready_ok!(response.poll()), Value::Integer(1));
    assert_eq!(counters.snapshot().timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_wakes_the_caller_with_an_error_of_unknown_delivery() {
    let (mut service, _handle, counters) = service(TIMEOUT);
    let mut response = call(&mut service, get());
    assert_pending!(response.poll());
    sleep(TIMEOUT + Duration::from_millis(10)).await;
    assert!(response.is_woken());
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(error.command(), Some(&*get().name()));
    assert!(
        error.to_string().contains("no answer within 400 ms"),
        "{error}"
    );
    assert_eq!(counters.snapshot().timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_notices_the_deadline_gives_the_error() {
    // Pending until its deadline has passed, then precise: as all that waits in this crate.
    let precise = service_fn(|command: Command| {
        let deadline = command.deadline().expect("a deadline");
        std::future::poll_fn(move |_| {
            if Instant::now() < deadline {
                return std::task::Poll::Pending;
            }
            let error = Error::not_sent(ErrorKind::Timeout, "waiting for a connection");
            std::task::Poll::Ready(Err::<Value, _>(error))
        })
    });
    assert_ends_unsent(precise).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_with_the_deadline_wins() {
    let (mut service, mut handle, _) = service(TIMEOUT);
    let mut response = call(&mut service, get());
    assert_pending!(response.poll());
    let (_, reply) = handle.next_request().await.expect("a request");
    sleep(2 * TIMEOUT).await;
    reply.send_response(Value::Nil);
    assert_ready_ok!(response.poll());
}

#[tokio::test(start_paused = true)]
async fn an_outer_deadline_is_made_earlier_but_never_later() {
    let now = Instant::now();
    for (outer_ms, expected_ms) in [(100, 100), (1000, 400)] {
        let (mut service, mut handle, _) = service(TIMEOUT);
        let mut command = get();
        command.set_deadline(now + Duration::from_millis(outer_ms));
        let _response = call(&mut service, command);
        let (request, _) = handle.next_request().await.expect("a request");
        let expected = now + Duration::from_millis(expected_ms);
        assert_eq!(request.deadline(), Some(expected), "outer {outer_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_its_own_replaces_the_layers() {
    for own in [TIMEOUT / 2, 2 * TIMEOUT] {
        let (mut service, mut handle, _) = service(TIMEOUT);
        let _response = call(&mut service, get().timeout(own));
        let (request, _) = handle.next_request().await.expect("a request");
        assert_eq!(request.deadline(), Some(Instant::now() + own));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_too_long_to_add_is_no_limit() {
    let (mut service, mut handle, _) = service(Duration::MAX);
    let mut response = call(&mut service, get());
    let (request, reply) = handle.next_request().await.expect("a request");
    assert_eq!(request.deadline(), None);
    assert_pending!(response.poll());
    reply.send_response(Value::Nil);
    assert_ready_ok!(response.poll());
}

#[tokio::test(start_paused = true)]
async fn a_request_past_its_deadline_is_not_passed_on() {
    let (mut service, mut handle, counters) = service(Duration::ZERO);
    let mut response = call(&mut service, get());
    let error = Error::from(assert_ready_err!(response.poll()));
    assert!(error.is_timeout());
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(counters.snapshot().timeouts, 1);
    assert_pending!(handle.poll_request());
}

#[tokio::test(start_paused = true)]
async fn an_inner_error_is_passed_on() {
    let (mut service, mut handle, counters) = service(TIMEOUT);
    let mut response = call(&mut service, get());
    assert_pending!(response.poll());
    let (_, reply) = handle.next_request().await.expect("a request");
    reply.send_error(Error::not_sent(ErrorKind::Connection, "closed"));
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(counters.snapshot().timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_and_its_error_are_the_inner_services() {
    let (mut service, mut handle, _) = service(TIMEOUT);
    handle.allow(0);
    let mut ready = task::spawn(());
    assert_pending!(ready.enter(|cx, _| service.poll_ready(cx)));
    handle.send_error("finished");
    assert!(ready.is_woken());
    let error: BoxError = assert_ready_err!(ready.enter(|cx, _| service.poll_ready(cx)));
    assert_eq!(error.to_string(), "finished");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_drops_the_inner_future() {
    let held = Arc::new(());
    let inner = service_fn({
        let held = held.clone();
        move |_| {
            let held = held.clone();
            async move {
                let _held = held;
                std::future::pending::<Result<Value, Error>>().await
            }
        }
    });
    let mut service = TimeoutLayer::new(TIMEOUT).layer(inner);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    assert_eq!(Arc::strong_count(&held), 3);
    drop(response);
    assert_eq!(Arc::strong_count(&held), 2);
}

#[test]
fn time_spent_blocking_is_not_part_of_the_timeout() {
    let block = Duration::from_secs(5);
    assert_eq!(
        and_block_time(TIMEOUT, BlockTime::For(block)),
        Some(TIMEOUT + block)
    );
    assert_eq!(and_block_time(TIMEOUT, BlockTime::Forever), None);
}

const IN_TIME: Option<Duration> = Some(Duration::ZERO);

/// Pending; what each poll arranges: to be woken so long after the deadline, or nothing.
fn arranging(
    arranged: &'static [Option<Duration>],
) -> (
    Timeout<
        impl Service<
            Command,
            Response = Value,
            Error = BoxError,
            Future: Future<Output = Result<Value, BoxError>>,
        >,
    >,
    Counters,
) {
    let counters = Counters::new();
    let inner = service_fn(|command: Command| {
        let deadline = command.deadline().expect("a deadline");
        let mut arranged = arranged.iter();
        std::future::poll_fn(move |cx| {
            if let Some(late) = arranged.next().expect("no more polls") {
                crate::wakeup::arrange(deadline + *late, cx);
            }
            std::task::Poll::Pending
        })
    });
    let layer = TimeoutLayer::new(TIMEOUT).counters(counters.clone());
    (layer.layer(inner), counters)
}

/// The response is woken at the deadline, and then ends with a timeout.
async fn expect_alarm<F>(mut response: task::Spawn<F>, counters: &Counters)
where
    F: Future<Output = Result<Value, BoxError>>,
{
    sleep(TIMEOUT + Duration::from_millis(10)).await;
    assert!(response.is_woken());
    assert_ready_err!(response.poll());
    assert_eq!(counters.snapshot().timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn no_alarm_is_set_for_who_is_woken_anyway() {
    let (mut service, _) = arranging(&[IN_TIME, IN_TIME]);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    assert_pending!(response.poll());
    sleep(2 * TIMEOUT).await;
    assert!(!response.is_woken());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_is_set_once_nothing_is_arranged_any_more() {
    let (mut service, counters) = arranging(&[IN_TIME, None, None, None]);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    assert_pending!(response.poll());
    expect_alarm(response, &counters).await;
}

#[tokio::test(start_paused = true)]
async fn an_alarm_is_set_for_who_is_woken_too_late() {
    const LATE: Option<Duration> = Some(Duration::from_secs(1));
    let (mut service, counters) = arranging(&[LATE, LATE, LATE]);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    expect_alarm(response, &counters).await;
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_waiting_past_the_deadline_is_ended_whatever_was_arranged() {
    let (mut service, counters) = arranging(&[IN_TIME, IN_TIME, IN_TIME]);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    sleep(TIMEOUT).await;
    let error = Error::from(assert_ready_err!(response.poll()));
    assert!(error.is_timeout());
    assert_eq!(counters.snapshot().timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_timeouts_one_sets_an_alarm() {
    let (inner, mut handle) = mock::pair::<Command, Value>();
    let [inner_counters, outer_counters] = [(); 2].map(|()| Counters::new());
    let inner = TimeoutLayer::new(TIMEOUT)
        .counters(inner_counters)
        .layer(inner);
    let mut outer = TimeoutLayer::new(2 * TIMEOUT)
        .counters(outer_counters.clone())
        .layer(inner);
    handle.allow(1);
    let mut ready = task::spawn(());
    assert_ready_ok!(ready.enter(|cx, _| outer.poll_ready(cx)));
    let mut response = task::spawn(outer.call(get()));
    let (_, arranged) =
        response.enter(|cx, response| crate::wakeup::heed(cx, |cx| response.poll(cx)));
    assert_eq!(arranged, Some(Instant::now() + TIMEOUT), "the inner one's");
    sleep(TIMEOUT + Duration::from_millis(10)).await;
    assert!(response.is_woken());
    assert_ready_err!(response.poll());
    assert_eq!(outer_counters.snapshot().timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn the_alarm_of_an_inner_timeout_that_is_dropped_is_nothing_to_rely_on() {
    let (mut inner, _handle, _) = service(TIMEOUT);
    let mut response = call(&mut inner, get()).into_inner();
    task::spawn(()).enter(|cx, _| {
        let (_, arranged) = crate::wakeup::heed(cx, |cx| {
            assert!(std::pin::Pin::new(&mut response).poll(cx).is_pending());
            drop(response);
            std::task::Poll::<()>::Pending
        });
        assert_eq!(arranged, None);
    });
}

#[tokio::test(start_paused = true)]
async fn an_error_that_comes_when_asked_once_more_is_counted_once() {
    // Tells of its deadline only the second time it is polled past it.
    let slow = service_fn(|command: Command| {
        let deadline = command.deadline().expect("a deadline");
        let mut is_late = false;
        std::future::poll_fn(move |_| {
            if Instant::now() < deadline || !std::mem::replace(&mut is_late, true) {
                return std::task::Poll::Pending;
            }
            let error = Error::not_sent(ErrorKind::Timeout, "waiting for a connection");
            std::task::Poll::Ready(Err::<Value, _>(error))
        })
    });
    assert_ends_unsent(slow).await;
}

/// Asserts that a request of `inner`, which knows that it was not sent, ends with that when its time is up, and is counted
/// once.
async fn assert_ends_unsent<S>(inner: S)
where
    S: Service<Command, Response = Value, Error = Error>,
{
    let counters = Counters::new();
    let layer = TimeoutLayer::new(TIMEOUT).counters(counters.clone());
    let mut service = layer.layer(inner);
    let mut response = task::spawn(service.call(get()));
    assert_pending!(response.poll());
    sleep(TIMEOUT + Duration::from_millis(10)).await;
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(counters.snapshot().timeouts, 1);
}
