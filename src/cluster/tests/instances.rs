//! On which instances of the stack requests are made.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio_test::{assert_pending, assert_ready, task};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::super::Cluster;
use crate::command::{Command, cmd};
use crate::error::Error;
use crate::value::Value;

async fn answer(command: Command) -> Result<Value, Error> {
    match &*command.name() {
        "SLOW" => pending().await,
        _ => Ok(Value::Nil),
    }
}

#[tokio::test]
async fn request_that_was_shed_leaves_nothing_behind_that_waits_for_a_place() {
    for keeps_stack in [false, true] {
        let stack = ServiceBuilder::new()
            .layer(LoadShedLayer::new())
            .layer(ConcurrencyLimitLayer::new(1))
            .service_fn(answer);
        let mut cluster = Cluster::new(stack.clone());
        if keeps_stack {
            cluster = cluster.with_kept_stack();
        }
        let mut slow = task::spawn(cluster.send(cmd("SLOW")));
        assert_pending!(slow.poll());
        let error = cluster.send(cmd("PLAIN")).await.expect_err("shed");
        assert!(error.is_overloaded());
        drop(slow);
        // Another user of the same limit.
        stack.oneshot(cmd("PLAIN")).await.expect("the answer");
    }
}

const READY: usize = 0;
const PENDING: usize = 1;
const FINISHED: usize = 2;
const PANICKING: usize = 3;

/// Answers at once, unless it is said not to be ready. Counts its clones, and the calls of each.
struct Counting {
    clones: Arc<AtomicUsize>,
    readiness: Arc<AtomicUsize>,
    calls: i64,
}

impl Counting {
    fn new() -> Self {
        Self {
            clones: Arc::default(),
            readiness: Arc::new(AtomicUsize::new(READY)),
            calls: 0,
        }
    }
}

impl Clone for Counting {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        Self {
            clones: Arc::clone(&self.clones),
            readiness: Arc::clone(&self.readiness),
            calls: 0,
        }
    }
}

impl Service<Command> for Counting {
    type Response = Value;
    type Error = Error;
    type Future = std::future::Ready<Result<Value, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.readiness.load(Ordering::Relaxed) {
            READY | PANICKING => Poll::Ready(Ok(())),
            PENDING => Poll::Pending,
            _ => Poll::Ready(Err(crate::lifecycle::shut_down())),
        }
    }

    fn call(&mut self, _: Command) -> Self::Future {
        assert_ne!(self.readiness.load(Ordering::Relaxed), PANICKING);
        self.calls += 1;
        std::future::ready(Ok(Value::Integer(self.calls)))
    }
}

/// The number of the call on the instance that was called.
async fn call<S>(cluster: &Cluster<S>) -> i64
where
    S: Service<Command, Response = Value, Error = Error> + Clone,
{
    cluster.query(cmd("PING")).await.expect("an integer")
}

#[tokio::test]
async fn each_request_has_an_instance_of_its_own() {
    let stack = Counting::new();
    let clones = Arc::clone(&stack.clones);
    let cluster = Cluster::new(stack);
    assert_eq!([call(&cluster).await, call(&cluster).await], [1, 1]);
    assert_eq!(clones.load(Ordering::Relaxed), 2);
    // As with layers around one that is kept.
    let cluster = cluster
        .with_kept_stack()
        .layer(tower::layer::util::Identity::new());
    assert_eq!([call(&cluster).await, call(&cluster).await], [1, 1]);
}

