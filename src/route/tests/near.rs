//! For how long a node's service is used again, and when it is not.

use std::time::Duration;

use tokio::time::sleep;
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceExt};

use super::script::{Cluster, Script, error, ok, to};
use crate::route::near::TERM;

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
