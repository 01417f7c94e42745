//! One run: a cluster, its clients, what goes wrong, and the look at the end.

use std::cell::RefCell;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{ConnectConfig, Value, cmd};

use crate::actor::{Actor, COUNTERS, LEDGERS, PAIRS};
use crate::book::Book;
use crate::crew::Crew;
use crate::faults::{self, Event};
use crate::net::Net;
use crate::scene::Scene;
use crate::stack::{self, Client, Settings};
use crate::trace::Trace;

const PRIMARIES: usize = 3;

/// How long after the last fault everything has to work again.
const RECOVERY: Duration = Duration::from_secs(2);

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    pub seed: u64,
    pub settings: Settings,
    pub events: Vec<(u64, Event)>,
    pub trace: Trace,
    pub requests: u64,
    pub met: Met,
    pub violations: Vec<String>,
}

/// What the clients met with: a run in which nothing happens shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    pub redirects_moved: u64,
    pub redirects_ask: u64,
    pub retries: u64,
    pub timeouts: u64,
    pub dials_failed: u64,
    pub connections_lost: u64,
    pub refreshes: u64,
}

impl Met {
    fn by(clients: &[Client]) -> Self {
        let all = clients.iter().map(Client::metrics);
        all.fold(Self::default(), |met, metrics| {
            met.and(Self {
                redirects_moved: metrics.redirects_moved,
                redirects_ask: metrics.redirects_ask,
                retries: metrics.retries,
                timeouts: metrics.timeouts,
                dials_failed: metrics.dials_failed,
                connections_lost: metrics.evicted_closed + metrics.evicted_stalled,
                refreshes: metrics.refreshes_succeeded,
            })
        })
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            redirects_moved: self.redirects_moved + other.redirects_moved,
            redirects_ask: self.redirects_ask + other.redirects_ask,
            retries: self.retries + other.retries,
            timeouts: self.timeouts + other.timeouts,
            dials_failed: self.dials_failed + other.dials_failed,
            connections_lost: self.connections_lost + other.connections_lost,
            refreshes: self.refreshes + other.refreshes,
        }
    }
}

/// Runs what the seed says, on this thread.
pub fn run(seed: u64) -> Report {
    // In a thread of its own, in which everything begins anew that the stack keeps for each thread.
    let run = thread::spawn(move || {
        // What the stack draws: its jitter, and whom it asks.
        fastrand::seed(seed);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = runtime.expect("nothing that it needs can be missing");
        runtime.block_on(simulate(seed))
    });
    run.join().unwrap_or_else(|panic| resume_unwind(panic))
}

async fn simulate(seed: u64) -> Report {
    let mut rng = Rng::with_seed(seed);
    let fake = FakeCluster::builder()
        .primaries(PRIMARIES)
        .replicas(1)
        .in_memory()
        .start()
        .await
        .expect("it needs nothing");
    let nodes = fake.nodes().len();
    let first_view = view(&fake).await;
    let tasks_before = tasks();

    let settings = Settings {
        timeout: Duration::from_millis(*rng.choice(&[200, 400, 1000, 5000]).expect("some")),
        connections_per_node: *rng.choice(&[1, 1, 1, 2]).expect("some"),
        max_in_flight: *rng.choice(&[16 * 1024, 16 * 1024, 2]).expect("some"),
    };
    let net = Net::new(fake, seed);
    let clients = rng.usize(1..4);
    let clients: Vec<Client> = (0..clients)
        .map(|_| stack::client(&net, settings))
        .collect();
    let events = faults::plan(&mut rng, nodes, &keys());
    let mut scene = Scene {
        net,
        settings,
        clients,
        start: Instant::now(),
        book: RefCell::default(),
        trace: RefCell::default(),
        migrating: RefCell::default(),
        starved: RefCell::default(),
        first_view,
    };

    work(&scene, &events, &mut rng).await;
    // A failure that remains fails the look at the keys as well, so that is for the sound.
    if scene.book.borrow().violations.is_empty() {
        let mut book = scene.book.take();
        check_keys(&mut book, &scene.clients[0]).await;
        scene.book.replace(book);
    }
    let clients = std::mem::take(&mut scene.clients);
    let met = Met::by(&clients);
    drop(clients);
    // What was written by clients that are gone is still on its way.
    sleep(Duration::from_millis(50)).await;
    let mut book = scene.book.take();
    let (open, links) = (scene.net.fake.connections_open(), scene.net.open_links());
    if (open, links) != (0, 0) {
        book.violation(format!("{open} connections and {links} links are left"));
    }
    match tasks() - tasks_before {
        0 => {}
        left => book.violation(format!("{left} tasks are left")),
    }
    let trace = *scene.trace.borrow();
    Report {
        seed,
        settings,
        events,
        trace,
        requests: trace.events,
        met,
        violations: book.violations,
    }
}

/// The actors, while things go wrong, and after.
async fn work(scene: &Scene, events: &[(u64, Event)], rng: &mut Rng) {
    let mut actors = Vec::new();
    for client in 0..scene.clients.len() {
        for number in 0..rng.usize(1..5) {
            actors.push(Actor::new(scene, client, number, rng.fork()));
        }
    }
    let requests = rng.usize(10..35);
    let faults = Box::pin(faults::run(scene, events)) as _;
    let mut members: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>> = vec![faults];
    for actor in &mut actors {
        members.push(Box::pin(actor.work(requests)));
    }
    Crew::new(members).await;
    sleep(RECOVERY).await;
    let members = actors.iter_mut();
    Crew::new(members.map(|actor| Box::pin(actor.finish()) as _).collect()).await;
}

/// The keys that move.
fn keys() -> Vec<String> {
    let ledgers = (0..LEDGERS).map(|number| format!("l{number}"));
    let counters = (0..COUNTERS).map(|number| format!("c{number}"));
    let pairs = (0..PAIRS).map(|number| format!("{{p{number}}}l"));
    ledgers.chain(counters).chain(pairs).collect()
}

/// What the cluster has, beside what it should have.
async fn check_keys(book: &mut Book, client: &Client) {
    for key in book.ledgers() {
        let list = client.query::<Vec<String>>(cmd("LRANGE").arg(&key).arg(0).arg(-1));
        match list.await {
            Ok(list) => book.check_ledger(&key, &list),
            Err(error) => book.violation(format!("{key} could not be read: {error}")),
        }
    }
    for key in book.counters() {
        match client.query::<Option<i64>>(cmd("GET").arg(&key)).await {
            Ok(value) => book.check_counter(&key, value.unwrap_or(0)),
            Err(error) => book.violation(format!("{key} could not be read: {error}")),
        }
    }
}

/// The first answer to `CLUSTER SLOTS`, for those who tell it when it is not true any more.
async fn view(fake: &FakeCluster) -> Vec<Value> {
    let connector = fake.connector(ConnectConfig::new());
    let connection = connector.oneshot(fake.addrs()[0].clone()).await;
    let connection = connection.expect("nothing is wrong yet");
    let reply = connection.oneshot(cmd("CLUSTER").arg("SLOTS")).await;
    sleep(Duration::from_millis(1)).await;
    let reply = reply.expect("nothing is wrong yet");
    reply.into_array().expect("ranges")
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

impl Report {
    /// All that is needed to see it again.
    pub fn describe(&self) -> String {
        let Self { seed, settings, .. } = self;
        let mut text = format!("SIMULATION_SEED={seed} shows it again: {settings:?}\n");
        for (at, event) in &self.events {
            let _ = writeln!(text, "  at {at} ms {event:?}");
        }
        for violation in &self.violations {
            let _ = writeln!(text, "  {violation}");
        }
        text
    }
}
