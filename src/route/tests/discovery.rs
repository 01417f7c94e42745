use std::time::Duration;

use tokio::time::Instant;

use super::script::{Make, Script, addr, error, ok, slot, slots, to};
use crate::command::cmd;
use crate::error::{Delivery, ErrorKind};
use crate::route::{Discovery, RouteLayer};
use crate::value::Value;

const ALL: [(u16, u16, u16); 1] = [(0, 16383, 1)];

#[tokio::test(start_paused = true)]
async fn commands_wait_for_one_first_discovery() {
    let script = Script::agreeing(&[1], &ALL);
    script.with(1, |peer| peer.view_takes = Duration::from_millis(300));
    let cluster = script.route();
    let commands = (0..100).map(async |millis| {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        cluster.send(to(5)).await
    });
    for reply in futures::future::join_all(commands).await {
        assert_eq!(reply.expect("a reply"), ok());
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(script.asked(1), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_discovery_says_what_each_seed_had_to_say() {
    let script = Script::default();
    script.with(1, |peer| peer.make = Make::Refuse);
    script.with(2, |peer| {
        peer.view = Some(error("ERR This instance has cluster support disabled"))
    });
    script.with(3, |peer| peer.view = Some(Value::Array(Vec::new())));
    // Port 4 hangs.
    let cluster = script.layer(RouteLayer::from_addrs((1..=4).map(addr)));
    let failure = cluster.route.discovered().await.expect_err("no view");
    assert_eq!(failure.kind(), ErrorKind::Topology);
    let text = failure.to_string();
    for words in [
        "10.0.0.1:2: not a cluster node: its cluster support is disabled",
        "10.0.0.1:3: it knows of no slot",
        "10.0.0.1:4: no answer within 2s",
        "10.0.0.1:1: ",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    let failure = cluster.send(to(5)).await.expect_err("no view");
    assert_eq!(
        (failure.kind(), failure.delivery()),
        (ErrorKind::Topology, Delivery::NotSent)
    );
    assert_eq!(failure.slot(), Some(slot(5)));
    assert_eq!(cluster.metrics().refreshes_failed, 2);
}

#[tokio::test(start_paused = true)]
async fn where_no_node_is_of_a_cluster_time_will_not_mend_it() {
    let script = Script::default();
    for port in [1, 2] {
        script.with(port, |peer| {
            peer.view = Some(error("ERR This instance has cluster support disabled"))
        });
    }
    let cluster = script.layer(RouteLayer::from_addrs((1..=2).map(addr)));
    let failure = cluster.send(to(5)).await.expect_err("no cluster");
    assert_eq!(failure.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_named_as_such() {
    let script = Script::default();
    script.with(1, |peer| {
        peer.view = Some(error("NOAUTH Authentication required."))
    });
    let failure = script
        .route()
        .route
        .discovered()
        .await
        .expect_err("refused");
    assert_eq!(failure.kind(), ErrorKind::Authentication);
}

#[tokio::test(start_paused = true)]
async fn discovery_succeeds_after_it_failed() {
    let script = Script::default();
    script.with(1, |peer| peer.make = Make::Refuse);
    let cluster = script.route();
    cluster.route.discovered().await.expect_err("refused");
    script.with(1, |peer| {
        peer.make = Make::Connect;
        peer.view = Some(slots(&ALL));
    });
    cluster.route.discovered().await.expect("a topology");
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
}

#[tokio::test(start_paused = true)]
async fn dead_seeds_do_not_hold_the_discovery_up() {
    let script = Script::agreeing(&[1], &ALL);
    for port in 2..=6 {
        script.with(port, |peer| peer.make = Make::Hang);
    }
    for _ in 0..20 {
        let start = Instant::now();
        let cluster = script.layer(RouteLayer::from_addrs((1..=6).map(addr)));
        cluster.route.discovered().await.expect("a topology");
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn second_opinion_outvotes_the_first_answer() {
    let script = Script::agreeing(&[1, 2], &[(0, 16383, 2)]);
    // Was cut off, and still thinks that all is its own.
    script.with(3, |peer| peer.view = Some(slots(&[(0, 16383, 3)])));
    for port in [1, 2] {
        script.with(port, |peer| peer.view_takes = Duration::from_millis(20));
    }
    let cluster = script.layer(RouteLayer::from_addrs((1..=3).map(addr)));
    cluster.route.discovered().await.expect("a topology");
    assert_eq!(cluster.primary(0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn uncovered_slot_waits_for_a_refresh_that_covers_it() {
    let script = Script::agreeing(&[1], &[(0, 99, 1)]);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.view = Some(slots(&ALL)));
    assert_eq!(cluster.send(to(100)).await.expect("covered now"), ok());
}

#[tokio::test(start_paused = true)]
async fn uncovered_slot_is_an_error_and_never_goes_elsewhere() {
    let script = Script::agreeing(&[1], &[(0, 99, 1)]);
    let cluster = script.discovered().await;
    let failure = cluster.send(to(100)).await.expect_err("uncovered");
    assert_eq!(
        (failure.kind(), failure.delivery()),
        (ErrorKind::Topology, Delivery::NotSent)
    );
    assert_eq!(failure.slot(), Some(slot(100)));
    assert_eq!(script.calls(1), 0);
    assert_eq!(cluster.metrics().refreshes_succeeded, 2);
}

#[tokio::test(start_paused = true)]
async fn shards_are_asked_for_where_wanted() {
    let text = |text: &'static str| Value::BulkString(text.into());
    let node = Value::Map(vec![
        (text("endpoint"), text("10.0.0.1")),
        (text("port"), Value::Integer(7)),
        (text("tls-port"), Value::Integer(8)),
        (text("role"), text("master")),
        (text("health"), text("online")),
    ]);
    let range = Value::Array(vec![Value::Integer(0), Value::Integer(16383)]);
    let shard = Value::Map(vec![
        (text("slots"), range),
        (text("nodes"), Value::Array(vec![node])),
    ]);
    let script = Script::default();
    script.with(1, |peer| peer.view = Some(Value::Array(vec![shard])));
    let layer = RouteLayer::from_addrs([addr(1)]).discovery(Discovery::Shards { tls: true });
    let cluster = script.layer(layer);
    assert_eq!(cluster.send(cmd("PING")).await.expect("a reply"), ok());
    assert_eq!(script.calls(8), 1);
}
