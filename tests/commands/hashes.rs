//! Hashes, and their fields that expire.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{
    ExpireIf, ExpireTime, FieldExpired, FieldPersisted, GetEx, HSetExOptions, ScanOptions,
    ScanPage, Ttl,
};

use crate::mock::{bulk, bulks, ints, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let minute = Duration::from_secs(60);
    let time = SystemTime::UNIX_EPOCH + minute;
    let map = || BTreeMap::from([("f".to_owned(), 1), ("g".to_owned(), 2)]);
    let (scan, set) = (ScanOptions::new, HSetExOptions::new);
    let mut names = rows! {
        hdel("h", ["f", "g"]) => "HDEL h f g", Integer(2) => 2;
        hexists("h", "f") => "HEXISTS h f", Integer(1) => true;
        hget("h", "f") => "HGET h f", bulk("v") => text("v");
        hgetall("h") => "HGETALL h", bulks(["f", "1", "g", "2"]) => map();
        hincrby("h", "f", 2) => "HINCRBY h f 2", Integer(3) => 3;
        hincrbyfloat("h", "f", 0.5) => "HINCRBYFLOAT h f 0.5", bulk("3.5") => 3.5;
        hkeys("h") => "HKEYS h", bulks(["f", "g"]) => strings(["f", "g"]);
        hlen("h") => "HLEN h", Integer(2) => 2;
        hmget("h", ["f", "g"]) => "HMGET h f g", Value::Array(vec![bulk("1"), Nil]) => vec![Some(1), None];
        hrandfield("h") => "HRANDFIELD h", bulk("f") => text("f");
        hrandfield_count("h", -2) => "HRANDFIELD h -2", bulks(["f", "f"]) => strings(["f", "f"]);
        hrandfield_withvalues("h", 2)
            => "HRANDFIELD h 2 WITHVALUES", bulks(["f", "1", "g", "2"]) => map();
        hscan("h", 0, scan().matching("a*").count(5))
            => "HSCAN h 0 MATCH a* COUNT 5",
            Value::Array(vec![bulk("17"), bulks(["f", "1", "g", "2"])])
            => ScanPage { cursor: 17, items: map() };
        hscan_novalues("h", 17, scan())
            => "HSCAN h 17 NOVALUES",
            Value::Array(vec![bulk("0"), bulks(["f"])])
            => ScanPage { cursor: 0, items: strings(["f"]) };
        hset("h", ("f", 1)) => "HSET h f 1", Integer(1) => 1;
        hset("h", [("f", 1), ("g", 2)]) => "HSET h f 1 g 2", Integer(1) => 1;
        hset("h", map()) => "HSET h f 1 g 2", Integer(2) => 2;
        hsetnx("h", "f", 1) => "HSETNX h f 1", Integer(0) => false;
        hstrlen("h", "f") => "HSTRLEN h f", Integer(1) => 1;
        hvals("h") => "HVALS h", bulks(["1", "2"]) => [1, 2];
    };
    names.extend(rows! {
        hexpire("h", minute, "f")
            => "HPEXPIRE h 60000 FIELDS 1 f", ints([1]) => vec![FieldExpired::Set];
        hexpire_with("h", minute, ExpireIf::Later, ["f", "g", "i"])
            => "HPEXPIRE h 60000 GT FIELDS 3 f g i", ints([-2, 0, 2])
            => vec![FieldExpired::Missing, FieldExpired::Unchanged, FieldExpired::Deleted];
        hexpire_at("h", time, ["f", "g"])
            => "HPEXPIREAT h 60000 FIELDS 2 f g", ints([1, 1])
            => vec![FieldExpired::Set, FieldExpired::Set];
        hexpire_at_with("h", time, ExpireIf::Unset, "f")
            => "HPEXPIREAT h 60000 NX FIELDS 1 f", ints([1]) => vec![FieldExpired::Set];
        httl("h", ["f", "g", "i"])
            => "HPTTL h FIELDS 3 f g i", ints([60_000, -1, -2])
            => vec![Ttl::Expires(minute), Ttl::Persistent, Ttl::Missing];
        hexpire_time("h", "f")
            => "HPEXPIRETIME h FIELDS 1 f", ints([60_000]) => vec![ExpireTime::Expires(time)];
        hpersist("h", ["f", "g", "i"])
            => "HPERSIST h FIELDS 3 f g i", ints([1, -1, -2])
            => vec![FieldPersisted::Persisted, FieldPersisted::Unchanged, FieldPersisted::Missing];
        hgetdel("h", "f") => "HGETDEL h FIELDS 1 f", bulks(["1"]) => vec![Some(1)];
        hgetex("h", minute, "f") => "HGETEX h PX 60000 FIELDS 1 f", bulks(["1"]) => [1];
        hgetex("h", GetEx::Persist, ["f", "g"])
            => "HGETEX h PERSIST FIELDS 2 f g", bulks(["1", "2"]) => [1, 2];
        hsetex("h", [("f", 1), ("g", 2)], set().only_if_present().expires_in(minute))
            => "HSETEX h FXX PX 60000 FIELDS 2 f 1 g 2", Integer(1) => true;
        hsetex("h", ("f", 1), set().only_if_absent().expires_at(time))
            => "HSETEX h FNX PXAT 60000 FIELDS 1 f 1", Integer(0) => false;
        hsetex("h", ("f", 1), set().only_if_key_present().only_if_absent())
            => "HSETEX h XX FNX FIELDS 1 f 1", Integer(1) => true;
        hsetex("h", ("f", 1), set().only_if_key_absent())
            => "HSETEX h NX FIELDS 1 f 1", Integer(1) => true;
        hsetex("h", ("f", 1), set().keeps_ttl())
            => "HSETEX h KEEPTTL FIELDS 1 f 1", Integer(1) => true;
    });
    names
}
