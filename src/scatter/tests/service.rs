//! The layer over a mock: what it sends, when, and what it makes of the answers.

use std::sync::Arc;
use std::time::Duration;

use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::addr::NodeAddr;
use crate::command::{Command, Outcome, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::scatter::{Portion, ScatterGather};
use crate::timeout::Timeout;
use crate::topology::Topology;
use crate::value::Value;

type Mock = mock::Mock<Command, Value>;
type Handle = mock::Handle<Command, Value>;

fn pair() -> (ScatterGather<Mock>, Handle) {
    let (mock, mut handle) = mock::pair();
    handle.allow(1);
    (ScatterGather::new(mock), handle)
}

fn ready(service: &mut ScatterGather<Mock>) {
    assert_ready_ok!(task::spawn(()).enter(|cx, _| service.poll_ready(cx)));
}

/// Three nodes, each of a third of the slots.
fn topology() -> Arc<Topology> {
    let range = |number: i64| {
        let port = Value::Integer(7000 + number);
        let node = Value::Array(vec![Value::BulkString("10.0.0.1".into()), port]);
        let from = number * 5000;
        let to = if number == 2 { 16383 } else { from + 4999 };
        Value::Array(vec![Value::Integer(from), Value::Integer(to), node])
    };
    let reply = Value::Array((0..3).map(range).collect());
    let addr = NodeAddr::new("10.0.0.1", 7000);
    Arc::new(Topology::from_slots(&reply, &addr).expect("a topology"))
}

/// Answers the query for the topology, as a `Route` does.
fn tell(query: &Command) -> Value {
    let cell = query.topology_cell().expect("a query for the topology");
    cell.set(topology()).expect("not told yet");
    Value::Nil
}

fn sum(numbers: &[i64]) -> Value {
    Value::Array(
        numbers
            .iter()
            .map(|number| Value::Integer(*number))
            .collect(),
    )
}

fn failed(delivery: Delivery) -> Error {
    Error::not_sent(ErrorKind::Connection, "closed").with_delivery(delivery)
}

#[tokio::test]
async fn what_concerns_one_node_is_passed_on_to_the_service_that_is_ready() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let mut response = task::spawn(service.call(cmd("MGET").arg(("{a}1", "{a}2"))));
    let (request, reply) = handle.next_request().await.expect("it was sent");
    assert!(request.batch().is_none());
    reply.send_response(Value::Nil);
    let value = assert_ready_ok!(response.poll());
    assert_eq!(value, Value::Nil);
}

#[tokio::test]
async fn parts_are_one_request_and_one_response() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let mut response = task::spawn(service.call(cmd("DEL").arg(("a", "b", "c", "a"))));
    let (request, reply) = handle.next_request().await.expect("it was sent");
    assert_eq!(request.name(), "DEL");
    let parts = request.batch().expect("a pipeline").commands();
    assert_eq!(parts.len(), 3);
    assert_pending!(response.poll());
    reply.send_response(sum(&[1, 0, 1]));
    assert_eq!(assert_ready_ok!(response.poll()), Value::Integer(2));
}

#[tokio::test]
async fn fan_out_asks_which_nodes_there_are_and_waits_to_be_ready_again() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let command = cmd("DBSIZE").timeout(Duration::from_secs(7));
    let mut response = task::spawn(service.call(command));
    let (query, reply) = handle.next_request().await.expect("it was sent");
    assert_eq!(query.own_timeout(), Some(Duration::from_secs(7)));
    reply.send_response(tell(&query));
    assert_pending!(response.poll(), "the mock allowed one request");
    handle.allow(1);
    assert!(response.is_woken());
    assert_pending!(response.poll());
    let (request, reply) = handle.next_request().await.expect("it was sent");
    assert_eq!(request.own_timeout(), Some(Duration::from_secs(7)));
    assert!(request.waiting_since().is_some(), "one deadline for both");
    let parts = request.batch().expect("a pipeline").commands();
    assert!(
        parts
            .iter()
            .all(|part| matches!(part.explicit_target(), Some(Target::Node(_))))
    );
    reply.send_response(sum(&[1, 2, 3]));
    assert_eq!(assert_ready_ok!(response.poll()), Value::Integer(6));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let mut response = task::spawn(service.call(cmd("SCAN").arg(0)));
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert!(error.to_string().contains("scan"), "{error}");
    drop((service, response));
    assert!(handle.next_request().await.is_none(), "nothing was sent");
}

