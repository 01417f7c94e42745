//! A fleet of clients loses a node: what that costs the other nodes, and the node that comes back.
//!
//! Each client is timeout, retry, route and cache over nodes that are no more than a few counts, without RESP; all are in
//! one process, with time paused. Each asks for ten keys per second. A primary goes, by a kill (connections break, new
//! ones are refused) or by a stop (nothing answers any more), its replica takes over a minute later, and in the end it
//! comes back.
//!
//! `FLEET_CLIENTS=5000 cargo test --release --test simulation fleet` is the fleet that the bounds are made for; without, a
//! smaller one runs in seconds. A bound is one client's, so it does not depend on how many there are.

mod counts;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_redis_cluster::{
    Cluster, Command, ConnectionCacheLayer, Counters, DialLimitLayer, FailFastLayer, NodeAddr,
    NodeLayer, RetryLayer, RetryPolicy, RouteLayer, TimeoutLayer, Value, cmd,
};

use self::counts::Phase;
use self::servers::{Health, Servers};

// ===== what the layers promise =====

/// Topology queries per client and minute, at most, while one of 100 nodes is missing: three for each of sixty rounds,
/// and what is asked beyond three because somebody does not answer.
const QUERIES_IN_DOUBT: f64 = 220.0;

/// The same when all is well: three a minute, and half as many for chance.
const QUERIES_IN_CALM: f64 = 5.0;

/// Attempts to connect to one node per client, at most in any second. The pauses between them are random, the first ones
/// short.
const DIALS_PER_SECOND: u32 = 16;

/// The same per client, on the average of a minute of outage.
const DIALS_ON_AVERAGE: f64 = 5.0;

/// How long after the replica took over a request may still begin that fails, by how the primary was lost.
const RECOVERY_FROM_DEATH: Duration = Duration::from_secs(4);
const RECOVERY_FROM_SILENCE: Duration = Duration::from_secs(4);

// ===== the scene =====

const NODES: usize = 100;
const PACE: Duration = Duration::from_millis(100);

const START: Duration = Duration::from_secs(10);
const BEFORE: Duration = Duration::from_secs(60);
const OUTAGE: Duration = Duration::from_secs(60);
const PROMOTED: Duration = Duration::from_secs(60);
const BACK: Duration = Duration::from_secs(60);

type Client = Cluster<BoxCloneSyncService<Command, Value, BoxError>>;

#[test]
fn a_fleet_that_loses_a_node_by_a_kill_stays_within_its_bounds() {
    run(Health::Dead);
}

#[test]
fn a_fleet_that_loses_a_node_by_a_stop_stays_within_its_bounds() {
    run(Health::Silent);
}

fn run(how: Health) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("nothing that it needs can be missing");
    // Views are costly without optimization.
    let usual = if cfg!(debug_assertions) { 10 } else { 200 };
    let clients = crate::setting("FLEET_CLIENTS").unwrap_or(usual);
    runtime.block_on(lose_a_node(how, clients));
}

async fn lose_a_node(how: Health, clients: usize) {
    let lost = 7;
    let servers = Arc::new(Servers::new(NODES, clients, lost));
    for number in 0..clients {
        tokio::spawn(load(Arc::clone(&servers), number));
    }
    sleep(START).await;
    println!("{clients} clients, {NODES} nodes, one of them {how:?}:");

    let calm = phase(&servers, "before", BEFORE).await;
    servers.set(lost, how);
    let outage = phase(&servers, "outage", OUTAGE).await;
    servers.promote_replica_of(lost);
    let promoted = phase(&servers, "promoted", PROMOTED).await;
    servers.set(lost, Health::Well);
    let back = phase(&servers, "back", BACK).await;

    assert!(calm.most_queries() <= QUERIES_IN_CALM, "{calm}");
    for phase in [&outage, &promoted] {
        assert!(phase.most_queries() <= QUERIES_IN_DOUBT, "{phase}");
    }
    for phase in [&calm, &outage, &promoted, &back] {
        assert!(phase.most_dials_per_second <= DIALS_PER_SECOND, "{phase}");
        assert!(phase.mean_dials() <= DIALS_ON_AVERAGE, "{phase}");
    }
    let recovery = servers.recovery();
    println!("the last request that failed began {recovery:?} after the promotion");
    let most = match how {
        Health::Silent => RECOVERY_FROM_SILENCE,
        Health::Dead | Health::Well => RECOVERY_FROM_DEATH,
    };
    assert!(recovery <= most, "{recovery:?}");
}

/// Lets this much time pass, and tells what it has cost.
async fn phase(servers: &Servers, name: &'static str, time: Duration) -> Phase {
    servers.begin_phase();
    sleep(time).await;
    let phase = servers.end_phase(name, time);
    println!("{phase}");
    phase
}

/// One client's requests, each on its own.
async fn load(servers: Arc<Servers>, number: usize) {
    let mut rng = Rng::with_seed(number as u64);
    let client = client(&servers, number);
    // Not all in the same millisecond.
    let mut next = Instant::now() + PACE.mul_f64(rng.f64());
    loop {
        sleep_until(next).await;
        next += PACE;
        let key = format!("k{}", rng.u32(..));
        let (client, servers) = (client.clone(), Arc::clone(&servers));
        tokio::spawn(async move {
            let began = Instant::now();
            let reply = client.send(cmd("GET").arg(&key)).await;
            if reply.is_err() && servers.is_lost(&key) {
                servers.failed(began);
            }
        });
    }
}

fn client(servers: &Arc<Servers>, number: usize) -> Client {
    let counters = Counters::new();
    let seeds = [
        servers.addr(number % NODES),
        servers.addr((number + 1) % NODES),
    ];
    let route = RouteLayer::from_addrs(seeds)
        .keep_services(true)
        .counters(counters.clone());
    let cache = ConnectionCacheLayer::new()
        .retain_only(route.nodes())
        .counters(counters.clone());
    let policy = RetryPolicy::new(3)
        .hurry_on(route.changes())
        .counters(counters.clone());
    let servers = Arc::clone(servers);
    let stack = ServiceBuilder::new()
        .layer(BoxCloneSyncService::layer())
        .layer(TimeoutLayer::new(Duration::from_secs(1)).counters(counters.clone()))
        .layer(RetryLayer::new(policy))
        .layer(route)
        .layer(cache)
        .layer(NodeLayer::per_node(FailFastLayer::new()))
        .layer(DialLimitLayer::new())
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
        .service(service_fn(move |addr: NodeAddr| {
            Arc::clone(&servers).connect(number, addr)
        }));
    Cluster::new(stack).with_counters(counters)
}
