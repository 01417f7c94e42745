//! What each typed command sends, and what it makes of the answer.
//!
//! Rows read: the call, the command it must send, the reply it gets, what it must give.

mod errors;
mod generic;
mod hashes;
mod lists;
mod mock;
mod sets;
mod sorted_sets;
mod strings;

use std::collections::BTreeSet;

use tower_redis_cluster::command::all;

/// Commands of these groups that have no method, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("BRPOPLPUSH", "deprecated: blmove"),
    ("EXPIRE", "expire, in milliseconds"),
    ("EXPIREAT", "expire_at, in milliseconds"),
    ("EXPIRETIME", "expire_time, in milliseconds"),
    ("GETSET", "deprecated: getset sends SET .. GET"),
    ("HEXPIRE", "hexpire, in milliseconds"),
    ("HEXPIREAT", "hexpire_at, in milliseconds"),
    ("HEXPIRETIME", "hexpire_time, in milliseconds"),
    ("HMSET", "deprecated: hset"),
    ("HTTL", "httl, in milliseconds"),
    ("KEYS", "of all nodes"),
    ("MIGRATE", "of administrators"),
    ("MOVE", "between databases of one node"),
    ("OBJECT HELP", "for people"),
    ("PSETEX", "deprecated: set_with"),
    ("RANDOMKEY", "of all nodes"),
    ("RPOPLPUSH", "deprecated: lmove"),
    ("SCAN", "of all nodes"),
    ("SETEX", "deprecated: set_with"),
    ("SETNX", "deprecated: set_with"),
    ("SUBSTR", "deprecated: getrange"),
    ("TTL", "ttl, in milliseconds"),
    ("WAIT", "of one node's connection"),
    ("WAITAOF", "of one node's connection"),
    ("ZRANGEBYLEX", "deprecated: zrange"),
    ("ZRANGEBYSCORE", "deprecated: zrange"),
    ("ZREVRANGE", "deprecated: zrange"),
    ("ZREVRANGEBYLEX", "deprecated: zrange"),
    ("ZREVRANGEBYSCORE", "deprecated: zrange"),
];

const GROUPS: [&str; 6] = ["generic", "hash", "list", "set", "sorted-set", "string"];

#[tokio::test]
async fn every_command_has_a_method_or_is_left_out_on_purpose() {
    let mut sent = BTreeSet::new();
    sent.extend(strings::sent().await);
    sent.extend(generic::sent().await);
    sent.extend(hashes::sent().await);
    sent.extend(lists::sent().await);
    sent.extend(sets::sent().await);
    sent.extend(sorted_sets::sent().await);

    let left_out: BTreeSet<_> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    for name in &left_out {
        assert!(!sent.contains(*name), "{name} is sent, and not left out");
    }
    let accounted = |name: &str| sent.contains(name) || left_out.contains(name);
    let missing: Vec<_> = all()
        .filter(|info| GROUPS.contains(&info.group()) && info.subcommands().is_empty())
        .map(|info| info.name())
        .filter(|name| !accounted(name))
        .collect();
    assert!(missing.is_empty(), "no method for {missing:?}");
}
