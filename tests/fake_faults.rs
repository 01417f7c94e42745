//! What the in-process cluster does wrong on command, and what it counts.

#[allow(unreachable_pub, reason = "shared by several test files")]
mod wire;

use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{NodeAddr, ServerError, Value};

use self::wire::{Wire, show};

/// Long enough for anything to happen under a paused clock.
const MOMENT: Duration = Duration::from_millis(50);

async fn connect(fake: &FakeCluster, node: usize) -> Wire<tokio::net::TcpStream> {
    let addr = fake.node(node).addr();
    Wire::connect(&addr).await.expect("the node accepts")
}

fn duplex(fake: &FakeCluster, node: usize) -> Wire<DuplexStream> {
    Wire::over(
        fake.duplex(&fake.node(node).addr())
            .expect("the node accepts"),
    )
}

#[tokio::test(start_paused = true)]
async fn a_stalled_node_accepts_and_answers_only_when_resumed() {
    let fake = FakeCluster::start(1).await;
    let mut before = duplex(&fake, 0);
    before.call("PING").await;
    fake.node(0).stall();
    let mut after = duplex(&fake, 0);
    for conn in [&mut before, &mut after] {
        conn.send(&[b"PING"]).await;
        timeout(MOMENT, conn.reply()).await.expect_err("stalled");
    }
    assert_eq!(fake.node(0).connections_accepted(), 2);
    assert_eq!(fake.node(0).commands("PING"), 1);
    fake.node(0).resume();
    for conn in [&mut before, &mut after] {
        assert_eq!(
            conn.reply().await.as_ref().map(show).as_deref(),
            Some("+PONG")
        );
    }
}

