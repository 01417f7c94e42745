//! Commands that were not sent yet when their slot got another owner.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::script::{Act, Cluster, Make, Script, addr, error, ok, part, slots, to};
use crate::command::{Command, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::route::RouteLayer;
use crate::value::Value;

/// Port 1 serves the lower half, port 2 the upper one.
const HALVES: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16_383, 2)];
const LOW: u16 = 5;
const HIGH: u16 = 9000;

const MS: Duration = Duration::from_millis(1);

async fn halves() -> (Script, Cluster) {
    let script = Script::agreeing(&[1], &HALVES);
    let cluster = script.discovered().await;
    sleep(5000 * MS).await;
    (script, cluster)
}

/// Has these slots found by a refresh shortly.
async fn refresh(script: &Script, cluster: &Cluster, ranges: &[(u16, u16, u16)]) {
    sleep(100 * MS).await;
    script.with(1, |peer| peer.view = Some(slots(ranges)));
    script.reply(1, error("CLUSTERDOWN it"));
    cluster.send(to(LOW)).await.expect("a reply");
    sleep(100 * MS).await;
}

/// Sends, and meanwhile moves the upper half to port 3.
async fn send_while_moving(
    script: &Script,
    cluster: &Cluster,
    command: Command,
) -> Result<Value, Error> {
    let moved = [(0, 7999, 1), (8000, 16_383, 3)];
    send_while(script, cluster, command, &moved).await
}

/// Sends, and meanwhile has these slots found.
async fn send_while(
    script: &Script,
    cluster: &Cluster,
    command: Command,
    ranges: &[(u16, u16, u16)],
) -> Result<Value, Error> {
    // In a task of its own, which nothing wakes but what it waits for.
    let reply = cluster.route.clone().oneshot(command);
    let reply = tokio::spawn(timeout(Duration::from_secs(10), reply));
    refresh(script, cluster, ranges).await;
    let reply = reply.await.expect("no panic");
    reply.unwrap_or_else(|_| Err(Error::not_sent(ErrorKind::Timeout, "still waiting")))
}

