//! The whole keyspace, and the servers themselves.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{Integer, Nil, SimpleString};
use tower_redis_cluster::{Slot, Target};

use crate::mock::{answering, bulk, bulks, ints, ok, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let slot = Slot::of("user:1");
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(60_000_007);
    rows! {
        cluster_countkeysinslot(slot) => "CLUSTER COUNTKEYSINSLOT 10778", Integer(2) => 2;
        cluster_getkeysinslot(slot, 5)
            => "CLUSTER GETKEYSINSLOT 10778 5", bulks(["a", "b"]) => strings(["a", "b"]);
        copy_to_database("k", "k", 1) => "COPY k k DB 1", Integer(1) => true;
        dbsize() => "DBSIZE", Integer(7) => 7;
        echo("hello") => "ECHO hello", bulk("hello") => text("hello");
        flushall() => "FLUSHALL", ok() => ();
        flushall_async() => "FLUSHALL ASYNC", ok() => ();
        flushall_sync() => "FLUSHALL SYNC", ok() => ();
        flushdb() => "FLUSHDB", ok() => ();
        flushdb_async() => "FLUSHDB ASYNC", ok() => ();
        flushdb_sync() => "FLUSHDB SYNC", ok() => ();
        keys("a*") => "KEYS a*", bulks(["a"]) => strings(["a"]);
        memory_usage("k") => "MEMORY USAGE k", Integer(56) => Some(56);
        memory_usage_samples("k", 0) => "MEMORY USAGE k SAMPLES 0", Nil => None;
        move_to_database("k", 1) => "MOVE k 1", Integer(0) => false;
        ping() => "PING", SimpleString("PONG".into()) => ();
        randomkey() => "RANDOMKEY", bulk("k") => text("k");
        time() => "TIME", bulks(["60", "7"]) => time;
        wait(2, Duration::from_secs(1)) => "WAIT 2 1000", Integer(1) => 1;
        wait(2, None) => "WAIT 2 0", Integer(2) => 2;
        waitaof(1, 2, Duration::from_millis(50)) => "WAITAOF 1 2 50", ints([1, 2]) => (1, 2);
    }
}

#[tokio::test]
async fn the_keys_of_a_slot_are_asked_of_its_primary() {
    let (cluster, sent) = answering(Integer(2));
    let slot = Slot::of("user:1");
    cluster.cluster_countkeysinslot(slot).await.unwrap();
    assert_eq!(sent.last().explicit_target(), Some(&Target::Slot(slot)));
}

#[tokio::test]
async fn a_time_no_clock_can_show_is_a_conversion_error() {
    let (cluster, _) = answering(bulks(["18446744073709551615", "7"]));
    assert!(cluster.time().await.is_err());
}
