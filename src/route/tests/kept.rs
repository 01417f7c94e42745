//! For how long a node's service is used again, and when it is not.

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use tokio_test::{assert_pending, assert_ready, task};
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::script::{Act, Cluster, Script, addr, error, ok, seeded, slots, to};
use crate::addr::NodeAddr;
use crate::command::{Command, Slot, cmd};
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::route::Route;
use crate::route::kept::TERM;
use crate::value::Value;

/// Port 1 serves the lower half, port 2 the upper one.
const HALVES: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16_383, 2)];
const LOW: u16 = 5;
const HIGH: u16 = 9000;

const MS: Duration = Duration::from_millis(1);

/// Two nodes, each of which has answered a command.
async fn used() -> (Script, Cluster) {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    sleep(Duration::from_secs(5)).await;
    send(&cluster, LOW).await;
    send(&cluster, HIGH).await;
    (script, cluster)
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder.build().expect("a runtime")
}

async fn send(cluster: &Cluster, number: u16) {
    let reply = cluster.send(to(number)).await.expect("a reply");
    assert_eq!(reply, ok());
}

#[tokio::test(start_paused = true)]
async fn the_service_of_a_node_is_asked_for_once_for_many_requests() {
    let (script, cluster) = used().await;
    let made = (script.made(1), script.made(2));
    for number in [LOW, HIGH, LOW, HIGH, LOW + 1] {
        send(&cluster, number).await;
    }
    assert_eq!((script.made(1), script.made(2)), made);
    assert_eq!((script.calls(1), script.calls(2)), (4, 3));
    assert_eq!(cluster.metrics().cache_hits, 5);
}

#[tokio::test(start_paused = true)]
async fn an_error_reply_to_a_plain_command_names_its_node_and_slot() {
    let (script, cluster) = used().await;
    let made = script.made(1);
    let mut keys = (0..).map(|number| format!("key:{number}"));
    let low = keys.find(|key| Slot::of(key).number() < 8000);
    let key = low.expect("half of them are");
    script.reply(1, error("WRONGTYPE not a string"));
    let reply = cluster.send(cmd("GET").arg(&key)).await.expect("a reply");
    let Value::Error(error) = reply else {
        panic!("{reply:?}");
    };
    let origin = (error.node(), error.slot());
    assert_eq!(origin, (Some(&addr(1)), Some(Slot::of(&key))));
    assert_eq!(script.made(1), made, "its service was kept");
}

#[tokio::test(start_paused = true)]
async fn it_is_let_go_of_in_time_whether_or_not_it_is_used() {
    let (script, cluster) = used().await;
    let made = script.made(1);
    sleep(TERM - MS).await;
    send(&cluster, LOW).await;
    assert_eq!(script.made(1), made);
    let clones = script.clones();
    sleep(2 * MS).await;
    assert_eq!(script.clones(), clones - 2, "one for each node");
    send(&cluster, LOW).await;
    assert_eq!(script.made(1), made + 1);
    assert_eq!(script.clones(), clones - 1);
    sleep(TERM + MS).await;
    assert_eq!(script.clones(), clones - 2, "again");
}

#[tokio::test(start_paused = true)]
async fn after_a_change_of_the_topology_all_are_asked_for_again() {
    let (script, cluster) = used().await;
    let made = (script.made(1), script.made(2));
    script.reply(1, error("MOVED 5 10.0.0.1:2"));
    send(&cluster, LOW).await;
    send(&cluster, HIGH).await;
    send(&cluster, LOW + 1).await;
    assert_eq!(
        (script.made(1), script.made(2) > made.1),
        (made.0 + 1, true)
    );
    assert_eq!(script.calls(1), 3, "no command of a slot that has moved");
}