#[tokio::test]
async fn a_malformed_command_is_refused_before_nodes_are_asked_for() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let malformed = cmd("DBSIZE").arg("more");
    let mut response = task::spawn(service.call(malformed.clone()));
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    // Unless it is for the servers to say.
    let _response = service.call(malformed.unchecked());
    let (query, _reply) = handle.next_request().await.expect("it was sent");
    assert!(query.topology_cell().is_some());
}

#[tokio::test]
async fn a_topology_that_cannot_be_told_is_an_error_and_nothing_is_sent() {
    for answer in [Err(failed(Delivery::Unknown)), Ok(Value::Nil)] {
        let (mut service, mut handle) = pair();
        ready(&mut service);
        let mut response = task::spawn(service.call(cmd("FLUSHALL")));
        let (_, reply) = handle.next_request().await.expect("it was sent");
        match answer {
            Ok(value) => reply.send_response(value),
            Err(error) => reply.send_error(error),
        }
        let error = Error::from(assert_ready_err!(response.poll()));
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert_eq!(error.command(), Some("FLUSHALL"));
    }
}

#[tokio::test]
async fn a_failure_of_the_whole_tells_of_each_part_what_was_recorded() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let mut response = task::spawn(service.call(cmd("MSET").arg(("a", 1, "b", 2, "c", 3))));
    let (request, reply) = handle.next_request().await.expect("it was sent");
    request.batch().expect("a pipeline").record(vec![
        Outcome::Final(Ok(Value::SimpleString("OK".into()))),
        Outcome::Final(Err(failed(Delivery::Unknown))),
        Outcome::Again(failed(Delivery::NotSent)),
    ]);
    reply.send_error(failed(Delivery::Unknown));
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.command(), Some("MSET"));
    let partial = error.partial().expect("it failed in part");
    let key = |key: &'static str| Portion::Key(key.into());
    assert!(partial.done().eq([&key("a")]));
    assert!(partial.unknown().map(|(key, _)| key).eq([&key("b")]));
    assert!(partial.not_done().map(|(key, _)| key).eq([&key("c")]));
}

#[tokio::test]
async fn a_request_that_was_not_sent_at_all_says_so() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let mut response = task::spawn(service.call(cmd("DEL").arg(("a", "b"))));
    let (_, reply) = handle.next_request().await.expect("it was sent");
    reply.send_error(failed(Delivery::NotSent));
    let error = Error::from(assert_ready_err!(response.poll()));
    assert_eq!(error.delivery(), Delivery::NotSent);
    let partial = error.partial().expect("it failed");
    assert_eq!(partial.not_done().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_the_topology_and_the_parts_together() {
    let slow = service_fn(async |command: Command| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        match command.topology_cell() {
            Some(_) => Ok::<_, BoxError>(tell(&command)),
            None => Ok(sum(&[1, 2, 3])),
        }
    });
    let service = ScatterGather::new(Timeout::new(slow, Duration::from_millis(400)));
    let start = tokio::time::Instant::now();
    let error = service.oneshot(cmd("DBSIZE")).await;
    let error = Error::from(error.expect_err("two times 300 ms are too long"));
    assert!(error.is_timeout());
    assert_eq!(error.partial().expect("it failed").unknown().count(), 3);
    assert!(start.elapsed() < Duration::from_millis(450));
}

#[tokio::test]
async fn a_request_dropped_in_flight_drops_what_is_below() {
    let (mut service, mut handle) = pair();
    ready(&mut service);
    let response = service.call(cmd("DEL").arg(("a", "b")));
    let (_, reply) = handle.next_request().await.expect("it was sent");
    drop(response);
    // Nobody is there to hear it, and nothing panics.
    reply.send_response(sum(&[1, 1]));
    let mut again = task::spawn(());
    assert_pending!(again.enter(|cx, _| service.poll_ready(cx)));
    handle.allow(1);
    assert!(again.is_woken());
    assert_ready_ok!(again.enter(|cx, _| service.poll_ready(cx)));
}

#[tokio::test]
async fn readiness_and_its_error_are_the_inner_services() {
    let (mut service, mut handle) = pair();
    handle.allow(0);
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| service.poll_ready(cx)));
    handle.send_error("finished");
    assert!(waiting.is_woken());
    let error = assert_ready_err!(waiting.enter(|cx, _| service.poll_ready(cx)));
    assert_eq!(error.to_string(), "finished");
}
