//! Sets.

use std::collections::BTreeSet;

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{ScanOptions, ScanPage};

use crate::mock::{bulk, bulks, ints, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let keys = ["{s}a", "{s}b"];
    let set = || BTreeSet::from(["x".to_owned(), "y".to_owned()]);
    rows! {
        sadd("s", ["x", "y"]) => "SADD s x y", Integer(2) => 2;
        sadd("s", set()) => "SADD s x y", Integer(2) => 2;
        scard("s") => "SCARD s", Integer(2) => 2;
        sdiff(keys) => "SDIFF {s}a {s}b", bulks(["x", "y"]) => set();
        sdiffstore("{s}c", keys) => "SDIFFSTORE {s}c {s}a {s}b", Integer(2) => 2;
        sinter(keys) => "SINTER {s}a {s}b", bulks(["x", "y"]) => set();
        sintercard(keys) => "SINTERCARD 2 {s}a {s}b", Integer(2) => 2;
        sintercard_limit(keys, 9) => "SINTERCARD 2 {s}a {s}b LIMIT 9", Integer(2) => 2;
        sinterstore("{s}c", keys) => "SINTERSTORE {s}c {s}a {s}b", Integer(2) => 2;
        sismember("s", "x") => "SISMEMBER s x", Integer(1) => true;
        smembers("s") => "SMEMBERS s", Value::Set(vec![bulk("x"), bulk("y")]) => set();
        smismember("s", ["x", "z"]) => "SMISMEMBER s x z", ints([1, 0]) => vec![true, false];
        smove("{s}a", "{s}b", "x") => "SMOVE {s}a {s}b x", Integer(0) => false;
        spop("s") => "SPOP s", Nil => None::<String>;
        spop_count("s", 2) => "SPOP s 2", bulks(["x", "y"]) => set();
        srandmember("s") => "SRANDMEMBER s", bulk("x") => text("x");
        srandmember_count("s", -2) => "SRANDMEMBER s -2", bulks(["x", "x"]) => strings(["x", "x"]);
        srem("s", ["x", "y"]) => "SREM s x y", Integer(1) => 1;
        sscan("s", 5, ScanOptions::new().count(100))
            => "SSCAN s 5 COUNT 100", Value::Array(vec![bulk("18446744073709551615"), bulks(["x"])])
            => ScanPage { cursor: u64::MAX, items: strings(["x"]) };
        sunion(keys) => "SUNION {s}a {s}b", bulks(["x", "y"]) => set();
        sunionstore("{s}c", keys) => "SUNIONSTORE {s}c {s}a {s}b", Integer(2) => 2;
    }
}
