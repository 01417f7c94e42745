use std::task::Poll;
use std::time::Duration;

use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_test::mock;

use super::{FailFast, FailFastLayer};
use crate::addr::NodeAddr;
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::{Counters, Metrics};

const AFTER: Duration = Duration::from_millis(100);
const MS: Duration = Duration::from_millis(1);

type Mock = mock::Mock<&'static str, &'static str>;
type Handle = mock::Handle<&'static str, &'static str>;
type Response = super::future::ResponseFuture<mock::future::ResponseFuture<&'static str>>;

/// A service on one task, so that it can be seen whether that was woken.
struct Caller(task::Spawn<FailFast<Mock>>);

impl Caller {
    fn poll_ready(&mut self) -> Poll<Result<(), BoxError>> {
        self.0.enter(|cx, mut service| service.poll_ready(cx))
    }

    fn is_ready(&mut self) -> bool {
        self.poll_ready().map(|ready| ready.expect("no error")) == Poll::Ready(())
    }

    fn call(&mut self) -> task::Spawn<Response> {
        task::spawn(self.0.call("request"))
    }

    /// Asks and calls; the error it fails with at once.
    fn failure(&mut self) -> Error {
        assert!(self.is_ready());
        Error::from(assert_ready_err!(self.call().poll()))
    }
}

impl Clone for Caller {
    fn clone(&self) -> Self {
        Self(task::spawn((*self.0).clone()))
    }
}

/// A service that is not ready, as its first caller has just found.
fn not_ready() -> (Caller, Handle, Counters) {
    let (mock, mut handle) = mock::pair();
    handle.allow(0);
    let counters = Counters::new();
    let layer = FailFastLayer::new()
        .after(AFTER)
        .counters(counters.clone())
        .for_node(&NodeAddr::new("10.0.0.1", 7000));
    let mut caller = Caller(task::spawn(layer.layer(mock)));
    assert!(!caller.is_ready());
    (caller, handle, counters)
}

fn metrics(counters: &Counters) -> (u64, u64) {
    let Metrics {
        failed_fast,
        nodes_unavailable,
        ..
    } = counters.snapshot();
    (failed_fast, nodes_unavailable)
}

// ===== ready =====

