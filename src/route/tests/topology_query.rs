use std::time::Duration;

use tower::ServiceExt;

use super::script::{Make, Script, addr, ok};
use crate::cluster::Cluster;
use crate::command::Command;
use crate::error::{Error, ErrorKind};

const ALL: [(u16, u16, u16); 1] = [(0, 16383, 1)];

#[tokio::test(start_paused = true)]
async fn known_topology_is_told_without_asking_a_node() {
    let script = Script::agreeing(&[1], &ALL);
    let routed = script.discovered().await;
    let asked = script.asked(1);
    let cluster = Cluster::new(routed.route.clone());
    let topology = cluster.topology().await.expect("a topology");
    assert_eq!(topology.primaries().collect::<Vec<_>>(), [&addr(1)]);
    assert_eq!((script.asked(1), script.calls(1)), (asked, 0));
}

#[tokio::test(start_paused = true)]
async fn question_for_the_topology_waits_for_the_first_discovery() {
    let script = Script::agreeing(&[1], &ALL);
    script.with(1, |peer| peer.view_takes = Duration::from_millis(300));
    let cluster = Cluster::new(script.route().route);
    let topology = cluster.topology().await.expect("a topology");
    assert!(topology.is_complete());
}

#[tokio::test(start_paused = true)]
async fn failed_discovery_is_what_the_question_for_the_topology_fails_with() {
    let script = Script::default();
    script.with(1, |peer| peer.make = Make::Refuse);
    let cluster = Cluster::new(script.route().route);
    let failure = cluster.topology().await.expect_err("no view");
    assert_eq!(failure.kind(), ErrorKind::Topology);
}

#[tokio::test(start_paused = true)]
async fn stack_without_a_route_says_so() {
    let answer = |_: Command| std::future::ready(Ok::<_, Error>(ok()));
    let cluster = Cluster::new(tower::service_fn(answer).boxed_clone());
    let failure = cluster.topology().await.expect_err("nobody knows");
    assert_eq!(failure.kind(), ErrorKind::Config);
    assert!(failure.to_string().contains("no `Route`"), "{failure}");
}