#[tokio::test(start_paused = true)]
async fn a_finished_one_is_replaced_in_the_same_request() {
    let (script, cluster) = used().await;
    let made = script.made(1);
    script.with(1, |peer| peer.finished = 1);
    send(&cluster, LOW).await;
    assert_eq!(script.made(1), made + 1);
    send(&cluster, LOW).await;
    assert_eq!(script.made(1), made + 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_ready_goes_with_the_request_that_waits_for_it() {
    let (script, cluster) = used().await;
    let clones = script.clones();
    script.with(1, |peer| peer.never_ready = true);
    let mut waiting = task::spawn(cluster.route.clone().oneshot(to(LOW)));
    assert_pending!(waiting.poll());
    drop(waiting);
    assert_eq!(script.clones(), clones - 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_leaves_a_service_that_can_be_used() {
    let (script, cluster) = used().await;
    let mut route = cluster.route.clone();
    let call = route.ready().await.expect("known").call(to(LOW));
    drop(call);
    send(&cluster, LOW).await;
    assert_eq!(script.calls(1), 3);
}

#[tokio::test(start_paused = true)]
async fn none_outlives_the_route() {
    let (script, cluster) = used().await;
    drop(cluster);
    // The task that keeps the topology is told to end.
    sleep(MS).await;
    assert_eq!(script.clones(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_told_keeps_none() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.layer(seeded());
    cluster.route.discovered().await.expect("a topology");
    let (made, clones) = (script.made(1), script.clones());
    for sent in 1..=3 {
        send(&cluster, LOW).await;
        assert_eq!(script.made(1), made + sent);
    }
    assert_eq!(script.clones(), clones);
}

#[tokio::test(start_paused = true)]
async fn the_service_that_an_ask_led_to_is_not_kept() {
    let (script, cluster) = used().await;
    // Let go of, so that there is room for another.
    sleep(2 * TERM).await;
    let made = script.made(2);
    script.reply(1, error("ASK 5 10.0.0.1:2"));
    send(&cluster, LOW).await;
    send(&cluster, LOW).await;
    assert_eq!((script.calls(1), script.calls(2)), (3, 2));
    send(&cluster, HIGH).await;
    assert_eq!(script.made(2), made + 2, "one for the ASK, one for itself");
}

#[tokio::test(start_paused = true)]
async fn a_request_on_one_that_is_not_ready_moves_with_its_slot() {
    let (script, cluster) = used().await;
    script.with(1, |peer| peer.never_ready = true);
    let mut waiting = task::spawn(cluster.route.clone().oneshot(to(LOW)));
    assert_pending!(waiting.poll());
    for port in [1, 2] {
        script.with(port, |peer| peer.view = Some(slots(&[(0, 16_383, 2)])));
    }
    sleep(Duration::from_secs(90)).await;
    assert!(waiting.is_woken());
    assert_eq!(assert_ready!(waiting.poll()).ok(), Some(ok()));
    assert_eq!((script.calls(1), script.calls(2)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_panicked_is_not_used_again() {
    let (script, cluster) = used().await;
    let made = script.made(1);
    script.with(1, |peer| peer.acts.push_back(Act::Panic));
    let mut route = cluster.route.clone();
    let panicked = catch_unwind(AssertUnwindSafe(|| route.call(to(LOW))));
    assert!(panicked.is_err());
    send(&cluster, LOW).await;
    send(&cluster, LOW).await;
    assert_eq!(script.made(1), made + 1);
}

/// Services of nodes that have the same route answer another command before they answer one that says `outer`.
type Nested = BoxCloneService<NodeAddr, BoxCloneService<Command, crate::Value, Error>, Error>;

#[tokio::test(start_paused = true)]
async fn a_service_may_send_a_command_of_its_own_while_it_is_used_in_place() {
    let inner: Arc<Mutex<Option<Route<Nested>>>> = Arc::default();
    let route = Arc::clone(&inner);
    let nodes = service_fn(move |_| {
        let route = Arc::clone(&route);
        let node = service_fn(move |command: Command| {
            if command.args().next() == Some(b"CLUSTER") {
                return ready(Ok(slots(&[(0, 16_383, 1)])));
            }
            if command.args().nth(1) == Some(b"outer") {
                let route = route.lock().clone().expect("set");
                let mut within = task::spawn(route.oneshot(to(LOW)));
                assert_eq!(assert_ready!(within.poll()).ok(), Some(ok()));
            }
            ready(Ok(ok()))
        });
        ready(Ok(BoxCloneService::new(node)))
    });
    let route = seeded()
        .keep_services(true)
        .layer(BoxCloneService::new(nodes));
    route.discovered().await.expect("a topology");
    *inner.lock() = Some(route.clone());
    for command in [to(LOW), to(LOW).arg("outer"), to(LOW).arg("outer"), to(LOW)] {
        let reply = route.clone().oneshot(command).await;
        assert_eq!(reply.ok(), Some(ok()));
    }
}

#[test]
fn outside_of_a_runtime_none_is_kept_and_those_that_are_can_be_used() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let runtime = runtime();
    let cluster = runtime.block_on(script.discovered());
    let send = |number| {
        let mut response = task::spawn(cluster.route.clone().oneshot(to(number)));
        assert_eq!(assert_ready!(response.poll()).ok(), Some(ok()));
    };
    let made = script.made(1);
    send(LOW);
    send(LOW);
    assert_eq!(script.made(1), made + 2);
    runtime.block_on(async { send(LOW) });
    send(LOW);
    send(LOW);
    assert_eq!(script.made(1), made + 3);
}

#[test]
fn none_outlives_the_runtime_on_which_it_would_be_let_go_of() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let first = runtime();
    let cluster = first.block_on(async {
        let cluster = script.discovered().await;
        send(&cluster, LOW).await;
        cluster
    });
    drop(first);
    assert_eq!(script.clones(), 3, "ours and the route's own two");
    runtime().block_on(async {
        send(&cluster, LOW).await;
        let made = script.made(1);
        send(&cluster, LOW).await;
        assert_eq!(script.made(1), made, "kept on the next one");
    });
    assert_eq!(script.clones(), 3);
}

#[tokio::test(start_paused = true)]
async fn none_outlives_the_life_of_the_client() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let life = Lifecycle::new();
    let cluster = script.layer(seeded().keep_services(true).lifecycle(&life));
    cluster.route.discovered().await.expect("a topology");
    send(&cluster, LOW).await;
    life.shutdown(Duration::from_secs(1))
        .await
        .expect("in time");
    assert_eq!(script.clones(), 3, "ours and the route's own two");
    // Whatever is sent now: nothing is kept of which nobody would let go.
    send(&cluster, LOW).await;
    sleep(2 * TERM).await;
    assert_eq!(script.clones(), 3);
}