#[tokio::test(start_paused = true)]
async fn a_ready_service_is_called() {
    let (mut caller, mut handle, counters) = not_ready();
    handle.allow(1);
    assert!(caller.0.is_woken());
    assert!(caller.is_ready());
    let mut response = caller.call();
    let (request, reply) = handle.next_request().await.expect("it was called");
    assert_eq!(request, "request");
    assert_pending!(response.poll());
    reply.send_response("reply");
    assert_eq!(assert_ready_ok!(response.poll()), "reply");
    assert_eq!(metrics(&counters), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn errors_are_passed_on_and_end_the_time() {
    let (mut caller, mut handle, counters) = not_ready();
    advance(AFTER).await;
    caller.failure();
    handle.send_error("finished");
    let error = assert_ready_err!(caller.poll_ready());
    assert!(error.to_string().contains("finished"), "{error}");
    assert_eq!(metrics(&counters), (1, 0));
}

// ===== not ready =====

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_when_the_time_is_over_and_its_request_fails() {
    let (mut caller, mut handle, counters) = not_ready();
    advance(AFTER - MS).await;
    assert!(!caller.0.is_woken());
    assert!(!caller.is_ready());
    assert_eq!(metrics(&counters), (0, 0));

    advance(2 * MS).await;
    assert!(caller.0.is_woken());
    let error = caller.failure();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.delivery(), Delivery::NotSent);
    let message = "the node has not been ready for 101 ms (node 10.0.0.1:7000)";
    assert_eq!(error.to_string(), message);
    assert_eq!(metrics(&counters), (1, 1));
    assert_pending!(task::spawn(handle.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_does_not_wait() {
    let (caller, _handle, counters) = not_ready();
    let mut late = caller.clone();
    // Who saw it first need not be there any more.
    drop(caller);
    advance(AFTER).await;
    late.failure();
    late.clone().failure();
    assert_eq!(metrics(&counters), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn who_comes_in_between_waits_for_the_rest() {
    let (caller, _handle, _) = not_ready();
    let mut second = caller.clone();
    advance(AFTER - 10 * MS).await;
    assert!(!second.is_ready());
    advance(11 * MS).await;
    assert!(second.0.is_woken());
    second.failure();
}

#[tokio::test(start_paused = true)]
async fn found_ready_by_anyone_the_time_begins_anew() {
    let (mut caller, mut handle, _) = not_ready();
    advance(AFTER - MS).await;
    handle.allow(1);
    let mut other = caller.clone();
    assert!(other.is_ready());
    // Taken by the other, before this one looks.
    let _response = other.call();
    assert!(!caller.is_ready());
    advance(AFTER - MS).await;
    assert!(!caller.is_ready());
    advance(2 * MS).await;
    assert!(caller.0.is_woken());
    caller.failure();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_ready_again_is_called_again() {
    let (mut caller, mut handle, counters) = not_ready();
    advance(AFTER).await;
    caller.failure();
    handle.allow(1);
    // Any caller finds out.
    let mut other = caller.clone();
    assert!(other.is_ready());
    assert_eq!(metrics(&counters), (1, 0));
    let _response = other.call();
    handle.next_request().await.expect("it was called");
    // And the next time is a new one.
    assert!(!caller.is_ready());
}

#[tokio::test(start_paused = true)]
async fn told_to_fail_and_asked_again_it_is_called_if_it_is_ready_by_then() {
    let (mut caller, mut handle, counters) = not_ready();
    advance(AFTER).await;
    assert!(caller.is_ready());
    handle.allow(1);
    assert!(caller.is_ready());
    let _response = caller.call();
    handle.next_request().await.expect("it was called");
    assert_eq!(metrics(&counters), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn told_to_fail_the_request_fails_though_others_find_it_ready() {
    let (mut caller, mut handle, _) = not_ready();
    advance(AFTER).await;
    assert!(caller.is_ready());
    handle.allow(1);
    assert!(caller.clone().is_ready());
    let error = Error::from(assert_ready_err!(caller.call().poll()));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_neither_ready_nor_failing() {
    let (mut caller, mut handle, _) = not_ready();
    advance(AFTER).await;
    assert!(caller.is_ready());
    let mut clone = caller.clone();
    handle.allow(1);
    assert!(clone.is_ready());
    let _response = clone.call();
    handle.next_request().await.expect("the clone passes it on");
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_fails_it_is_not_counted_as_unavailable_any_more() {
    let (mut caller, _handle, counters) = not_ready();
    advance(AFTER).await;
    let other = caller.clone();
    caller.failure();
    drop(caller);
    assert_eq!(metrics(&counters), (1, 1));
    drop(other);
    assert_eq!(metrics(&counters), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_response_dropped_in_flight_drops_the_inner_one() {
    let (mut caller, mut handle, _) = not_ready();
    handle.allow(1);
    assert!(caller.is_ready());
    let response = caller.call();
    let (_, reply) = handle.next_request().await.expect("it was called");
    drop(response);
    reply.send_response("nobody waits");
}

// ===== settings =====

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_have_a_time_each() {
    let layer = FailFastLayer::new();
    let [mut first, mut second] = [(), ()].map(|()| {
        let (mock, mut handle) = mock::pair();
        handle.allow(0);
        (Caller(task::spawn(layer.layer(mock))), handle)
    });
    assert!(!first.0.is_ready());
    advance(AFTER).await;
    assert!(first.0.is_ready());
    assert!(!second.0.is_ready());
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn times_without_measure_are_kept_too() {
    for (after, is_ready) in [(Duration::ZERO, true), (Duration::MAX, false)] {
        let never = service_fn(|_: &'static str| std::future::pending::<Result<(), BoxError>>());
        let limited = tower::limit::ConcurrencyLimit::new(never, 1);
        let mut service = FailFastLayer::new().after(after).layer(limited);
        let mut task = task::spawn(());
        assert_ready_ok!(task.enter(|cx, _| service.poll_ready(cx)));
        let _in_flight = service.call("request");
        let polled = task.enter(|cx, _| service.poll_ready(cx));
        assert_eq!(polled.is_ready(), is_ready);
    }
}

// ===== threads =====

#[test]
fn whatever_threads_find_the_count_of_the_unavailable_comes_out_even() {
    let counters = Counters::new();
    let readiness = super::Readiness::new(Duration::ZERO, None, counters.clone());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let readiness = &readiness;
            scope.spawn(move || {
                for n in 0..20_000 {
                    match (n + thread) % 3 {
                        0 => readiness.note_ready(),
                        _ => assert_eq!(readiness.note_not_ready(), None),
                    }
                }
            });
        }
    });
    assert_eq!(readiness.note_not_ready(), None);
    assert_eq!(metrics(&counters), (0, 1));
    readiness.note_ready();
    assert_eq!(metrics(&counters), (0, 0));
}
