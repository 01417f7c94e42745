use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::script::{Act, Make, Script, addr, error, ok, slots, to};
use crate::error::ErrorKind;
use crate::route::RouteLayer;

const ALL: [(u16, u16, u16); 1] = [(0, 16383, 1)];

#[tokio::test(start_paused = true)]
async fn many_moved_to_one_new_node_make_one_refresh() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    for number in 0..1000 {
        script.reply(1, error(format!("MOVED {number} 10.0.0.1:2")));
    }
    script.with(1, |peer| peer.view = Some(slots(&[(0, 16383, 2)])));
    let commands = (0..1000).map(|number| cluster.send(to(number)));
    for reply in futures::future::join_all(commands).await {
        assert_eq!(reply.expect("followed"), ok());
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(script.calls(2), 1000);
    assert_eq!(
        cluster.metrics().refreshes_succeeded,
        2,
        "the discovery, and one"
    );
}

#[tokio::test(start_paused = true)]
async fn triggers_that_follow_shortly_join_the_first() {
    // How long the first one waits for others, up to 100 ms here, is random.
    fastrand::seed(7);
    let ports: Vec<_> = (1..=100).collect();
    let ranges: Vec<_> = ports
        .iter()
        .map(|port| (port * 100, port * 100, *port))
        .collect();
    let script = Script::agreeing(&ports, &ranges);
    let cluster = script.discovered().await;
    sleep(Duration::from_secs(5)).await;
    for _ in 0..3 {
        script.reply(1, error("CLUSTERDOWN it"));
        cluster.send(to(100)).await.expect("a reply");
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        cluster.metrics().refreshes_succeeded,
        2,
        "the discovery, and one"
    );
}

#[tokio::test(start_paused = true)]
async fn late_moved_that_says_what_the_map_says_is_no_reason_for_a_refresh() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let moved = || error("MOVED 5 10.0.0.1:2");
    script.with(1, |peer| {
        let late = Act::ReplyAfter(Duration::from_secs(5), moved());
        peer.acts.extend([late, Act::Reply(moved())]);
        peer.view = Some(slots(&[(0, 16383, 2)]));
    });
    let (late, prompt) = tokio::join!(cluster.send(to(5)), cluster.send(to(5)));
    assert_eq!(late.expect("followed"), prompt.expect("followed"));
    sleep(Duration::from_secs(5)).await;
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.redirects_moved, metrics.refreshes_succeeded),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn trigger_during_a_refresh_starts_another_after_it() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.view_takes = Duration::from_millis(400));
    sleep(Duration::from_secs(5)).await;

    script.reply(1, error("CLUSTERDOWN 1"));
    cluster.send(to(5)).await.expect("a reply");
    sleep(Duration::from_millis(100)).await;
    assert_eq!(script.asked(1), 2, "under way");
    for _ in 0..10 {
        script.reply(1, error("CLUSTERDOWN 2"));
        cluster.send(to(5)).await.expect("a reply");
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(script.asked(1), 3, "one for all that came in the meantime");
}

