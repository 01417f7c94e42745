//! Strings and counters.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{GetEx, IfValue, SetOptions};

use crate::mock::{answering, bulk, bulks, ints, ok, rows, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let minute = Duration::from_secs(60);
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_300);
    let new = SetOptions::new;
    rows! {
        get("k") => "GET k", bulk("v") => text("v");
        get("k") => "GET k", Nil => None::<String>;
        getex("k", minute) => "GETEX k PX 60000", bulk("7") => 7;
        getex("k", time) => "GETEX k PXAT 1501", bulk("7") => 7;
        getex("k", GetEx::Persist) => "GETEX k PERSIST", bulk("7") => 7;
        getdel("k") => "GETDEL k", bulk("v") => text("v");
        getset("k", "v") => "SET k v GET", bulk("old") => text("old");
        getset_with("k", "v", new().only_if_absent().keeps_ttl())
            => "SET k v NX KEEPTTL GET", Nil => None::<String>;
        set("k", "v") => "SET k v", ok() => ();
        set_with("k", 1, new().expires_in(minute)) => "SET k 1 PX 60000", ok() => true;
        set_with("k", 1, new().expires_at(time)) => "SET k 1 PXAT 1501", ok() => true;
        set_with("k", 1, new().only_if_absent()) => "SET k 1 NX", Nil => false;
        set_with("k", 1, new().only_if_present()) => "SET k 1 XX", Nil => false;
        set_with("k", 1, new().only_if(IfValue::is("x"))) => "SET k 1 IFEQ x", ok() => true;
        set_with("k", 1, new().only_if(IfValue::is_not("x"))) => "SET k 1 IFNE x", ok() => true;
        mget(["k", "k"]) => "MGET k k", Value::Array(vec![bulk("1"), Nil]) => vec![Some(1), None];
        mset([("{k}a", 1), ("{k}b", 2)]) => "MSET {k}a 1 {k}b 2", ok() => ();
        msetnx(("k", 1)) => "MSETNX k 1", Integer(0) => false;
        msetex([("{k}a", 1), ("{k}b", 2)], new().expires_in(minute).only_if_present())
            => "MSETEX 2 {k}a 1 {k}b 2 XX PX 60000", Integer(1) => true;
        incr("k") => "INCR k", Integer(1) => 1;
        incrby("k", 5) => "INCRBY k 5", Integer(6) => 6;
        incrbyfloat("k", -0.5) => "INCRBYFLOAT k -0.5", bulk("5.5") => 5.5;
        decr("k") => "DECR k", Integer(-1) => -1;
        decrby("k", 5) => "DECRBY k 5", Integer(-6) => -6;
        append("k", "v") => "APPEND k v", Integer(2) => 2;
        strlen("k") => "STRLEN k", Integer(2) => 2;
        getrange("k", -3..) => "GETRANGE k -3 -1", bulk("abc") => text("abc");
        getrange("k", ..0) => "GETRANGE k 1 0", bulk("") => text("");
        setrange("k", 5, "v") => "SETRANGE k 5 v", Integer(6) => 6;
        lcs("{k}a", "{k}b") => "LCS {k}a {k}b", bulk("x") => text("x");
        lcs_len("{k}a", "{k}b") => "LCS {k}a {k}b LEN", Integer(1) => 1;
        delifeq("k", "v") => "DELIFEQ k v", Integer(1) => true;
        delex("k", IfValue::is("v")) => "DELEX k IFEQ v", Integer(0) => false;
        delex("k", IfValue::digest_is("ab")) => "DELEX k IFDEQ ab", Integer(0) => false;
        delex("k", IfValue::digest_is_not("ab")) => "DELEX k IFDNE ab", Integer(1) => true;
        digest("k") => "DIGEST k", bulk("b6acb9d84a38ff74") => text("b6acb9d84a38ff74");
        lcs_idx("{k}a", "{k}b", 2)
            => "LCS {k}a {k}b IDX MINMATCHLEN 2",
            Value::Array(vec![bulk("matches"), Value::Array(vec![]), bulk("len"), Integer(0)])
            => Vec::new();
        mget("k") => "MGET k", bulks(["1"]) => [1];
    }
}

#[tokio::test]
async fn common_runs_are_where_they_are_in_both() {
    let run = Value::Array(vec![ints([4, 6]), ints([5, 7])]);
    let matches = (bulk("matches"), Value::Array(vec![run]));
    let (cluster, _) = answering(Value::Map(vec![matches, (bulk("len"), Integer(3))]));
    let runs = cluster.lcs_idx("k", "k", 0).await.unwrap();
    assert_eq!((&runs[0].first, &runs[0].second), (&(4..=6), &(5..=7)));
}
