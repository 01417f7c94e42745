//! Keys of any type, when they expire, and sorting.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{Integer, Nil, SimpleString};
use tower_redis_cluster::cluster::commands::{
    ExpireIf, ExpireTime, KeyType, RestoreOptions, SortOptions, Ttl,
};

use crate::mock::{bulk, bulks, ok, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let minute = Duration::from_secs(60);
    let time = SystemTime::UNIX_EPOCH + minute;
    let (restore, sort) = (RestoreOptions::new, SortOptions::new);
    rows! {
        copy("{k}a", "{k}b") => "COPY {k}a {k}b", Integer(1) => true;
        copy_replace("{k}a", "{k}b") => "COPY {k}a {k}b REPLACE", Integer(0) => false;
        del("k") => "DEL k", Integer(1) => 1;
        del(vec!["{k}a", "{k}b"]) => "DEL {k}a {k}b", Integer(2) => 2;
        unlink(["{k}a", "{k}b"]) => "UNLINK {k}a {k}b", Integer(2) => 2;
        exists("k") => "EXISTS k", Integer(1) => true;
        exists_count(["{k}a", "{k}b"]) => "EXISTS {k}a {k}b", Integer(2) => 2;
        touch("k") => "TOUCH k", Integer(1) => 1;
        key_type("k") => "TYPE k", SimpleString("hash".into()) => KeyType::Hash;
        key_type("k") => "TYPE k", SimpleString("none".into()) => KeyType::Missing;
        key_type("k") => "TYPE k", SimpleString("ReJSON-RL".into()) => KeyType::Other("ReJSON-RL".into());
        rename("{k}a", "{k}b") => "RENAME {k}a {k}b", ok() => ();
        renamenx("{k}a", "{k}b") => "RENAMENX {k}a {k}b", Integer(0) => false;
        expire("k", minute) => "PEXPIRE k 60000", Integer(1) => true;
        expire_with("k", minute, ExpireIf::Unset) => "PEXPIRE k 60000 NX", Integer(1) => true;
        expire_with("k", minute, ExpireIf::Set) => "PEXPIRE k 60000 XX", Integer(0) => false;
        expire_at("k", time) => "PEXPIREAT k 60000", Integer(1) => true;
        expire_at_with("k", time, ExpireIf::Later) => "PEXPIREAT k 60000 GT", Integer(1) => true;
        expire_at_with("k", time, ExpireIf::Sooner) => "PEXPIREAT k 60000 LT", Integer(1) => true;
        ttl("k") => "PTTL k", Integer(60_000) => Ttl::Expires(minute);
        ttl("k") => "PTTL k", Integer(0) => Ttl::Expires(Duration::ZERO);
        ttl("k") => "PTTL k", Integer(-1) => Ttl::Persistent;
        ttl("k") => "PTTL k", Integer(-2) => Ttl::Missing;
        expire_time("k") => "PEXPIRETIME k", Integer(60_000) => ExpireTime::Expires(time);
        expire_time("k") => "PEXPIRETIME k", Integer(-1) => ExpireTime::Persistent;
        expire_time("k") => "PEXPIRETIME k", Integer(-2) => ExpireTime::Missing;
        persist("k") => "PERSIST k", Integer(1) => true;
        dump("k") => "DUMP k", bulk("x") => Some(b"x".to_vec());
        restore("k", "x", restore()) => "RESTORE k 0 x", ok() => ();
        restore("k", "x", restore().expires_in(minute).replaces())
            => "RESTORE k 60000 x REPLACE", ok() => ();
        restore("k", "x", restore().expires_at(time).idle_for(minute))
            => "RESTORE k 60000 x ABSTTL IDLETIME 60", ok() => ();
        restore("k", "x", restore().replaces().used_times(3))
            => "RESTORE k 0 x REPLACE FREQ 3", ok() => ();
        object_encoding("k") => "OBJECT ENCODING k", bulk("int") => text("int");
        object_freq("k") => "OBJECT FREQ k", Integer(3) => Some(3);
        object_idletime("k") => "OBJECT IDLETIME k", Integer(60) => Some(minute);
        object_idletime("k") => "OBJECT IDLETIME k", Nil => None;
        object_refcount("k") => "OBJECT REFCOUNT k", Integer(1) => Some(1);
        sort("k", sort()) => "SORT k", bulks(["1", "2"]) => [1, 2];
        sort_ro("k", sort().by("{k}*").limit(2, 3).get("#").get("{k}*->f").descending().alphabetic())
            => "SORT_RO k BY {k}* LIMIT 2 3 GET # GET {k}*->f DESC ALPHA",
            bulks(["b", "a"]) => strings(["b", "a"]);
        sort_store("{k}a", sort().alphabetic(), "{k}b")
            => "SORT {k}a ALPHA STORE {k}b", Integer(2) => 2;
    }
}
