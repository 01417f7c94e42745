//! Nothing secret is shown: no password and no value by `Debug`, in errors, spans or events, and in spans and events
//! no name of a key either. Everything that can be seen is gathered, from all levels, and searched.

use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};
use tower_redis_cluster::connect::{
    ConnectUrl, Credentials, CredentialsChanged, CredentialsFuture, CredentialsProvider,
};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, ConnectionCacheLayer, Connector, Counters, Error, ErrorKind,
    ExclusiveLaneLayer, InFlightLimitLayer, NodeAddr, Pipeline, RetryLayer, RetryPolicy,
    RouteLayer, ScatterGatherLayer, Script, ServerError, TimeoutLayer, TraceLayer, Value, cmd,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Part of every password and value in here.
const SECRET: &str = "hunter2";

/// Part of every key's name.
const KEY: &str = "patient";

/// Writes down all that is traced.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Everything {
    fn note(&self, what: &str, record: impl FnOnce(&mut dyn Visit)) {
        let mut text = self.0.lock().expect("no panic");
        text.push_str(what);
        record(&mut Line(&mut text));
        text.push('\n');
    }

    fn seen(&self) -> String {
        self.0.lock().expect("no panic").clone()
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.note(attributes.metadata().name(), |line| attributes.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.note("record", |line| values.record(line));
    }

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata().target(), |line| event.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// All that people were shown.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn debug(&mut self, thing: &dyn Debug) {
        let _ = writeln!(self.0, "{thing:?} {thing:#?}");
    }

    fn display(&mut self, thing: &dyn fmt::Display) {
        let _ = writeln!(self.0, "{thing}");
    }

    fn error(&mut self, error: &Error) {
        self.debug(error);
        self.display(error);
    }
}

/// A line with the word in it.
fn line_with<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find(|line| line.contains(word))
}

/// Tells what was sent last.
struct Told(watch::Receiver<Result<Credentials, String>>);

impl CredentialsProvider for Told {
    fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
        let credentials = self.0.borrow().clone();
        Box::pin(async { Ok(Some(credentials?)) })
    }

    fn changed(&self) -> Option<CredentialsChanged> {
        let mut credentials = self.0.clone();
        credentials.mark_unchanged();
        Some(Box::pin(async move {
            let _ = credentials.changed().await;
        }))
    }
}

