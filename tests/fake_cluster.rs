//! The in-process cluster as a cluster: redirects, roles, slots on the move.

#[allow(unreachable_pub, reason = "shared by several test files")]
mod wire;

use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::{advance, timeout};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Slot, Value};

use self::wire::{Wire, show};

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

/// The owner of a key's slot, and another primary of three.
fn owner_and_other(fake: &FakeCluster, key: &str) -> (usize, usize) {
    let owner = fake.owner(Slot::of(key)).expect("all slots are served");
    (owner, (owner + 1) % 3)
}

#[tokio::test]
async fn a_key_is_served_by_its_owner_and_moved_by_all_others() {
    let fake = FakeCluster::start(3).await;
    let (owner, other) = owner_and_other(&fake, "foo");
    let mut conn = connect(&fake, owner).await;
    assert_eq!(conn.call("SET foo bar").await, "+OK");
    assert_eq!(conn.call("GET foo").await, "bar");
    let moved = format!("-MOVED 12182 {}", fake.node(owner).addr());
    assert_eq!(connect(&fake, other).await.call("GET foo").await, moved);
}

#[tokio::test]
async fn hello_tells_of_a_cluster_and_switches_the_version() {
    let fake = FakeCluster::start(1).await;
    let mut conn = connect(&fake, 0).await;
    let hello = conn.call("HELLO 3 SETNAME me").await;
    assert!(hello.starts_with("%{server:redis version:"), "{hello}");
    assert!(
        hello.contains("proto:(3)") && hello.contains("mode:cluster"),
        "{hello}"
    );
    assert_eq!(conn.call("GET nothing").await, "nil");
    assert_eq!(conn.call("CLIENT GETNAME").await, "me");
}

#[tokio::test]
async fn cluster_slots_names_every_node_that_is_up() {
    let fake = FakeCluster::builder()
        .primaries(2)
        .replicas(1)
        .start()
        .await
        .expect("starts");
    let mut conn = connect(&fake, 0).await;
    let reply = conn.try_call("CLUSTER SLOTS").await.expect("a reply");
    let Value::Array(ranges) = &reply else {
        panic!("{}", show(&reply))
    };
    assert_eq!(ranges.len(), 2);
    for addr in fake.addrs() {
        assert!(
            show(&reply).contains(&format!("({})", addr.port())),
            "{}",
            show(&reply)
        );
    }
    fake.node(2).shutdown();
    let reply = conn.call("CLUSTER SLOTS").await;
    assert!(
        !reply.contains(&format!("({})", fake.node(2).addr().port())),
        "{reply}"
    );
}

// ===== slots on the move =====

#[tokio::test(start_paused = true)]
async fn a_migrated_slot_takes_its_keys_along() {
    let fake = FakeCluster::start(3).await;
    let (owner, other) = owner_and_other(&fake, "foo");
    let mut old = duplex(&fake, owner);
    old.call("SET foo bar").await;
    fake.migrate_slot(Slot::of("foo"), other);
    let moved = format!("-MOVED 12182 {}", fake.node(other).addr());
    assert_eq!(old.call("GET foo").await, moved);
    assert_eq!(duplex(&fake, other).call("GET foo").await, "bar");
    assert_eq!(fake.owner(Slot::of("foo")), Some(other));
}

