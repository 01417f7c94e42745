//! Which views are believed, and which addresses are dialled.

use std::time::Duration;

use tokio::time::sleep;

use super::script::{Cluster, Script, addr, error, slots, to};
use crate::addr::NodeAddr;
use crate::error::{Delivery, ErrorKind};
use crate::route::RouteLayer;

const SECOND: Duration = Duration::from_secs(1);

const OLD: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16_383, 2)];
const NEW: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16_383, 3)];
const HIGH: u16 = 9000;

const SERVES_7: &str = "cluster_state:ok\r\ncluster_current_epoch:7\r\n";
const SERVES_8: &str = "cluster_state:ok\r\ncluster_current_epoch:8\r\n";
const FAILS_8: &str = "cluster_state:fail\r\ncluster_current_epoch:8\r\n";

fn tell(script: &Script, ports: &[u16], ranges: &[(u16, u16, u16)], info: &'static str) {
    for port in ports {
        script.with(*port, |peer| {
            peer.view = Some(slots(ranges));
            peer.info = Some(info);
        });
    }
}

async fn refresh(script: &Script, cluster: &Cluster) {
    script.reply(1, error("CLUSTERDOWN it"));
    cluster.send(to(5)).await.expect("a reply");
    sleep(3 * SECOND).await;
}

async fn discovered(script: &Script) -> Cluster {
    let cluster = script.layer(RouteLayer::from_addrs((1..=3).map(addr)));
    cluster.route.discovered().await.expect("a topology");
    cluster
}

#[tokio::test(start_paused = true)]
async fn newest_epoch_outvotes_the_majority() {
    let script = Script::default();
    tell(&script, &[1, 2], &OLD, SERVES_7);
    tell(&script, &[3], &NEW, SERVES_8);
    // So that nobody is settled with before the third has answered.
    script.with(1, |peer| peer.view_takes = SECOND / 50);
    let cluster = discovered(&script).await;
    assert_eq!(cluster.primary(HIGH), Some(3));
    let topology = cluster.route.topology().expect("known");
    assert_eq!(topology.epoch(), Some(8));
}

#[tokio::test(start_paused = true)]
async fn promoted_node_that_serves_is_believed_before_those_that_wait_for_it() {
    let script = Script::default();
    // They voted for it, and with that know of the epoch.
    tell(&script, &[1, 2], &OLD, FAILS_8);
    tell(&script, &[3], &NEW, SERVES_8);
    let cluster = discovered(&script).await;
    assert_eq!(cluster.primary(HIGH), Some(3));
}

#[tokio::test(start_paused = true)]
async fn older_epoch_is_refused_from_one_node_and_taken_from_most() {
    let script = Script::default();
    tell(&script, &[1, 2, 3], &NEW, SERVES_8);
    let cluster = discovered(&script).await;
    tell(&script, &[1], &OLD, SERVES_7);
    for port in [2, 3] {
        script.with(port, |peer| peer.view = None);
    }
    refresh(&script, &cluster).await;
    assert_eq!(cluster.primary(HIGH), Some(3), "kept");
    assert!(cluster.metrics().refreshes_failed > 0);

    // Such as a cluster that was made anew.
    tell(&script, &[1, 2], &OLD, SERVES_7);
    refresh(&script, &cluster).await;
    assert_eq!(cluster.primary(HIGH), Some(2));
}

#[tokio::test(start_paused = true)]
async fn older_epoch_is_taken_from_one_node_when_nobody_else_is_heard_of_for_long() {
    let script = Script::default();
    tell(&script, &[1, 2, 3], &NEW, SERVES_8);
    let cluster = discovered(&script).await;
    tell(&script, &[1], &OLD, SERVES_7);
    for port in [2, 3] {
        script.with(port, |peer| peer.view = None);
    }
    refresh(&script, &cluster).await;
    sleep(20 * SECOND).await;
    assert_eq!(cluster.primary(HIGH), Some(3), "kept");
    sleep(60 * SECOND).await;
    assert_eq!(cluster.primary(HIGH), Some(2));
}

#[tokio::test(start_paused = true)]
async fn node_that_does_not_tell_where_it_stands_is_believed_as_before() {
    let script = Script::agreeing(&[1, 2, 3], &OLD);
    let cluster = discovered(&script).await;
    let topology = cluster.route.topology().expect("known");
    assert_eq!(topology.epoch(), None);
    for port in 1..=3 {
        script.with(port, |peer| peer.view = Some(slots(&NEW)));
    }
    refresh(&script, &cluster).await;
    assert_eq!(cluster.primary(HIGH), Some(3));
}

fn restricted(script: &Script, allows: fn(&NodeAddr) -> bool) -> Cluster {
    script.layer(RouteLayer::from_addrs([addr(1)]).allow_addrs(allows))
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_not_allowed_are_never_dialled() {
    let script = Script::agreeing(&[1], &[(0, 7999, 2), (8000, 16_383, 9)]);
    let cluster = restricted(&script, |addr| addr.port() < 5);
    cluster.send(to(5)).await.expect("allowed");
    let failure = cluster.send(to(HIGH)).await.expect_err("not covered");
    assert_eq!(failure.kind(), ErrorKind::Topology);

    for kind in ["MOVED", "ASK"] {
        script.reply(2, error(format!("{kind} 5 10.0.0.1:9")));
        let failure = cluster.send(to(5)).await.expect_err("not followed");
        assert_eq!(failure.kind(), ErrorKind::Topology);
        assert_eq!(failure.delivery(), Delivery::NotApplied);
        let text = failure.to_string();
        assert!(text.contains("10.0.0.1:9 is not allowed"), "{text}");
    }
    assert_eq!(script.made(9), 0);
}

#[tokio::test(start_paused = true)]
async fn view_of_nothing_but_what_is_not_allowed_is_refused_by_name() {
    let script = Script::agreeing(&[1], &[(0, 16_383, 9)]);
    let cluster = restricted(&script, |_| false);
    let failure = cluster.route.discovered().await.expect_err("no view");
    assert_eq!(failure.kind(), ErrorKind::Topology);
    assert!(
        failure.to_string().contains("10.0.0.1:9 is not"),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn seeds_are_always_allowed() {
    let script = Script::agreeing(&[1], &[(0, 16_383, 1)]);
    let cluster = restricted(&script, |_| false);
    cluster.send(to(5)).await.expect("a reply");
}
