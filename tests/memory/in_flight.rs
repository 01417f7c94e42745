//! Requests that are in flight.

use std::future::Future;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::runtime::Runtime;
use tower_redis_cluster::{Cluster, cmd};

use super::servers::Servers;
use super::{KIB, one_at_a_time, runtime};

const REQUESTS: usize = 10_000;

const ROUNDS: usize = 8;

/// Bytes of heap that the requests have, futures included.
struct Taken {
    /// While all are written and none is answered.
    in_flight: usize,
    /// When all were answered and dropped.
    left: usize,
}

/// Sends requests to servers that do not answer, all at once, and lets them be answered then.
fn take<F>(servers: &Servers, runtime: &Runtime, mut request: impl FnMut(usize) -> F) -> Taken
where
    F: Future<Output = ()>,
{
    servers.stall(true);
    let mut all = FuturesUnordered::new();
    let flying = allocation_counter::measure(|| {
        runtime.block_on(async {
            all.extend((0..REQUESTS).map(&mut request));
            assert!(futures::poll!(all.next()).is_pending());
            // Until the connections have written all of them.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        });
    });
    servers.stall(false);
    let over = allocation_counter::measure(|| {
        runtime.block_on(async { while all.next().await.is_some() {} });
        drop(std::mem::take(&mut all));
    });
    let bytes = |net: i64| usize::try_from(net).unwrap_or(0);
    Taken {
        in_flight: bytes(flying.bytes_current),
        left: bytes(flying.bytes_current + over.bytes_current),
    }
}

/// Asserts of a client that is new, and of the same one again, how much each request takes, and that it is given back.
fn assert_small<F>(client: &Client, what: &str, bound: usize, mut request: impl FnMut(usize) -> F)
where
    F: Future<Output = ()>,
{
    let Client {
        servers, runtime, ..
    } = client;
    let mut rounds = (1..=ROUNDS).map(|round| {
        let taken = take(servers, runtime, &mut request);
        let each = taken.in_flight / REQUESTS;
        println!("{what} {round}: {each} bytes each, {} left", taken.left);
        assert!(each < bound, "{what} {round}: {each} bytes each");
        assert!(
            taken.left < REQUESTS * KIB / 2,
            "{what} {round}: {}",
            taken.left
        );
        taken.left
    });
    // The room in the connections' queues stays for the next round. Each has two in turn, and chance decides when which
    // of them is filled; what requests leave behind, they leave in every round.
    let is_clean = rounds.any(|left| left < 64 * KIB);
    assert!(is_clean, "{what}: every round leaves something");
}

struct Client {
    servers: Servers,
    runtime: Runtime,
    cluster: Cluster,
}

fn client() -> Client {
    let servers = Servers::start();
    let runtime = runtime();
    let cluster = runtime.block_on(servers.connect());
    Client {
        servers,
        runtime,
        cluster,
    }
}

#[test]
fn ten_thousand_requests_take_less_than_a_kibibyte_each() {
    let _alone = one_at_a_time();
    let keys: Vec<_> = (0..REQUESTS).map(|n| format!("key:{n}")).collect();
    let client = client();
    assert_small(&client, "send", KIB, |n| {
        let sent = client.cluster.send(cmd("GET").arg(&keys[n]));
        sent.map(|reply| drop(reply.expect("the servers run")))
    });
    let client = self::client();
    assert_small(&client, "get", KIB, |n| {
        let value = client.cluster.get::<Option<Bytes>>(&keys[n]);
        value.map(|value| drop(value.expect("the servers run")))
    });
}

/// What tokio has of a task, a handle of its own and its key count here as well.
#[test]
fn ten_thousand_tasks_that_wait_for_replies_take_less_than_two_kibibytes_each() {
    let _alone = one_at_a_time();
    let client = client();
    let Client {
        runtime, cluster, ..
    } = &client;
    assert_small(&client, "task", 2 * KIB, |n| {
        let cluster = cluster.clone();
        let task = async move {
            let value = cluster.get::<Option<Bytes>>(format!("key:{n}")).await;
            value.map(drop).expect("the servers run");
        };
        runtime
            .spawn(task)
            .map(|done| done.expect("it does not panic"))
    });
}