#[tokio::test(start_paused = true)]
async fn refreshes_keep_their_distance() {
    let script = Script::agreeing(&[1], &ALL);
    let layer = RouteLayer::from_addrs([addr(1)]).min_refresh_interval(Duration::from_secs(1));
    let cluster = script.layer(layer);
    cluster.route.discovered().await.expect("a topology");
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        script.reply(1, error("CLUSTERDOWN it"));
        cluster.send(to(5)).await.expect("a reply");
        sleep(Duration::from_millis(1)).await;
    }
    let refreshes = cluster.metrics().refreshes_succeeded;
    assert!((4..=11).contains(&refreshes), "{refreshes} in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn topology_is_checked_without_reason_now_and_then() {
    let script = Script::agreeing(&[1], &ALL);
    let layer = RouteLayer::from_addrs([addr(1)]).refresh_interval(Duration::from_secs(60));
    let cluster = script.layer(layer);
    cluster.route.discovered().await.expect("a topology");
    sleep(Duration::from_secs(59)).await;
    assert_eq!(script.asked(1), 1);
    script.with(1, |peer| peer.view = Some(slots(&[(0, 16383, 2)])));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(script.asked(1), 2);
    assert_eq!(cluster.primary(0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn command_with_a_healthy_node_does_not_wait_for_a_refresh() {
    let script = Script::agreeing(&[1], &[(0, 99, 1)]);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.view = None);
    let start = Instant::now();
    let uncovered = cluster.send(to(100));
    let covered = async {
        sleep(Duration::from_secs(1)).await;
        cluster.send(to(5)).await.expect("a reply");
        start.elapsed()
    };
    let (uncovered, took) = tokio::join!(uncovered, covered);
    uncovered.expect_err("no view");
    assert_eq!(took, Duration::from_secs(1));
    assert!(start.elapsed() > took);
}

#[tokio::test(start_paused = true)]
async fn last_good_topology_outlives_empty_shrunken_and_missing_views() {
    let script = Script::agreeing(&[1], &[(0, 8191, 1), (8192, 16383, 2)]);
    let cluster = script.discovered().await;
    // Port 2 answers nothing, so one of two nodes says this.
    for view in [Some(slots(&[])), Some(slots(&[(0, 100, 1)])), None] {
        script.with(1, |peer| peer.view = view);
        script.reply(1, error("CLUSTERDOWN it"));
        cluster.send(to(5)).await.expect("a reply");
        sleep(Duration::from_secs(5)).await;
        assert_eq!(cluster.primary(16383), Some(2));
    }
    assert!(cluster.metrics().refreshes_failed >= 3);
}

#[tokio::test(start_paused = true)]
async fn shrunken_view_is_taken_when_most_nodes_say_so() {
    let script = Script::agreeing(&[1, 2], &[(0, 8191, 1), (8192, 16383, 2)]);
    let cluster = script.discovered().await;
    for port in [1, 2] {
        script.with(port, |peer| peer.view = Some(slots(&[(0, 100, 1)])));
    }
    script.reply(1, error("CLUSTERDOWN it"));
    cluster.send(to(5)).await.expect("a reply");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.primary(16383), None);
}

#[tokio::test(start_paused = true)]
async fn seeds_are_asked_again_when_all_known_nodes_are_gone() {
    let script = Script::agreeing(&[1], &[(0, 8191, 2), (8192, 16383, 3)]);
    let cluster = script.discovered().await;
    for port in [2, 3] {
        script.with(port, |peer| peer.make = Make::Refuse);
    }
    script.with(1, |peer| peer.view = Some(slots(&[(0, 16383, 4)])));
    cluster.send(to(5)).await.expect_err("refused");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.send(to(5)).await.expect("moved"), ok());
    assert_eq!(script.calls(4), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_refresh_is_repeated_before_the_next_regular_one() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.make = Make::Refuse);
    cluster.send(to(5)).await.expect_err("refused");
    sleep(Duration::from_secs(2)).await;
    script.with(1, |peer| {
        peer.make = Make::Connect;
        peer.view = Some(slots(&[(0, 16383, 2)]));
    });
    sleep(Duration::from_secs(10)).await;
    assert_eq!(cluster.primary(0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn nodes_are_published_when_they_change() {
    let script = Script::agreeing(&[1, 2], &[(0, 8191, 1), (8192, 16383, 2)]);
    let layer = RouteLayer::from_addrs([addr(1)]);
    let mut nodes = layer.nodes();
    let cluster = script.layer(layer);
    assert!(nodes.borrow().is_empty());
    cluster.route.discovered().await.expect("a topology");
    assert_eq!(**nodes.borrow_and_update(), [addr(1), addr(2)].into());

    script.reply(1, error("MOVED 5 10.0.0.1:2"));
    cluster.send(to(5)).await.expect("followed");
    assert!(!nodes.has_changed().expect("open"), "no node is new");
    script.reply(1, error("MOVED 6 10.0.0.1:3"));
    cluster.send(to(6)).await.expect("followed");
    assert!(nodes.borrow_and_update().contains(&addr(3)));

    // The views do not know of port 3.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(**nodes.borrow_and_update(), [addr(1), addr(2)].into());
}

#[tokio::test(start_paused = true)]
async fn node_that_only_ask_knows_of_counts_as_present_for_a_while() {
    let script = Script::agreeing(&[1], &ALL);
    let layer = RouteLayer::from_addrs([addr(1)]);
    let nodes = layer.nodes();
    let cluster = script.layer(layer);
    cluster.route.discovered().await.expect("a topology");
    script.reply(1, error("ASK 5 10.0.0.1:2"));
    cluster.send(to(5)).await.expect("followed");
    assert!(nodes.borrow().contains(&addr(2)));
    sleep(Duration::from_secs(120)).await;
    assert!(script.asked(1) > 1 && nodes.borrow().contains(&addr(2)));
    sleep(Duration::from_secs(400)).await;
    assert!(!nodes.borrow().contains(&addr(2)));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_only_ask_knows_of_are_bounded() {
    let script = Script::agreeing(&[1], &ALL);
    let layer = RouteLayer::from_addrs([addr(1)]);
    let nodes = layer.nodes();
    let cluster = script.layer(layer);
    cluster.route.discovered().await.expect("a topology");
    for port in 1000..1200 {
        script.reply(1, error(format!("ASK 5 10.0.0.1:{port}")));
        let _ = cluster.send(to(5)).await;
        assert!(nodes.borrow().contains(&addr(port)));
    }
    assert_eq!(nodes.borrow().len(), 1 + 64);
}

#[tokio::test(start_paused = true)]
async fn refresh_task_ends_with_the_last_clone() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let clone = cluster.route.clone();
    drop(cluster);
    tokio::task::yield_now().await;
    assert!(script.clones() > 2, "the task's, the clone's and this one");
    drop(clone);
    tokio::task::yield_now().await;
    assert_eq!(script.clones(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_command_keeps_the_refresh_task_running() {
    let script = Script::agreeing(&[1], &ALL);
    script.with(1, |peer| peer.view_takes = Duration::from_secs(1));
    let cluster = script.route();
    let mut route = cluster.route.clone();
    drop(cluster);
    let reply = tower::Service::call(&mut route, to(5));
    drop(route);
    assert_eq!(reply.await.expect("a reply"), ok());
    tokio::task::yield_now().await;
    assert_eq!(script.clones(), 1);
}

#[test]
fn route_survives_the_runtime_its_task_was_started_on() {
    let script = Script::agreeing(&[1], &[(0, 99, 1)]);
    let cluster = script.route();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    runtime().block_on(async { cluster.send(to(5)).await.expect("a reply") });
    script.with(1, |peer| peer.view = Some(slots(&ALL)));
    runtime().block_on(async {
        timeout(Duration::from_secs(60), cluster.send(to(100)))
            .await
            .expect("a new task")
            .expect("covered now")
    });
}

#[test]
fn waiting_command_is_told_when_the_runtime_of_the_refresh_is_shut_down() {
    let script = Script::agreeing(&[1], &ALL);
    script.with(1, |peer| peer.view_takes = Duration::from_secs(1));
    let cluster = script.route();
    // It has no deadline, and may as well be polled on another runtime.
    let mut waiting = tokio_test::task::spawn(cluster.send(to(5)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio_test::assert_pending!(waiting.poll());
        tokio::task::yield_now().await;
    });
    drop(runtime);
    assert!(waiting.is_woken());
    let error = tokio_test::assert_ready!(waiting.poll()).expect_err("nobody was asked");
    assert_eq!(error.kind(), ErrorKind::Topology);
}