#[tokio::test(start_paused = true)]
async fn a_slot_under_migration_asks_for_what_is_gone_and_serves_what_is_not() {
    let fake = FakeCluster::start(3).await;
    let (owner, other) = owner_and_other(&fake, "{k}");
    let (mut old, mut new) = (duplex(&fake, owner), duplex(&fake, other));
    let slot = Slot::of("{k}");
    old.call("MSET {k}1 a {k}2 b").await;
    fake.begin_migration(slot, other);
    assert!(fake.move_key("{k}1"));
    assert!(!fake.move_key("{k}1"));

    let ask = format!("-ASK {slot} {}", fake.node(other).addr());
    let moved = format!("-MOVED {slot} {}", fake.node(owner).addr());
    let try_again = "-TRYAGAIN Multiple keys request during rehashing of slot";
    assert_eq!(old.call("GET {k}2").await, "b");
    assert_eq!(old.call("GET {k}1").await, ask);
    assert_eq!(old.call("MGET {k}1 {k}2").await, try_again);
    assert_eq!(old.call("MGET {k}1 {k}3").await, ask);
    assert_eq!(new.call("GET {k}1").await, moved);
    assert_eq!(new.call("ASKING").await, "+OK");
    assert_eq!(new.call("GET {k}1").await, "a");
    // ASKING is for one command only.
    assert_eq!(new.call("GET {k}1").await, moved);
    new.call("ASKING").await;
    assert_eq!(new.call("MGET {k}1 {k}2").await, try_again);
    new.call("ASKING").await;
    assert_eq!(new.call("SET {k}3 c").await, "+OK");

    fake.finish_migration(slot);
    assert_eq!(new.call("MGET {k}1 {k}2 {k}3").await, "[a b c]");
    let moved = format!("-MOVED {slot} {}", fake.node(other).addr());
    assert_eq!(old.call("GET {k}2").await, moved);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_nobody_serves_is_down() {
    let fake = FakeCluster::start(3).await;
    let (owner, other) = owner_and_other(&fake, "foo");
    fake.unassign_slot(Slot::of("foo"));
    let down = "-CLUSTERDOWN Hash slot not served";
    assert_eq!(duplex(&fake, owner).call("GET foo").await, down);
    fake.migrate_slot(Slot::of("foo"), other);
    assert_eq!(duplex(&fake, other).call("GET foo").await, "nil");
}

#[tokio::test(start_paused = true)]
async fn after_a_failover_the_old_primary_is_a_replica() {
    let builder = FakeCluster::builder().primaries(1).replicas(1);
    let fake = builder.start().await.expect("starts");
    let (mut old, mut new) = (duplex(&fake, 0), duplex(&fake, 1));
    old.call("SET foo bar").await;
    let to_old = format!("-MOVED 12182 {}", fake.node(0).addr());
    let to_new = format!("-MOVED 12182 {}", fake.node(1).addr());

    assert_eq!(new.call("GET foo").await, to_old);
    assert_eq!(new.call("READONLY").await, "+OK");
    assert_eq!(new.call("GET foo").await, "bar");
    assert_eq!(new.call("SET foo baz").await, to_old);
    let read_only = "-READONLY You can\\'t write against a read only replica.";
    assert_eq!(new.call("FLUSHALL").await, read_only);

    assert_eq!(fake.failover(0), 1);
    assert!(fake.node(1).is_primary() && !fake.node(0).is_primary());
    assert_eq!(old.call("GET foo").await, to_new);
    assert_eq!(new.call("SET foo baz").await, "+OK");
    assert_eq!(fake.failover(0), 0);
    assert_eq!(old.call("GET foo").await, "baz");
}

#[tokio::test(start_paused = true)]
async fn nodes_come_and_go_and_slots_are_always_served() {
    let fake = FakeCluster::start(2).await;
    let added = fake.add_node();
    assert_eq!(added, 2);
    fake.migrate_slot(Slot::of("foo"), added);
    assert_eq!(duplex(&fake, added).call("SET foo bar").await, "+OK");
    assert!(
        duplex(&fake, 0)
            .call("CLUSTER NODES")
            .await
            .contains(&fake.node(2).id())
    );

    fake.remove_node(added);
    fake.remove_node(0);
    assert_eq!(fake.addrs(), [fake.node(1).addr()]);
    let mut last = duplex(&fake, 1);
    assert_eq!(last.call("GET foo").await, "bar");
    assert!(last.call("CLUSTER INFO").await.contains("cluster_state:ok"));
    assert!(
        !last
            .call("CLUSTER NODES")
            .await
            .contains(&fake.node(2).id())
    );
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_named_as_configured() {
    let named = FakeCluster::builder().primaries(2).hostnames("localhost");
    let named = named.start().await.expect("starts");
    let owner = fake_owner(&named, "foo");
    let moved = format!("-MOVED 12182 localhost:{}", named.node(owner).addr().port());
    assert_eq!(duplex(&named, 1 - owner).call("GET foo").await, moved);
    assert!(
        duplex(&named, 0)
            .call("CLUSTER SLOTS")
            .await
            .contains("[localhost ")
    );

    let unknown = FakeCluster::builder().primaries(2).unknown_endpoints();
    let unknown = unknown.start().await.expect("starts");
    let owner = fake_owner(&unknown, "foo");
    let moved = format!("-MOVED 12182 :{}", unknown.node(owner).addr().port());
    assert_eq!(duplex(&unknown, 1 - owner).call("GET foo").await, moved);
    assert!(
        duplex(&unknown, 0)
            .call("CLUSTER SLOTS")
            .await
            .contains("[nil ")
    );
}

fn fake_owner(fake: &FakeCluster, key: &str) -> usize {
    fake.owner(Slot::of(key)).expect("all slots are served")
}

// ===== the connection =====

#[tokio::test(start_paused = true)]
async fn a_password_is_asked_for() {
    let builder = FakeCluster::builder().primaries(1).password("secret");
    let fake = builder.user("ann", "other").start().await.expect("starts");
    let mut conn = duplex(&fake, 0);
    assert_eq!(conn.call("GET a").await, "-NOAUTH Authentication required.");
    assert!(
        conn.call("HELLO 3")
            .await
            .starts_with("-NOAUTH HELLO must be called")
    );
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(conn.call("AUTH wrong").await, wrong);
    assert_eq!(conn.call("AUTH ann secret").await, wrong);
    assert_eq!(conn.call("AUTH secret").await, "+OK");
    assert_eq!(conn.call("GET a").await, "nil");
    let mut conn = duplex(&fake, 0);
    assert!(conn.call("HELLO 3 AUTH ann other").await.starts_with("%{"));
    assert_eq!(conn.call("GET a").await, "nil");
}

#[tokio::test(start_paused = true)]
async fn an_old_server_does_not_know_hello() {
    let builder = FakeCluster::builder().primaries(1).resp2_only();
    let fake = builder.start().await.expect("starts");
    let hello = duplex(&fake, 0).call("HELLO 3").await;
    assert!(hello.starts_with("-ERR unknown command"), "{hello}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_request_ends_the_connection() {
    let fake = FakeCluster::start(1).await;
    let mut stream = fake.duplex(&fake.addrs()[0]).expect("the node accepts");
    use tokio::io::AsyncWriteExt;
    stream.write_all(b"*1\r\n:5\r\n").await.expect("it is open");
    let mut conn = Wire::over(stream);
    let reply = conn.reply().await.expect("an error");
    assert!(
        show(&reply).starts_with("-ERR Protocol error"),
        "{}",
        show(&reply)
    );
    assert!(conn.reply().await.is_none());
}

#[tokio::test]
async fn a_client_may_write_everything_before_it_reads() {
    let fake = FakeCluster::start(1).await;
    let mut conn = connect(&fake, 0).await;
    let text = vec![b'x'; 1000];
    timeout(Duration::from_secs(20), async {
        for _ in 0..5000 {
            conn.send(&[b"ECHO", &text]).await;
        }
    })
    .await
    .expect("reading does not wait for writing");
    for _ in 0..5000 {
        assert!(conn.reply().await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_expire_as_the_clock_advances() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    conn.call("SET a 1 PX 100").await;
    advance(Duration::from_millis(99)).await;
    assert_eq!(conn.call("GET a").await, "1");
    advance(Duration::from_millis(1)).await;
    assert_eq!(conn.call("GET a").await, "nil");
    assert_eq!(conn.call("DBSIZE").await, "(0)");
}

#[tokio::test(start_paused = true)]
async fn a_scan_finds_every_key_that_stays() {
    let fake = FakeCluster::start(1).await;
    let mut conn = duplex(&fake, 0);
    for n in 0..50 {
        conn.call(&format!("SET {{k}}{n} v")).await;
    }
    let (mut found, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let reply = conn.try_call(&format!("SCAN {cursor} COUNT 7")).await;
        let Some(Value::Array(parts)) = &reply else {
            panic!("{reply:?}");
        };
        let [next, Value::Array(keys)] = &parts[..] else {
            panic!("{parts:?}");
        };
        assert!(keys.len() <= 7);
        found.extend(keys.iter().map(show));
        cursor = show(next);
        // Comes and goes meanwhile.
        conn.call(&format!("SET {{k}}more{} v", found.len())).await;
        if cursor == "0" {
            break;
        }
    }
    for n in 0..50 {
        let times = found
            .iter()
            .filter(|key| **key == format!("{{k}}{n}"))
            .count();
        assert_eq!(times, 1, "key {n}");
    }
}