#[tokio::test]
async fn an_instance_that_is_kept_serves_one_request_after_another_of_its_handle() {
    let stack = Counting::new();
    let clones = Arc::clone(&stack.clones);
    let cluster = Cluster::new(stack).with_kept_stack();
    assert_eq!([call(&cluster).await, call(&cluster).await], [1, 2]);
    assert_eq!(clones.load(Ordering::Relaxed), 1);
    let other = cluster.clone();
    assert_eq!([call(&other).await, call(&other).await], [1, 2]);
    assert_eq!(call(&cluster).await, 3);
    // Each handle has one to clone, and keeps one.
    assert_eq!(clones.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_instance_that_is_not_ready_goes_with_the_request_that_waits_for_it() {
    let stack = Counting::new();
    let readiness = Arc::clone(&stack.readiness);
    let cluster = Cluster::new(stack).with_kept_stack();
    assert_eq!(call(&cluster).await, 1);
    readiness.store(PENDING, Ordering::Relaxed);
    let mut waiting = task::spawn(call(&cluster));
    assert_pending!(waiting.poll());
    readiness.store(READY, Ordering::Relaxed);
    assert_eq!([call(&cluster).await, call(&cluster).await], [1, 2]);
    assert_eq!(assert_ready!(waiting.poll()), 2);
    assert_eq!(call(&cluster).await, 3);
}

#[tokio::test]
async fn an_instance_that_failed_is_not_kept() {
    let stack = Counting::new();
    let (clones, readiness) = (Arc::clone(&stack.clones), Arc::clone(&stack.readiness));
    let cluster = Cluster::new(stack).with_kept_stack();
    assert_eq!(call(&cluster).await, 1);
    readiness.store(FINISHED, Ordering::Relaxed);
    cluster.send(cmd("PING")).await.expect_err("finished");
    readiness.store(READY, Ordering::Relaxed);
    assert_eq!(call(&cluster).await, 1);
    assert_eq!(clones.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn builders_keep_what_is_all_their_own() {
    let build = || Cluster::builder(["redis://127.0.0.1:1"]);
    let plain = build().build().expect("built");
    let around = build()
        .node_layer(ConcurrencyLimitLayer::new(1))
        .connect_layer(ConcurrencyLimitLayer::new(1))
        .build()
        .expect("built");
    let within = build()
        .attempt_layer(ConcurrencyLimitLayer::new(1))
        .build()
        .expect("built");
    assert!(plain.kept.try_lock().is_some());
    assert!(around.kept.try_lock().is_some());
    assert!(within.kept.try_lock().is_none());
}

#[tokio::test]
async fn an_instance_that_panicked_is_not_kept() {
    let stack = Counting::new();
    let readiness = Arc::clone(&stack.readiness);
    let cluster = Cluster::new(stack).with_kept_stack();
    assert_eq!(call(&cluster).await, 1);
    readiness.store(PANICKING, Ordering::Relaxed);
    let mut request = task::spawn(cluster.send(cmd("PING")));
    let panicked = catch_unwind(AssertUnwindSafe(|| request.poll().is_ready()));
    assert!(panicked.is_err());
    readiness.store(READY, Ordering::Relaxed);
    assert_eq!(call(&cluster).await, 1);
}

/// A service that sends a request of its own while it is called, over the handle that it is called by.
#[derive(Clone)]
struct Within(Counting, Arc<std::sync::OnceLock<Cluster<Within>>>);

impl Service<Command> for Within {
    type Response = Value;
    type Error = Error;
    type Future = std::future::Ready<Result<Value, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        if &*command.name() == "OUTER" {
            let cluster = self.1.get().expect("set");
            let mut inner = task::spawn(cluster.send(cmd("INNER")));
            assert_eq!(assert_ready!(inner.poll()).ok(), Some(Value::Integer(1)));
        }
        self.0.call(command)
    }
}

#[tokio::test]
async fn a_request_from_inside_a_call_has_an_instance_of_its_own() {
    let handle = Arc::default();
    let cluster = Cluster::new(Within(Counting::new(), Arc::clone(&handle))).with_kept_stack();
    assert!(handle.set(cluster).is_ok());
    let cluster = handle.get().expect("set");
    for calls in [1, 2] {
        let number: i64 = cluster.query(cmd("OUTER")).await.expect("an integer");
        assert_eq!(number, calls);
    }
}

/// A node layer whose services count their clones.
#[derive(Clone, Default)]
struct CountClones(Arc<AtomicUsize>);

struct Counted<S> {
    inner: S,
    clones: Arc<AtomicUsize>,
}

impl<S> Layer<S> for CountClones {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        let clones = Arc::clone(&self.0);
        Counted { inner, clones }
    }
}

impl<S: Clone> Clone for Counted<S> {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        CountClones(Arc::clone(&self.clones)).layer(self.inner.clone())
    }
}

impl<S: Service<Command>> Service<Command> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> S::Future {
        self.inner.call(command)
    }
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn with_node_layers_services_are_made_for_each_request_unless_told_to_keep_them() {
    let fake = crate::testing::FakeCluster::start(1).await;
    for (told, is_made_anew) in [(None, true), (Some(false), true), (Some(true), false)] {
        let layer = CountClones::default();
        let mut builder = Cluster::builder(fake.urls()).node_layer(layer.clone());
        if let Some(keeps) = told {
            builder = builder.keep_services(keeps);
        }
        let cluster = builder.connect().await.expect("connected");
        let get = async || cluster.get::<Option<String>>("k").await.expect("a reply");
        get().await;
        let before = layer.0.load(Ordering::Relaxed);
        get().await;
        get().await;
        let clones = layer.0.load(Ordering::Relaxed) - before;
        assert_eq!(clones >= 2, is_made_anew, "{told:?}: {clones}");
    }
}
