//! Commands that wait, and transactions, of the in-process cluster: what takes two clients to see.

#[allow(unreachable_pub, reason = "shared by several test files")]
mod wire;

use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};
use tower_redis_cluster::Slot;
use tower_redis_cluster::testing::FakeCluster;

use self::wire::{Wire, show};

/// Long enough for anything to happen under a paused clock.
const MOMENT: Duration = Duration::from_millis(50);

fn duplex(fake: &FakeCluster, node: usize) -> Wire<DuplexStream> {
    Wire::over(
        fake.duplex(&fake.node(node).addr())
            .expect("the node accepts"),
    )
}

/// The owner of a key's slot, and another primary of three.
fn owner_and_other(fake: &FakeCluster, key: &str) -> (usize, usize) {
    let owner = fake.owner(Slot::of(key)).expect("all slots are served");
    (owner, (owner + 1) % 3)
}

async fn waits(conn: &mut Wire<DuplexStream>) {
    timeout(MOMENT, conn.reply()).await.expect_err("it waits");
}

#[tokio::test(start_paused = true)]
async fn the_client_that_waits_longest_is_served_first() {
    let fake = FakeCluster::start(1).await;
    let mut pusher = duplex(&fake, 0);
    let (mut first, mut second) = (duplex(&fake, 0), duplex(&fake, 0));
    first.send(&[b"BLPOP", b"l", b"0"]).await;
    waits(&mut first).await;
    second.send(&[b"BLPOP", b"l", b"0"]).await;
    waits(&mut second).await;
    assert_eq!(pusher.call("RPUSH l a b c").await, "(3)");
    assert_eq!(
        first.reply().await.as_ref().map(show).as_deref(),
        Some("[l a]")
    );
    assert_eq!(
        second.reply().await.as_ref().map(show).as_deref(),
        Some("[l b]")
    );
    assert_eq!(pusher.call("LRANGE l 0 -1").await, "[c]");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_left_takes_nothing() {
    let fake = FakeCluster::start(1).await;
    let mut pusher = duplex(&fake, 0);
    let mut gone = duplex(&fake, 0);
    gone.send(&[b"BLPOP", b"l", b"0"]).await;
    waits(&mut gone).await;
    drop(gone);
    pusher.call("PING").await;
    tokio::time::sleep(MOMENT).await;
    pusher.call("RPUSH l a").await;
    assert_eq!(pusher.call("LLEN l").await, "(1)");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_client_gets_nil_when_its_time_is_up() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    let start = Instant::now();
    assert_eq!(conn.call("BLPOP l 1.5").await, "nil");
    assert_eq!(start.elapsed().as_millis(), 1500);
    conn.call("RPUSH l a").await;
    assert_eq!(conn.call("LLEN l").await, "(1)");
}

#[tokio::test(start_paused = true)]
async fn what_was_pipelined_behind_a_blocking_command_waits_with_it() {
    let fake = FakeCluster::start(1).await;
    let (mut conn, mut pusher) = (duplex(&fake, 0), duplex(&fake, 0));
    conn.send(&[b"BLPOP", b"l", b"0"]).await;
    conn.send(&[b"PING"]).await;
    waits(&mut conn).await;
    pusher.call("RPUSH l a").await;
    assert_eq!(
        conn.reply().await.as_ref().map(show).as_deref(),
        Some("[l a]")
    );
    assert_eq!(
        conn.reply().await.as_ref().map(show).as_deref(),
        Some("+PONG")
    );
}

#[tokio::test(start_paused = true)]
async fn blocked_clients_are_sent_away_when_their_slot_goes() {
    let fake = FakeCluster::builder()
        .replicas(1)
        .start()
        .await
        .expect("starts");
    let (owner, other) = owner_and_other(&fake, "foo");
    let mut conn = duplex(&fake, owner);
    conn.send(&[b"BLPOP", b"foo", b"0"]).await;
    waits(&mut conn).await;
    fake.migrate_slot(Slot::of("foo"), other);
    let moved = format!("-MOVED 12182 {}", fake.node(other).addr());
    assert_eq!(conn.reply().await.as_ref().map(show), Some(moved));

    let mut conn = duplex(&fake, other);
    conn.send(&[b"BLPOP", b"foo", b"0"]).await;
    waits(&mut conn).await;
    fake.failover(other);
    let reply = conn.reply().await.as_ref().map(show).unwrap_or_default();
    assert!(reply.starts_with("-UNBLOCKED"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn client_unblock_ends_a_wait() {
    let fake = FakeCluster::start(1).await;
    let (mut conn, mut other) = (duplex(&fake, 0), duplex(&fake, 0));
    let id = conn.call("CLIENT ID").await;
    let id = id.trim_matches(['(', ')']).to_owned();
    assert_eq!(other.call(&format!("CLIENT UNBLOCK {id}")).await, "(0)");
    for (reason, reply) in [
        ("TIMEOUT", "nil"),
        ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        conn.send(&[b"BLPOP", b"l", b"0"]).await;
        waits(&mut conn).await;
        assert_eq!(
            other.call(&format!("CLIENT UNBLOCK {id} {reason}")).await,
            "(1)"
        );
        assert_eq!(
            conn.reply().await.as_ref().map(show).as_deref(),
            Some(reply)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_keys_have_moved_is_redirected_as_a_whole() {
    let fake = FakeCluster::start(3).await;
    let (owner, other) = owner_and_other(&fake, "foo");
    let mut conn = duplex(&fake, owner);
    for line in ["MULTI", "SET foo 1", "INCR foo"] {
        conn.call(line).await;
    }
    fake.migrate_slot(Slot::of("foo"), other);
    let moved = format!("-MOVED 12182 {}", fake.node(other).addr());
    assert_eq!(conn.call("EXEC").await, moved);
    assert_eq!(duplex(&fake, other).call("EXISTS foo").await, "(0)");
}

#[tokio::test(start_paused = true)]
async fn a_watched_key_that_another_client_changes_undoes_the_transaction() {
    let fake = FakeCluster::start(1).await;
    let (mut conn, mut other) = (duplex(&fake, 0), duplex(&fake, 0));
    conn.call("WATCH a").await;
    other.call("SET a 1").await;
    conn.call("MULTI").await;
    conn.call("SET a 2").await;
    assert_eq!(conn.call("EXEC").await, "nil");
    assert_eq!(other.call("GET a").await, "1");
}