#[tokio::test]
async fn refused_connections_leave_the_open_ones_and_the_port_alone() {
    let fake = FakeCluster::start(1).await;
    let addr = fake.node(0).addr();
    let mut open = connect(&fake, 0).await;
    open.call("PING").await;
    fake.node(0).refuse_connections(true);
    assert!(Wire::connect(&addr).await.is_err());
    let refused = fake.duplex(&addr).expect_err("refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(open.call("PING").await, "+PONG");
    fake.node(0).refuse_connections(false);
    assert_eq!(connect(&fake, 0).await.call("PING").await, "+PONG");
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_a_longer_way_and_not_a_slower_server() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    fake.node(0).delay(Duration::from_millis(30));
    let start = Instant::now();
    conn.send(&[b"PING"]).await;
    conn.send(&[b"PING"]).await;
    conn.reply().await;
    conn.reply().await;
    let elapsed = start.elapsed();
    assert!((30..40).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_dropped_in_the_middle_of_a_reply() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    fake.node(0).drop_after(7 + 3);
    assert_eq!(conn.call("PING").await, "+PONG");
    assert_eq!(conn.call("PING").await, "(closed)");
    assert_eq!(conn.rest(), b"+PO");
    // It happens once.
    assert_eq!(duplex(&fake, 0).call("PING").await, "+PONG");
}

#[tokio::test(start_paused = true)]
async fn a_command_may_be_applied_and_its_reply_lost() {
    let fake = FakeCluster::start(1).await;
    fake.node(0).drop_after(0);
    assert_eq!(duplex(&fake, 0).call("INCR n").await, "(closed)");
    assert_eq!(duplex(&fake, 0).call("GET n").await, "1");
}

#[tokio::test(start_paused = true)]
async fn killed_connections_are_closed_and_counted_out() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    conn.call("PING").await;
    assert_eq!(fake.connections_open(), 1);
    fake.node(0).kill_connections();
    assert_eq!(fake.connections_open(), 0);
    assert_eq!(conn.call("PING").await, "(closed)");
    // A command that arrives after the kill is not executed.
    assert_eq!(fake.commands("PING"), 1);
}

#[tokio::test(start_paused = true)]
async fn client_kill_closes_the_others_and_answers_its_own() {
    let fake = FakeCluster::start(1).await;
    let (mut killer, mut victim) = (duplex(&fake, 0), duplex(&fake, 0));
    let id = victim.call("CLIENT ID").await;
    let id = id.trim_matches(['(', ')']).to_owned();
    assert_eq!(killer.call(&format!("CLIENT KILL ID {id}")).await, "(1)");
    assert_eq!(victim.call("PING").await, "(closed)");
    let id = killer.call("CLIENT ID").await;
    let id = id.trim_matches(['(', ')']).to_owned();
    let itself = format!("CLIENT KILL ID {id} SKIPME no");
    assert_eq!(killer.call(&itself).await, "(1)");
    assert_eq!(killer.call("PING").await, "(closed)");
}

#[tokio::test]
async fn a_restarted_node_has_its_port_and_its_keys() {
    let fake = FakeCluster::start(1).await;
    let addr = fake.node(0).addr();
    let mut conn = connect(&fake, 0).await;
    conn.call("SET foo bar").await;
    fake.node(0).shutdown();
    assert_eq!(conn.call("PING").await, "(closed)");
    assert!(Wire::connect(&addr).await.is_err());
    fake.node(0).restart();
    assert_eq!(fake.node(0).addr(), addr);
    assert_eq!(connect(&fake, 0).await.call("GET foo").await, "bar");
}

#[tokio::test(start_paused = true)]
async fn rules_answer_in_place_of_the_command() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    fake.node(0).answer("incr", Value::Integer(7), 2);
    assert_eq!(conn.call("INCR n").await, "(7)");
    assert_eq!(conn.call("INCR n").await, "(7)");
    assert_eq!(conn.call("INCR n").await, "(1)");
    assert_eq!(fake.commands("INCR"), 3);

    fake.node(0).answer("GET", Value::Nil, 100);
    fake.heal();
    assert_eq!(conn.call("GET n").await, "1");

    fake.node(0)
        .answer_bytes("CLUSTER SLOTS", &b"+hello\r\n"[..], 1);
    assert_eq!(conn.call("CLUSTER INFO").await.get(..1), Some("c"));
    assert_eq!(conn.call("CLUSTER SLOTS").await, "+hello");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_refuses_commands_refuses_those_with_keys_and_spoils_transactions() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    conn.call("MULTI").await;
    assert_eq!(conn.call("INCR n").await, "+QUEUED");
    fake.node(0)
        .refuse_commands(ServerError::new("LOADING not yet"));
    assert_eq!(conn.call("INCR n").await, "-LOADING not yet");
    assert_eq!(conn.call("PING").await, "+QUEUED");
    let discarded = conn.call("EXEC").await;
    assert!(discarded.starts_with("-EXECABORT"), "{discarded}");
    assert_eq!(conn.call("GET n").await, "-LOADING not yet");
    assert_eq!(conn.call("PING").await, "+PONG");
    fake.node(0).refuse_commands(None);
    assert_eq!(conn.call("GET n").await, "nil");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_in_memory_has_addresses_of_its_own_and_serves_any_stream() {
    let fake = FakeCluster::builder().in_memory().start().await;
    let fake = fake.expect("it needs nothing");
    let addr = NodeAddr::new("10.0.0.2", 6379);
    assert_eq!(fake.node(1).addr(), addr);
    assert_eq!(duplex(&fake, 1).call("PING").await, "+PONG");
    let (ours, theirs) = tokio::io::duplex(1024);
    fake.serve(&addr, theirs).expect("the node accepts");
    assert_eq!(Wire::over(ours).call("PING").await, "+PONG");
    fake.node(1).shutdown();
    let (_ours, theirs) = tokio::io::duplex(1024);
    let refused = fake.serve(&addr, theirs).expect_err("it is down");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    fake.node(1).restart();
    assert_eq!(duplex(&fake, 1).call("PING").await, "+PONG");
}

#[tokio::test(start_paused = true)]
async fn commands_are_recorded_in_the_order_of_their_arrival() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    for line in ["ASKING", "get a", "CLIENT id", "nonsense"] {
        conn.call(line).await;
    }
    assert_eq!(
        fake.node(0).recorded(),
        ["ASKING", "GET", "CLIENT ID", "NONSENSE"]
    );
    assert_eq!(fake.node(0).commands_total(), 4);
    assert_eq!(fake.node(0).commands("CLIENT"), 1);
}

#[tokio::test]
async fn dropping_the_cluster_closes_everything() {
    let fake = FakeCluster::start(1).await;
    let (node, addr) = (fake.node(0), fake.node(0).addr());
    let mut conn = connect(&fake, 0).await;
    conn.call("PING").await;
    drop(fake);
    assert_eq!(conn.call("PING").await, "(closed)");
    assert!(Wire::connect(&addr).await.is_err());
    // A handle outlives its cluster, and cannot bring it back.
    node.restart();
    assert!(Wire::connect(&addr).await.is_err());
    assert_eq!(node.connections_open(), 0);
}
