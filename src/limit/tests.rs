use std::future::Ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use super::{InFlightLimit, InFlightLimitLayer};
use crate::command::{Command, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::value::Value;

type Mock = mock::Mock<Command, Value>;
type Service1 = InFlightLimit<Mock>;
type Response = super::future::ResponseFuture<Mock>;

fn service(max: usize) -> (Service1, mock::Handle<Command, Value>) {
    let (mock, handle) = mock::pair();
    (InFlightLimitLayer::new(max).layer(mock), handle)
}

fn get() -> Command {
    cmd("GET").arg("k")
}

fn is_ready(ready: &mut task::Spawn<Service1>) -> bool {
    match ready.enter(|cx, mut service| service.poll_ready(cx)) {
        Poll::Ready(result) => result.map(|()| true).expect("no error"),
        Poll::Pending => false,
    }
}

fn call(service: &mut task::Spawn<Service1>) -> task::Spawn<Response> {
    assert!(is_ready(service));
    task::spawn((**service).call(get()))
}

/// A service of its own in the same limit.
fn clone(service: &task::Spawn<Service1>) -> task::Spawn<Service1> {
    task::spawn((**service).clone())
}

#[tokio::test]
async fn at_the_bound_it_is_not_ready_until_a_request_ends() {
    let (service, mut handle) = service(1);
    let mut service = task::spawn(service);
    let mut first = call(&mut service);
    assert!(!is_ready(&mut service));
    let (_, reply) = handle.next_request().await.expect("the first");
    reply.send_response(Value::Nil);
    assert_ready_ok!(first.poll());
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn a_response_dropped_in_flight_gives_its_place_back() {
    let (service, _handle) = service(1);
    let mut service = task::spawn(service);
    let first = call(&mut service);
    assert!(!is_ready(&mut service));
    drop(first);
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn an_inner_error_gives_the_place_back() {
    let (service, mut handle) = service(1);
    let mut service = task::spawn(service);
    let mut first = call(&mut service);
    let (_, reply) = handle.next_request().await.expect("the first");
    reply.send_error("broken");
    assert_ready_err!(first.poll());
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn a_service_that_was_ready_and_left_alone_keeps_nothing() {
    let (service, _handle) = service(1);
    let mut idle = task::spawn(service);
    let mut other = clone(&idle);
    assert!(is_ready(&mut idle));
    let _first = call(&mut other);
    assert!(!is_ready(&mut idle));
}

#[tokio::test]
async fn a_call_that_lost_its_place_waits_and_the_bound_holds() {
    let (service, mut handle) = service(1);
    let mut service = task::spawn(service);
    let mut other = clone(&service);
    assert!(is_ready(&mut service));
    assert!(is_ready(&mut other));
    let mut first = task::spawn(service.call(get()));
    let mut second = task::spawn(other.call(get()));
    assert_pending!(second.poll());
    let (_, reply) = handle.next_request().await.expect("the first");
    assert_pending!(handle.poll_request());
    reply.send_response(Value::Nil);
    assert_ready_ok!(first.poll());
    assert!(second.is_woken());
    assert!(!is_ready(&mut service), "the place is the second's");
    assert_pending!(second.poll());
    let (_, reply) = handle.next_request().await.expect("the second");
    reply.send_response(Value::Nil);
    assert_ready_ok!(second.poll());
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn a_waiting_call_calls_the_instance_that_was_ready() {
    /// Panics when called unready, as tower allows.
    #[derive(Default)]
    struct Strict(bool);
    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self(false)
        }
    }
    impl Service<Command> for Strict {
        type Response = Value;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Value, BoxError>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
            self.0 = true;
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Command) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called unready");
            std::future::ready(Ok(Value::Nil))
        }
    }
    let mut service = InFlightLimit::new(Strict::default(), 1);
    let mut other = service.clone();
    service.ready().await.expect("ready");
    other.ready().await.expect("ready");
    let first = service.call(get());
    let second = other.call(get());
    let _ = first.await.expect("the answer");
    let _ = second.await.expect("the answer");
}

#[tokio::test]
async fn a_turn_dropped_passes_its_place_on() {
    let (service, _handle) = service(1);
    let mut services = [(); 3].map(|()| task::spawn(service.clone()));
    assert!(services.iter_mut().all(is_ready));
    let [first, second, mut third] = services.each_mut().map(|s| task::spawn(s.call(get())));
    assert_pending!(third.poll());
    drop(first);
    // The second has the place without having been polled.
    assert!(!third.is_woken());
    drop(second);
    assert!(third.is_woken());
}

#[tokio::test]
async fn waiting_services_are_woken_one_for_each_place_in_order() {
    let (service, _handle) = service(2);
    let mut busy = task::spawn(service);
    let first = call(&mut busy);
    let _second = call(&mut busy);
    let mut waiting = [(); 3].map(|()| clone(&busy));
    assert!(!waiting.iter_mut().any(is_ready));
    drop(first);
    let woken = waiting.each_ref().map(|service| service.is_woken());
    assert_eq!(woken, [true, false, false]);
}

#[tokio::test]
async fn a_service_woken_in_vain_keeps_its_place_in_the_queue() {
    let (service, _handle) = service(2);
    let mut busy = task::spawn(service);
    let [first, _second] = [(); 2].map(|()| call(&mut busy));
    let mut waiting = [(); 2].map(|()| clone(&busy));
    assert!(!waiting.iter_mut().any(is_ready));
    drop(first);
    let quicker = call(&mut busy);
    assert!(!is_ready(&mut waiting[0]));
    drop(quicker);
    let woken = waiting.each_ref().map(|service| service.is_woken());
    assert_eq!(woken, [true, false]);
}

#[tokio::test]
async fn a_clone_of_a_waiting_service_waits_for_itself() {
    let (service, _handle) = service(2);
    let mut busy = task::spawn(service);
    let [first, _second] = [(); 2].map(|()| call(&mut busy));
    assert!(!is_ready(&mut busy));
    let mut cloned = clone(&busy);
    assert!(!is_ready(&mut cloned));
    drop(first);
    assert_eq!([busy.is_woken(), cloned.is_woken()], [true, false]);
}

#[tokio::test]
async fn a_service_dropped_after_it_was_woken_passes_that_on() {
    let (service, _handle) = service(2);
    let mut busy = task::spawn(service);
    let [first, _second] = [(); 2].map(|()| call(&mut busy));
    let [mut gone, mut next] = [(); 2].map(|()| clone(&busy));
    assert!(!is_ready(&mut gone));
    assert!(!is_ready(&mut next));
    drop(first);
    assert!(!next.is_woken());
    drop(gone);
    assert!(next.is_woken());
}

#[tokio::test]
async fn an_idle_service_cannot_hold_up_the_others_once_all_places_are_free() {
    let (service, _handle) = service(1);
    let mut busy = task::spawn(service);
    let first = call(&mut busy);
    let [mut idle, mut other] = [(); 2].map(|()| clone(&busy));
    assert!(!is_ready(&mut idle));
    assert!(!is_ready(&mut other));
    drop(first);
    assert!(other.is_woken());
}

#[tokio::test]
async fn each_service_of_a_layer_has_a_bound_of_its_own() {
    let layer = InFlightLimitLayer::new(1);
    let (mock, _handle) = mock::pair();
    let mut one = task::spawn(layer.layer(mock.clone()));
    let mut other = task::spawn(layer.layer(mock));
    let _first = call(&mut one);
    assert!(is_ready(&mut other));
}

#[tokio::test]
async fn inner_readiness_and_its_error_are_passed_on() {
    let (service, mut handle) = service(1);
    handle.allow(0);
    let mut service = task::spawn(service);
    assert!(!is_ready(&mut service));
    handle.send_error("finished");
    let result = service.enter(|cx, mut service| service.poll_ready(cx));
    assert_eq!(assert_ready_err!(result).to_string(), "finished");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_too_late_is_a_timeout_of_a_request_not_sent() {
    let (mut first, _handle) = service(1);
    let mut second = first.clone();
    first.ready().await.expect("ready");
    second.ready().await.expect("ready");
    let running = first.call(get());
    let mut command = get();
    command.set_deadline(Instant::now() + Duration::from_secs(1));
    let mut late = task::spawn(second.call(command));
    assert_pending!(late.poll());
    advance(Duration::from_secs(1)).await;
    let error = Error::from(assert_ready_err!(late.poll()));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.delivery(), Delivery::NotSent);
    // Complete but not dropped, it must not be given the place.
    drop(running);
    let mut first = task::spawn(first);
    assert!(is_ready(&mut first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_bound_holds_and_everybody_is_served() {
    const MAX: usize = 3;
    let inside = Arc::new(AtomicUsize::new(0));
    let inner = service_fn(move |_: Command| {
        let inside = inside.clone();
        async move {
            assert!(inside.fetch_add(1, Ordering::SeqCst) < MAX);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, BoxError>(Value::Nil)
        }
    });
    let service = InFlightLimit::new(inner, MAX);
    let tasks = (0..32).map(|number| {
        let mut service = service.clone();
        tokio::spawn(async move {
            for round in 0..200 {
                let response = service.ready().await.expect("ready").call(get());
                if (number + round) % 7 != 0 {
                    response.await.expect("the answer");
                }
            }
        })
    });
    for result in join_all(tasks).await {
        result.expect("no panic");
    }
}

#[test]
fn a_call_that_panics_gives_its_place_back_though_its_service_is_kept() {
    let panicking =
        service_fn(|_: Command| -> Ready<Result<Value, BoxError>> { panic!("as told") });
    let mut kept = InFlightLimit::new(panicking, 1);
    let mut other = task::spawn(kept.clone());
    let call = AssertUnwindSafe(|| drop(kept.call(get())));
    catch_unwind(call).expect_err("it panics");
    let ready = other.enter(|cx, mut other| other.poll_ready(cx));
    assert!(ready.is_ready());
    drop(kept);
}

// ===== bytes =====

const KIB: usize = 1024;

fn set(bytes: usize) -> Command {
    cmd("SET").arg("k").arg(vec![b'v'; bytes])
}

fn service_of_bytes(max_bytes: usize) -> (task::Spawn<Service1>, mock::Handle<Command, Value>) {
    let (mock, handle) = mock::pair();
    let layer = InFlightLimitLayer::new(100).max_bytes(max_bytes);
    (task::spawn(layer.layer(mock)), handle)
}

#[tokio::test]
async fn at_the_bound_on_bytes_it_is_not_ready_until_a_request_ends() {
    let (mut service, _handle) = service_of_bytes(10 * KIB);
    let mut running = Vec::new();
    while is_ready(&mut service) {
        running.push(service.call(set(KIB)));
    }
    assert_eq!(running.len(), 10);
    drop(running.pop());
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
    drop(service.call(get()));
}

#[tokio::test]
async fn a_request_larger_than_the_bound_passes_and_then_nothing_does() {
    let (mut service, mut handle) = service_of_bytes(10 * KIB);
    assert!(is_ready(&mut service));
    let large = service.call(set(100 * KIB));
    drop(handle.next_request().await.expect("it was passed on"));
    assert!(!is_ready(&mut service));
    drop(large);
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn the_place_of_a_large_request_goes_to_as_many_as_there_is_room_for() {
    let (service, mut handle) = service_of_bytes(10 * KIB);
    let mut services = [(); 13].map(|()| clone(&service));
    assert!(services.iter_mut().all(is_ready));
    let large = services[0].call(set(100 * KIB));
    drop(handle.next_request().await.expect("the large one"));
    let mut small: Vec<_> = services[1..]
        .iter_mut()
        .map(|service| task::spawn(service.call(set(KIB))))
        .collect();
    small
        .iter_mut()
        .for_each(|small| assert_pending!(small.poll()));
    assert_pending!(handle.poll_request());
    drop(large);
    let woken = small.iter().filter(|small| small.is_woken()).count();
    assert_eq!(woken, 10);
    let mut late = clone(&service);
    assert!(!is_ready(&mut late), "two have their turn before");
}

#[tokio::test]
async fn a_batch_counts_with_all_its_commands() {
    let (mut service, _handle) = service_of_bytes(10 * KIB);
    assert!(is_ready(&mut service));
    let _batch = service.call(Command::pipeline([(); 10].map(|()| set(KIB))));
    assert!(!is_ready(&mut service));
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_took_is_deducted_from_the_time_of_the_request() {
    let (mut first, mut handle) = service(1);
    let mut second = first.clone();
    first.ready().await.expect("ready");
    second.ready().await.expect("ready");
    let start = Instant::now();
    let running = first.call(get());
    let mut late = task::spawn(second.call(get()));
    assert_pending!(late.poll());
    advance(Duration::from_secs(1)).await;
    drop(handle.next_request().await.expect("the first"));
    drop(running);
    assert_pending!(late.poll());
    let (command, _) = handle.next_request().await.expect("the second");
    assert_eq!(command.waiting_since(), Some(start));
}

// ===== shutdown =====

#[tokio::test]
async fn when_its_life_ends_it_refuses_readiness_and_calls_and_finishes_what_it_let_in() {
    let life = Lifecycle::new();
    let (mock, mut handle) = mock::pair();
    let service = InFlightLimitLayer::new(1).lifecycle(&life).layer(mock);
    let mut service = task::spawn(service);
    let [mut other, mut visitor, mut ready] = [(); 3].map(|()| clone(&service));
    assert!([&mut other, &mut ready].into_iter().all(is_ready));
    let mut running = call(&mut service);
    let mut turn = task::spawn(other.call(get()));
    assert_pending!(turn.poll());
    assert!(!is_ready(&mut visitor));

    let mut ended = task::spawn(life.shutdown(Duration::from_secs(60)));
    assert_pending!(ended.poll());
    assert!(visitor.is_woken());
    let refused = visitor.enter(|cx, mut visitor| visitor.poll_ready(cx));
    let refused = Error::from(assert_ready_err!(refused));
    assert_eq!(refused.kind(), ErrorKind::Shutdown);
    let refused = Error::from(ready.call(get()).await.expect_err("too late"));
    assert_eq!(refused.kind(), ErrorKind::Shutdown);
    assert_eq!(refused.delivery(), Delivery::NotSent);

    let (_, reply) = handle.next_request().await.expect("the first");
    reply.send_response(Value::Nil);
    assert_ready_ok!(running.poll());
    assert_pending!(ended.poll());
    assert_pending!(turn.poll());
    let (_, reply) = handle.next_request().await.expect("the one that waited");
    reply.send_response(Value::Nil);
    assert_ready_ok!(turn.poll());
    assert!(ended.is_woken());
    assert_ready_ok!(ended.poll());
}

#[tokio::test]
async fn a_call_that_waited_and_is_answered_at_once_gives_its_place_back() {
    let at_once = service_fn(|_: Command| std::future::ready(Ok::<_, BoxError>(Value::Nil)));
    let mut service = InFlightLimitLayer::new(1).layer(at_once);
    let mut other = service.clone();
    let mut ready = task::spawn(());
    assert_ready_ok!(ready.enter(|cx, _| service.poll_ready(cx)));
    assert_ready_ok!(ready.enter(|cx, _| other.poll_ready(cx)));
    let mut first = task::spawn(service.call(get()));
    let mut second = task::spawn(other.call(get()));
    assert_pending!(second.poll());
    assert_ready_ok!(first.poll());
    assert_ready_ok!(second.poll());
    // Though neither future is dropped yet.
    assert_ready_ok!(ready.enter(|cx, _| service.poll_ready(cx)));
}
