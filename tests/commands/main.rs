//! What each typed command sends, and what it makes of the answer.
//!
//! Rows read: the call, the command it must send, the reply it gets, what it must give.

mod bitmaps;
mod errors;
mod generic;
mod geo;
mod hashes;
mod hyperloglog;
mod lists;
mod mock;
mod pubsub;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod stream_groups;
mod streams;
mod strings;
mod vectors;

use std::collections::BTreeSet;

use tower_redis_cluster::command::{CommandInfo, Flags, all};

/// Groups of which no command has a method, and why.
const GROUPS_LEFT_OUT: &[(&str, &str)] = &[(
    "transactions",
    "of `Cluster::transaction` and `Cluster::watch`",
)];

/// Commands that have no method, and why. Those for administrators need not be named, nor `HELP`.
const LEFT_OUT: &[(&str, &str)] = &[
    ("ACL CAT", "of administrators"),
    ("ACL GENPASS", "of administrators"),
    ("ACL WHOAMI", "of a connection"),
    ("ASKING", "sent by the stack"),
    ("AUTH", "of a connection: `ConnectConfig`"),
    ("BRPOPLPUSH", "deprecated: blmove"),
    ("CLIENT CACHING", "of a connection"),
    ("CLIENT CAPA", "of a connection"),
    ("CLIENT GETNAME", "of a connection"),
    ("CLIENT GETREDIR", "of a connection"),
    ("CLIENT ID", "of a connection"),
    ("CLIENT IMPORT-SOURCE", "of a connection"),
    ("CLIENT INFO", "of a connection"),
    ("CLIENT NO-TOUCH", "of a connection"),
    ("CLIENT REPLY", "of a connection"),
    ("CLIENT SETINFO", "of a connection: `ConnectConfig`"),
    ("CLIENT SETNAME", "of a connection: `ConnectConfig`"),
    ("CLIENT TRACKING", "of a connection"),
    ("CLIENT TRACKINGINFO", "of a connection"),
    ("CLUSTER INFO", "of one node"),
    ("CLUSTER KEYSLOT", "`Slot::of`, without asking"),
    ("CLUSTER LINKS", "of one node"),
    ("CLUSTER MYID", "of one node"),
    ("CLUSTER MYSHARDID", "of one node"),
    ("CLUSTER NODES", "of the topology"),
    ("CLUSTER SHARDS", "of the topology"),
    ("CLUSTER SLOT-STATS", "of administrators"),
    ("CLUSTER SLOTS", "of the topology"),
    ("CLUSTERSCAN", "of all nodes: a stream"),
    ("COMMAND COUNT", "of clients: `command::all`"),
    ("COMMAND DOCS", "of clients"),
    ("COMMAND GETKEYS", "of clients: `Command::slot`"),
    ("COMMAND GETKEYSANDFLAGS", "of clients"),
    ("COMMAND INFO", "of clients: `command::lookup`"),
    ("COMMAND LIST", "of clients: `command::all`"),
    ("EXPIRE", "expire, in milliseconds"),
    ("EXPIREAT", "expire_at, in milliseconds"),
    ("EXPIRETIME", "expire_time, in milliseconds"),
    ("GEORADIUS", "deprecated: geosearch"),
    ("GEORADIUSBYMEMBER", "deprecated: geosearch"),
    ("GEORADIUSBYMEMBER_RO", "deprecated: geosearch"),
    ("GEORADIUS_RO", "deprecated: geosearch"),
    ("GETSET", "deprecated: getset sends SET .. GET"),
    ("FUNCTION STATS", "of one node"),
    ("HELLO", "of a connection: sent by the stack"),
    ("HEXPIRE", "hexpire, in milliseconds"),
    ("HEXPIREAT", "hexpire_at, in milliseconds"),
    ("HEXPIRETIME", "hexpire_time, in milliseconds"),
    ("HMSET", "deprecated: hset"),
    ("HTTL", "httl, in milliseconds"),
    ("INFO", "of one node"),
    ("LASTSAVE", "of administrators"),
    ("LOLWUT", "for people"),
    ("MEMORY DOCTOR", "of administrators"),
    ("MEMORY MALLOC-STATS", "of administrators"),
    ("MEMORY PURGE", "of administrators"),
    ("MEMORY STATS", "of administrators"),
    ("MIGRATE", "of administrators"),
    ("PSETEX", "deprecated: set_with"),
    ("PSUBSCRIBE", "of a connection"),
    ("PUNSUBSCRIBE", "of a connection"),
    ("QUIT", "of a connection"),
    ("READONLY", "of a connection"),
    ("READWRITE", "of a connection"),
    ("RESET", "of a connection"),
    ("RESTORE-ASKING", "of the servers"),
    ("ROLE", "of one node"),
    ("RPOPLPUSH", "deprecated: lmove"),
    ("SCAN", "of all nodes: a stream"),
    ("SCRIPT DEBUG", "of one connection"),
    ("SELECT", "of a connection"),
    ("SETEX", "deprecated: set_with"),
    ("SETNX", "deprecated: set_with"),
    ("SSUBSCRIBE", "of a connection"),
    ("SUBSCRIBE", "of a connection"),
    ("SUBSTR", "deprecated: getrange"),
    ("SUNSUBSCRIBE", "of a connection"),
    ("SWAPDB", "of administrators"),
    ("TRIMSLOTS", "of the servers"),
    ("TTL", "ttl, in milliseconds"),
    ("UNSUBSCRIBE", "of a connection"),
    ("XIDMPRECORD", "of the servers"),
    ("ZRANGEBYLEX", "deprecated: zrange"),
    ("ZRANGEBYSCORE", "deprecated: zrange"),
    ("ZREVRANGE", "deprecated: zrange"),
    ("ZREVRANGEBYLEX", "deprecated: zrange"),
    ("ZREVRANGEBYSCORE", "deprecated: zrange"),
];