#[tokio::test(start_paused = true)]
async fn command_that_waits_for_its_node_goes_to_the_new_owner_at_once() {
    for is_connected in [false, true] {
        let (script, cluster) = halves().await;
        script.with(2, |peer| match is_connected {
            true => peer.never_ready = true,
            false => peer.make = Make::Hang,
        });
        let start = Instant::now();
        let reply = send_while_moving(&script, &cluster, to(HIGH)).await;
        assert_eq!(reply.expect("moved"), ok());
        assert!(start.elapsed() < 300 * MS, "{:?}", start.elapsed());
        assert_eq!((script.calls(2), script.calls(3)), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn command_that_was_not_sent_goes_to_the_new_owner() {
    for kind in [ErrorKind::Connection, ErrorKind::Unavailable] {
        let (script, cluster) = halves().await;
        let act = Act::FailAfter(1000 * MS, Error::not_sent(kind, "closed"));
        script.with(2, |peer| peer.acts.push_back(act));
        let reply = send_while_moving(&script, &cluster, to(HIGH)).await;
        assert_eq!(reply.expect("moved"), ok());
        assert_eq!((script.calls(2), script.calls(3)), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn command_that_may_have_been_applied_goes_nowhere_else() {
    let (script, cluster) = halves().await;
    let lost = Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown);
    let act = Act::FailAfter(1000 * MS, lost);
    script.with(2, |peer| peer.acts.push_back(act));
    let reply = send_while_moving(&script, &cluster, to(HIGH)).await;
    assert_eq!(reply.expect_err("lost").delivery(), Delivery::Unknown);
    assert_eq!((script.calls(2), script.calls(3)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn keyless_command_leaves_a_node_that_is_no_longer_a_primary() {
    let (script, cluster) = halves().await;
    script.with(2, |peer| peer.make = Make::Hang);
    let commands = (0..20).map(|_| send_while_moving(&script, &cluster, cmd("PING")));
    for reply in futures::future::join_all(commands).await {
        reply.expect("moved");
    }
    assert_eq!(script.calls(2), 0);
}

#[tokio::test(start_paused = true)]
async fn node_that_the_application_chose_is_waited_for() {
    let (script, cluster) = halves().await;
    script.with(2, |peer| peer.make = Make::Hang);
    let command = to(HIGH).target(Target::Node(addr(2)));
    let reply = send_while_moving(&script, &cluster, command).await;
    assert!(reply.expect_err("still waiting").is_timeout());
}

#[tokio::test(start_paused = true)]
async fn node_that_ask_names_is_waited_for() {
    let (script, cluster) = halves().await;
    script.reply(2, error("ASK 9000 10.0.0.1:4"));
    script.with(4, |peer| peer.make = Make::Hang);
    let reply = send_while_moving(&script, &cluster, to(HIGH)).await;
    assert!(reply.expect_err("still waiting").is_timeout());
    assert_eq!(script.calls(3), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_unit_is_split_by_the_new_owners_in_order() {
    for is_connected in [false, true] {
        let (script, cluster) = halves().await;
        script.with(2, |peer| match is_connected {
            true => peer.never_ready = true,
            false => peer.make = Make::Hang,
        });
        let labels = [(LOW, "a"), (HIGH, "b"), (16_000, "c"), (HIGH, "d")];
        let command = Command::pipeline(labels.map(|(slot, label)| part(slot, label)));
        let moved = [(0, 7999, 1), (8000, 9999, 3), (10_000, 16_383, 4)];
        let start = Instant::now();
        let reply = send_while(&script, &cluster, command, &moved).await;
        assert_eq!(reply.expect("moved"), Value::Array(vec![ok(); 4]));
        assert!(start.elapsed() < 300 * MS, "{:?}", start.elapsed());
        assert_eq!(script.units(3), ["b d"]);
        assert_eq!(script.units(4), ["c"]);
        assert_eq!(script.calls(2), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unit_that_was_not_sent_goes_to_the_new_owner() {
    let (script, cluster) = halves().await;
    let act = Act::FailAfter(1000 * MS, Error::not_sent(ErrorKind::Connection, "closed"));
    script.with(2, |peer| peer.acts.push_back(act));
    let command = Command::pipeline([part(HIGH, "b"), part(16_000, "c")]);
    let reply = send_while_moving(&script, &cluster, command).await;
    assert_eq!(reply.expect("moved"), Value::Array(vec![ok(); 2]));
    assert_eq!(script.units(3), ["b c"]);
}

#[tokio::test(start_paused = true)]
async fn part_for_a_chosen_node_stays_with_it() {
    let (script, cluster) = halves().await;
    script.with(2, |peer| peer.never_ready = true);
    let chosen = to(HIGH).arg("c").target(Target::Node(addr(2)));
    let command = Command::pipeline([part(HIGH, "b"), chosen]);
    let reply = send_while_moving(&script, &cluster, command).await;
    assert!(reply.expect_err("still waiting").is_timeout());
    assert_eq!(script.units(3), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn changes_of_owners_are_told_once_the_map_has_them() {
    let script = Script::agreeing(&[1], &HALVES);
    let layer = RouteLayer::from_addrs([addr(1)]);
    let mut changes = layer.changes();
    let cluster = script.layer(layer);
    assert_eq!(*changes.borrow_and_update(), 0);
    cluster.route.discovered().await.expect("a topology");
    assert_eq!(*changes.borrow_and_update(), 1);

    sleep(5000 * MS).await;
    refresh(&script, &cluster, &HALVES).await;
    assert!(!changes.has_changed().expect("open"), "as before");

    let seen = async {
        changes.changed().await.expect("open");
        assert_eq!(cluster.primary(HIGH), Some(3));
    };
    let moved = [(0, 7999, 1), (8000, 16_383, 3)];
    tokio::join!(seen, refresh(&script, &cluster, &moved));
    assert_eq!(*changes.borrow_and_update(), 2);

    script.reply(1, error("MOVED 5 10.0.0.1:3"));
    cluster.send(to(LOW)).await.expect("followed");
    assert_eq!(*changes.borrow_and_update(), 3);
}
