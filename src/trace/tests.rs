use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_test::mock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Span, Subscriber, subscriber};

use super::Trace;
use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::error::{Error, ErrorKind};
use crate::value::{ServerError, Value};

/// Keeps the fields of the spans opened while it is the default.
#[derive(Clone)]
struct Recorder {
    level: Level,
    spans: Arc<Mutex<Vec<Fields>>>,
    entered: Arc<AtomicU64>,
    closed: Arc<AtomicU64>,
}

#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Recorder {
    fn new(level: Level) -> Self {
        Self {
            level,
            spans: Arc::default(),
            entered: Arc::default(),
            closed: Arc::default(),
        }
    }

    fn span(&self) -> BTreeMap<&'static str, String> {
        let spans = self.spans.lock();
        assert_eq!(spans.len(), 1);
        spans[0].0.clone()
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target() == "tower_redis_cluster"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut spans = self.spans.lock();
        spans.push(fields);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.spans.lock()[id.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        self.entered.fetch_add(1, Ordering::Relaxed);
    }

    fn exit(&self, _: &Id) {
        self.entered.fetch_sub(1, Ordering::Relaxed);
    }

    fn try_close(&self, _: Id) -> bool {
        self.closed.fetch_add(1, Ordering::Relaxed);
        true
    }
}

fn get() -> Command {
    cmd("SOME.READ").key("user:1")
}

/// The fields of the span of a request that ends in this.
fn fields_of(result: Result<Value, BoxError>) -> BTreeMap<&'static str, String> {
    let recorder = Recorder::new(Level::DEBUG);
    subscriber::with_default(recorder.clone(), || {
        let mut result = Some(result);
        let inner = service_fn(move |_: Command| std::future::ready(result.take().expect("one")));
        let response = Trace::new(inner).oneshot(get());
        let _ = tokio_test::block_on(response);
    });
    assert_eq!(recorder.closed.load(Ordering::Relaxed), 1);
    recorder.span()
}

#[test]
fn an_answer_leaves_the_names_and_the_slot() {
    let fields = fields_of(Ok(Value::Nil));
    let expected = [
        ("db.operation.name", "SOME.READ"),
        ("db.redis.slot", "10778"),
        ("db.system.name", "redis"),
        ("otel.kind", "client"),
        ("otel.name", "SOME.READ"),
    ];
    let fields: Vec<_> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(fields, expected);
}

#[test]
fn an_error_reply_leaves_its_code_but_not_its_text() {
    let reply = ServerError::new("WRONGTYPE secret");
    for result in [
        Ok(Value::Error(reply.clone())),
        Err(Error::server(reply).into()),
    ] {
        let fields = fields_of(result);
        assert_eq!(fields["db.response.status_code"], "WRONGTYPE");
        assert_eq!(fields["error.type"], "WRONGTYPE");
        assert_eq!(fields["otel.status_code"], "ERROR");
        assert!(!format!("{fields:?}").contains("secret"));
    }
}

#[test]
fn an_error_leaves_its_kind_and_its_node() {
    let error = Error::not_sent(ErrorKind::Connection, "closed")
        .with_node(NodeAddr::new("::1", 7000))
        .with_attempts(3);
    let fields = fields_of(Err(error.into()));
    assert_eq!(fields["error.type"], "connection");
    assert_eq!(fields["server.address"], "::1");
    assert_eq!(fields["server.port"], "7000");
    assert_eq!(fields["db.redis.attempts"], "3");
    assert_eq!(fields["otel.status_code"], "ERROR");
    assert!(fields["otel.status_description"].contains("closed"));
}

#[test]
fn another_layers_error_leaves_no_text() {
    let fields = fields_of(Err("secret".into()));
    assert_eq!(fields["error.type"], "_OTHER");
    assert!(!format!("{fields:?}").contains("secret"));
}

#[test]
fn the_inner_service_runs_inside_the_span_and_the_caller_outside() {
    let recorder = Recorder::new(Level::DEBUG);
    let entered = recorder.entered.clone();
    subscriber::with_default(recorder, || {
        let depth = move || entered.load(Ordering::Relaxed);
        let inner = service_fn({
            let depth = depth.clone();
            move |_: Command| {
                assert_eq!(depth(), 1, "in call");
                let depth = depth.clone();
                std::future::poll_fn(move |_| {
                    assert_eq!(depth(), 1, "in poll");
                    std::task::Poll::<Result<Value, BoxError>>::Pending
                })
            }
        });
        let mut response = task::spawn(Trace::new(inner).call(get()));
        assert_eq!(depth(), 0);
        assert_pending!(response.poll());
        assert_eq!(depth(), 0);
    });
}

#[test]
fn a_request_dropped_in_flight_is_cancelled() {
    let recorder = Recorder::new(Level::DEBUG);
    subscriber::with_default(recorder.clone(), || {
        let (mock, _handle) = mock::pair::<Command, Value>();
        let mut service = Trace::new(mock);
        assert_ready_ok!(task::spawn(()).enter(|cx, _| service.poll_ready(cx)));
        drop(service.call(get()));
    });
    assert_eq!(recorder.span()["error.type"], "cancelled");
    assert_eq!(recorder.closed.load(Ordering::Relaxed), 1);
}

#[test]
fn below_debug_there_is_no_span() {
    let recorder = Recorder::new(Level::INFO);
    subscriber::with_default(recorder.clone(), || {
        let inner = service_fn(|_: Command| async {
            assert!(Span::current().is_disabled());
            Ok::<_, BoxError>(Value::Nil)
        });
        let response = Trace::new(inner).oneshot(get());
        tokio_test::block_on(response).expect("the answer");
    });
    assert!(recorder.spans.lock().is_empty());
}

#[test]
fn readiness_and_its_error_are_the_inner_services() {
    let (mock, mut handle) = mock::pair::<Command, Value>();
    let mut service = Trace::new(mock);
    handle.allow(0);
    let mut ready = task::spawn(());
    assert_pending!(ready.enter(|cx, _| service.poll_ready(cx)));
    handle.send_error("finished");
    assert!(ready.is_woken());
    let error = assert_ready_err!(ready.enter(|cx, _| service.poll_ready(cx)));
    assert_eq!(error.to_string(), "finished");
}