fn password(number: u32) -> String {
    format!("{SECRET}-password-{number}")
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_is_shown_or_traced() {
    let everything = Everything::default();
    let _guard = tracing::subscriber::set_default(everything.clone());
    let mut shown = Shown::default();

    let fake = FakeCluster::builder().user("app", password(1)).start();
    let fake = fake.await.expect("ports");
    shown.debug(&fake);
    let (teller, told) = watch::channel(Ok(Credentials::new("app", password(1))));
    let counters = Counters::new();
    let config = ConnectConfig::new()
        .credentials(Told(told))
        .counters(counters.clone());
    shown.debug(&config);
    let stack = ServiceBuilder::new()
        .layer(InFlightLimitLayer::new(1024))
        .layer(TraceLayer::new())
        .layer(ScatterGatherLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(RetryLayer::new(RetryPolicy::new(2)))
        .layer(RouteLayer::from_addrs(fake.addrs()))
        .layer(ConnectionCacheLayer::new())
        .layer(ExclusiveLaneLayer::new())
        .service(fake.connector(config));
    let cluster = Cluster::new(stack).with_counters(counters.clone());
    shown.debug(&cluster);
    shown.debug(cluster.get_ref());

    // What goes well, and what goes wrong.
    let value = || format!("{SECRET}-value");
    let key = |n: u32| format!("{KEY}-{n}");
    for n in 0..10 {
        cluster.set(key(n), value()).await.expect("it serves");
        let reply = cluster.send(cmd("GET").arg(key(n))).await;
        shown.debug(&reply.expect("it serves"));
    }
    let pipeline = Pipeline::new().set(key(1), value()).get(key(2));
    shown.debug(&pipeline);
    let commands: [Command; 6] = [
        cmd("LPUSH").arg(key(1)).arg(value()),
        cmd("NO.SUCH").arg(key(1)).arg(value()),
        cmd("SET").arg(key(1)).arg(value()).arg(value()),
        cmd("MGET").arg(key(1)).arg(key(2)),
        cmd("EVAL").arg(value()).arg(0).arg(value()),
        Command::transaction([
            cmd("SET").arg(key(1)).arg(value()),
            cmd("LPUSH").arg(key(1)).arg(value()),
        ]),
    ];
    for command in commands {
        shown.debug(&command);
        match cluster.send(command).await {
            Ok(value) => shown.debug(&value),
            Err(error) => shown.error(&error),
        }
    }
    let converted = cluster.get::<u64>(key(1)).await;
    shown.error(&converted.expect_err("it is no number"));
    shown.debug(&Script::new(value()));
    for node in fake.nodes() {
        node.stall();
    }
    let late = cluster.set(key(1), value()).await;
    shown.error(&late.expect_err("nobody answers"));
    fake.heal();
    for node in fake.nodes() {
        let moved = ServerError::new("MOVED 1 203.0.113.9:1");
        node.answer("GET", Value::Error(moved), usize::MAX);
    }
    let moved = cluster.get::<String>(key(1)).await;
    shown.error(&moved.expect_err("nobody is there"));
    fake.heal();

    // Credentials that the server refuses, or a provider that fails, while connections are in use and for new ones.
    let failed = || counters.snapshot().reauthentications_failed;
    for refused in [Ok(Credentials::new("app", password(2))), Err(password(3))] {
        let before = failed();
        cluster.get::<String>(key(2)).await.expect("it serves");
        let is_refusal = refused.is_ok();
        let _ = teller.send_replace(refused);
        sleep(Duration::from_secs(5)).await;
        assert!(failed() > before);
        for node in fake.nodes() {
            node.kill_connections();
        }
        let error = cluster.get::<String>(key(2)).await;
        let error = error.expect_err("nobody is let in");
        if is_refusal {
            shown.error(&error);
            assert_eq!(error.kind(), ErrorKind::Authentication);
        } else {
            // Its `source` is the provider's own, who knows what it says.
            shown.display(&error);
        }
        let _ = teller.send_replace(Ok(Credentials::new("app", password(1))));
        sleep(Duration::from_secs(60)).await;
    }

    // URLs, right and wrong.
    for url in [
        format!("redis://app:{}@{}", password(4), fake.addrs()[0]),
        format!("redis://app:{}@{}:0", password(4), fake.addrs()[0]),
        format!("redis://{}@{}", password(4), fake.addrs()[0]),
        format!("redis://app:{}%zz@{}", password(4), fake.addrs()[0]),
        format!("http://app:{}@{}", password(4), fake.addrs()[0]),
    ] {
        match url.parse::<ConnectUrl>() {
            Ok(url) => shown.debug(&url),
            Err(error) => shown.error(&error),
        }
        match ConnectConfig::from_url(&url) {
            Ok(config) => shown.debug(&Connector::new(config)),
            Err(error) => shown.error(&error),
        }
        shown.debug(&RouteLayer::new([&url]));
        shown.debug(&Cluster::builder([&url]));
        let refused = fake.connector(ConnectConfig::from_url(&url).unwrap_or_default());
        let refused = refused.oneshot(fake.addrs()[0].clone()).await;
        shown.error(&refused.expect_err("it is the wrong one"));
    }

    let traced = everything.seen();
    assert!(traced.lines().count() > 100, "{traced}");
    assert!(
        traced.contains("could not renew the credentials"),
        "{traced}"
    );
    assert_eq!(line_with(&traced, SECRET), None);
    assert_eq!(line_with(&traced, KEY), None);
    assert_eq!(line_with(&shown.0, SECRET), None);
    assert!(shown.0.lines().count() > 100, "{}", shown.0);
}
