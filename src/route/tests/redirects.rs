use super::script::{Script, addr, error, ok, slots, to};
use crate::addr::NodeAddr;
use crate::command::{Target, cmd};
use crate::error::{Delivery, ErrorKind};
use crate::route::RouteLayer;

/// Port 1 serves the lower half, port 2 the upper one.
const HALVES: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16383, 2)];

#[tokio::test(start_paused = true)]
async fn command_goes_to_the_primary_of_its_slot() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    assert_eq!(cluster.send(to(8000)).await.expect("a reply"), ok());
    // Slot 12182.
    assert_eq!(
        cluster.send(cmd("GET").arg("foo")).await.expect("a reply"),
        ok()
    );
    assert_eq!((script.calls(1), script.calls(2)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn command_without_keys_goes_to_every_primary_in_time() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    for _ in 0..100 {
        cluster.send(cmd("PING")).await.expect("a reply");
    }
    assert!(script.calls(1) > 0 && script.calls(2) > 0);
}

#[tokio::test(start_paused = true)]
async fn moved_is_followed_and_patches_its_slot_at_once() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("MOVED 5 10.0.0.1:2"));
    assert_eq!(cluster.send(to(5)).await.expect("followed"), ok());
    assert_eq!(cluster.primary(5), Some(2));
    assert_eq!(cluster.primary(6), Some(1), "only that slot");
    cluster.send(to(5)).await.expect("a reply");
    assert_eq!((script.calls(1), script.calls(2)), (1, 2));
    assert_eq!(cluster.metrics().redirects_moved, 1);
}

#[tokio::test(start_paused = true)]
async fn ask_is_followed_once_behind_asking_and_the_map_stays() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("ASK 5 10.0.0.1:2"));
    assert_eq!(cluster.send(to(5)).await.expect("followed"), ok());
    cluster.send(to(5)).await.expect("a reply");
    script.with(1, |peer| assert_eq!(peer.called, [false, false]));
    script.with(2, |peer| assert_eq!(peer.called, [true]));
    assert_eq!(cluster.primary(5), Some(1));
    assert_eq!(cluster.metrics().redirects_ask, 1);
}

#[tokio::test(start_paused = true)]
async fn moved_after_ask_is_not_asking() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("ASK 5 10.0.0.1:2"));
    script.reply(2, error("MOVED 5 10.0.0.1:3"));
    assert_eq!(cluster.send(to(5)).await.expect("followed"), ok());
    script.with(3, |peer| assert_eq!(peer.called, [false]));
}

#[tokio::test(start_paused = true)]
async fn moved_by_a_node_the_map_no_longer_names_does_not_patch() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    // Port 3 has stale views: the map never named it for this slot.
    script.reply(1, error("ASK 5 10.0.0.1:3"));
    script.reply(3, error("MOVED 5 10.0.0.1:2"));
    cluster.send(to(5)).await.expect("followed");
    assert_eq!(cluster.primary(5), Some(1));
}

#[tokio::test(start_paused = true)]
async fn redirect_without_a_host_stays_on_the_answering_host() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("MOVED 5 :2"));
    cluster.send(to(5)).await.expect("followed");
    let topology = cluster.route.topology().expect("known");
    assert!(
        topology
            .nodes()
            .all(|node| node.addr().host() == "10.0.0.1")
    );
    assert_eq!(cluster.primary(5), Some(2));
}

#[tokio::test(start_paused = true)]
async fn redirect_loop_ends_and_names_its_last_nodes() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.layer(RouteLayer::from_addrs([addr(1)]).max_redirects(3));
    for _ in 0..3 {
        script.reply(1, error("MOVED 5 10.0.0.1:2"));
        script.reply(2, error("MOVED 5 10.0.0.1:1"));
    }
    let error = cluster.send(to(5)).await.expect_err("a loop");
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
    assert_eq!(error.delivery(), Delivery::NotApplied);
    let text = error.to_string();
    assert!(text.contains("by 10.0.0.1:2: MOVED 5 10.0.0.1:1"), "{text}");
    assert_eq!(script.calls(1) + script.calls(2), 4);
}

#[tokio::test(start_paused = true)]
async fn moved_to_the_node_it_comes_from_waits_for_a_refresh() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("MOVED 5 10.0.0.1:1"));
    for port in [1, 2] {
        script.with(port, |peer| peer.view = Some(slots(&[(0, 16383, 2)])));
    }
    assert_eq!(cluster.send(to(5)).await.expect("followed"), ok());
    assert_eq!((script.calls(1), script.calls(2)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn redirect_to_an_unknown_node_is_an_error_and_never_dialled() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply(1, error("MOVED 5 ?:3"));
    let error = cluster.send(to(5)).await.expect_err("nowhere to go");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(error.delivery(), Delivery::NotApplied);
    assert_eq!(error.node(), Some(&addr(1)));
    assert_eq!(script.made(3), 0);
}

#[tokio::test(start_paused = true)]
async fn redirect_is_not_followed_from_a_node_the_application_chose() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let moved = error("MOVED 5 10.0.0.1:2");
    script.reply(1, moved.clone());
    let command = cmd("TEST").target(Target::Node(addr(1)));
    assert_eq!(cluster.send(command).await.expect("a reply"), moved);
}

#[tokio::test(start_paused = true)]
async fn chosen_node_is_asked_without_a_topology() {
    let script = Script::default();
    let cluster = script.route();
    let command = cmd("TEST").target(Target::Node(addr(7)));
    assert_eq!(cluster.send(command).await.expect("a reply"), ok());
    assert_eq!(script.calls(7), 1);
}

#[tokio::test(start_paused = true)]
async fn address_map_applies_to_topologies_and_redirects() {
    let script = Script::agreeing(&[1], &[(0, 16383, 100)]);
    let map = |addr: NodeAddr| NodeAddr::new(addr.host(), addr.port() / 100);
    let cluster = script.layer(RouteLayer::from_addrs([addr(1)]).map_addr(map));
    script.reply(1, error("MOVED 5 10.0.0.1:200"));
    assert_eq!(cluster.send(to(5)).await.expect("followed"), ok());
    assert_eq!((script.calls(1), script.calls(2)), (1, 1));
}