#[tokio::test]
async fn every_command_has_a_method_or_is_left_out_on_purpose() {
    let mut sent = BTreeSet::new();
    sent.extend(bitmaps::sent().await);
    sent.extend(generic::sent().await);
    sent.extend(geo::sent().await);
    sent.extend(hashes::sent().await);
    sent.extend(hyperloglog::sent().await);
    sent.extend(lists::sent().await);
    sent.extend(pubsub::sent().await);
    sent.extend(scripting::sent().await);
    sent.extend(server::sent().await);
    sent.extend(sets::sent().await);
    sent.extend(sorted_sets::sent().await);
    sent.extend(stream_groups::sent().await);
    sent.extend(streams::sent().await);
    sent.extend(strings::sent().await);
    sent.extend(vectors::sent().await);

    let left_out: BTreeSet<_> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    for name in &left_out {
        assert!(!sent.contains(*name), "{name} is sent, and not left out");
        let info = all().find(|info| info.name() == *name);
        let info = info.unwrap_or_else(|| panic!("no server has {name}"));
        assert!(!is_left_out_by_rule(info), "{name} need not be named");
    }
    let accounted = |name: &str| sent.contains(name) || left_out.contains(name);
    let missing: Vec<_> = all()
        .filter(|info| !is_left_out_by_rule(info))
        .map(|info| info.name())
        .filter(|name| !accounted(name))
        .collect();
    assert!(missing.is_empty(), "no method for {missing:?}");
}

/// True for names that are no command without a subcommand, and for what needs no reason of its own.
fn is_left_out_by_rule(info: &CommandInfo) -> bool {
    GROUPS_LEFT_OUT
        .iter()
        .any(|(group, _)| *group == info.group())
        || !info.subcommands().is_empty()
        || info.flags().contains(Flags::ADMIN)
        || info.name().ends_with(" HELP")
}
