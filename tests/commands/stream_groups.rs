//! Consumer groups of streams.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{Array, Integer, Map, Nil};
use tower_redis_cluster::cluster::commands::{
    EntryDeleted, StreamId, StreamReferences, XClaimOptions, XPendingOptions, XReadGroupOptions,
};

use crate::mock::{bulk, bulks, checks, ints, ok, rows};
use crate::streams::{Fields, entry, flat, named};

const FIRST: StreamId = StreamId::new(1, 1);
const SECOND: StreamId = StreamId::new(2, 0);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let mut sent = rows! {
        xack("s", "g", FIRST) => "XACK s g 1-1", Integer(1) => 1;
        xackdel("s", "g", StreamReferences::Keep, [FIRST])
            => "XACKDEL s g KEEPREF IDS 1 1-1", ints([2]) => vec![EntryDeleted::Kept];
        xclaim_justid("s", "g", "c", MINUTE, [FIRST, SECOND], XClaimOptions::new())
            => "XCLAIM s g c 60000 1-1 2-0 JUSTID", bulks(["1-1"]) => vec![FIRST];
        xgroup_create("s", "g", "$") => "XGROUP CREATE s g $", ok() => ();
        xgroup_create_mkstream("s", "g", FIRST) => "XGROUP CREATE s g 1-1 MKSTREAM", ok() => ();
        xgroup_createconsumer("s", "g", "c") => "XGROUP CREATECONSUMER s g c", Integer(1) => true;
        xgroup_delconsumer("s", "g", "c") => "XGROUP DELCONSUMER s g c", Integer(3) => 3;
        xgroup_destroy("s", "g") => "XGROUP DESTROY s g", Integer(0) => false;
        xgroup_setid("s", "g", "0") => "XGROUP SETID s g 0", ok() => ();
        xgroup_setid_entriesread("s", "g", SECOND, 7)
            => "XGROUP SETID s g 2-0 ENTRIESREAD 7", ok() => ();
    };
    sent.extend(read().await);
    sent.extend(claim().await);
    sent.extend(pending().await);
    sent.extend(infos().await);
    sent
}

async fn read() -> Vec<String> {
    let options = || {
        XReadGroupOptions::new()
            .count(1)
            .block(MINUTE)
            .claims(MINUTE)
            .no_ack()
    };
    let redelivered = Array(vec![bulk("1-1"), Nil, Integer(60_000), Integer(2)]);
    let streams = Map(vec![(bulk("s"), Array(vec![redelivered, entry("2-0")]))]);
    checks! {
        xreadgroup::<Fields>("g", "c", "s", ">")
            => "XREADGROUP GROUP g c STREAMS s >", streams => |found| {
                assert_eq!(found[0].key, "s");
                let [again, new] = &found[0].entries[..] else { panic!("{found:?}") };
                assert_eq!((again.id, &again.fields), (FIRST, &None));
                assert_eq!((again.idle, again.deliveries), (Some(MINUTE), Some(2)));
                assert_eq!((new.id, new.fields.as_ref().unwrap()["f"]), (SECOND, 7));
                assert_eq!((new.idle, new.deliveries), (None, None));
            };
        xreadgroup_with::<Fields>("g", "c", "s", ">", options())
            => "XREADGROUP GROUP g c COUNT 1 BLOCK 60000 CLAIM 60000 NOACK STREAMS s >", Nil
            => |found| assert_eq!(found, []);
    }
}

async fn claim() -> Vec<String> {
    let time = SystemTime::UNIX_EPOCH + MINUTE;
    let idle = XClaimOptions::new().idle_for(MINUTE);
    let all = XClaimOptions::new()
        .delivered_at(time)
        .delivered(3)
        .forces()
        .last_id(SECOND);
    // Before 7.0 there was no list of what is deleted, but nil in its place.
    let old = Array(vec![bulk("2-0"), Array(vec![entry("1-1"), Nil])]);
    let new = Array(vec![bulk("2-0"), Array(vec![entry("1-1")]), bulks(["2-0"])]);
    let last = Array(vec![bulk("0-0"), bulks(["1-1"]), bulks([])]);
    checks! {
        xclaim::<Fields>("s", "g", "c", MINUTE, FIRST)
            => "XCLAIM s g c 60000 1-1", Array(vec![entry("1-1"), Nil])
            => |claimed| assert_eq!((claimed.len(), claimed[0].id), (1, FIRST));
        xclaim_with::<Fields>("s", "g", "c", MINUTE, FIRST, idle)
            => "XCLAIM s g c 60000 1-1 IDLE 60000", Array(vec![])
            => |claimed| assert_eq!(claimed, []);
        xclaim_with::<Fields>("s", "g", "c", MINUTE, FIRST, all)
            => "XCLAIM s g c 60000 1-1 TIME 60000 RETRYCOUNT 3 FORCE LASTID 2-0", Array(vec![])
            => |claimed| assert_eq!(claimed, []);
        xautoclaim::<Fields>("s", "g", "c", MINUTE, StreamId::ZERO, 5)
            => "XAUTOCLAIM s g c 60000 0-0 COUNT 5", old => |claimed| {
                assert_eq!((claimed.next(), claimed.entries.len()), (Some(SECOND), 1));
                assert_eq!(claimed.deleted, []);
            };
        xautoclaim::<Fields>("s", "g", "c", MINUTE, FIRST, 5)
            => "XAUTOCLAIM s g c 60000 1-1 COUNT 5", new => |claimed| {
                assert_eq!((claimed.next(), claimed.entries[0].id), (Some(SECOND), FIRST));
                assert_eq!(claimed.deleted, [SECOND]);
            };
        xautoclaim_justid("s", "g", "c", MINUTE, FIRST, 5)
            => "XAUTOCLAIM s g c 60000 1-1 COUNT 5 JUSTID", last
            => |claimed| assert_eq!((claimed.next(), claimed.entries), (None, vec![FIRST]));
    }
}

async fn pending() -> Vec<String> {
    let consumers = Array(vec![bulks(["c", "3"])]);
    let summary = Array(vec![Integer(3), bulk("1-1"), bulk("2-0"), consumers]);
    let nothing = Array(vec![Integer(0), Nil, Nil, Nil]);
    let one = Array(vec![bulk("1-1"), bulk("c"), Integer(60_000), Integer(2)]);
    let options = XPendingOptions::new;
    checks! {
        xpending("s", "g") => "XPENDING s g", summary => |pending| {
            assert_eq!(pending.count, 3);
            assert_eq!((pending.first, pending.last), (Some(FIRST), Some(SECOND)));
            assert_eq!(pending.consumers, [("c".to_owned(), 3)]);
        };
        xpending("s", "g") => "XPENDING s g", nothing => |pending| {
            assert_eq!((pending.first, pending.last, pending.consumers), (None, None, vec![]));
        };
        xpending_entries("s", "g", .., 5, options())
            => "XPENDING s g - + 5", Array(vec![one]) => |pending| {
                assert_eq!((pending[0].id, pending[0].consumer.as_str()), (FIRST, "c"));
                assert_eq!((pending[0].idle, pending[0].deliveries), (MINUTE, 2));
            };
        xpending_entries("s", "g", FIRST.., 5, options().idle_for(MINUTE).consumer("c"))
            => "XPENDING s g IDLE 60000 1-1 + 5 c", Array(vec![])
            => |pending| assert_eq!(pending, []);
    }
}

async fn infos() -> Vec<String> {
    let consumer = || {
        named([
            ("name", bulk("c")),
            ("seen-time", Integer(5)),
            // Of one that never was given an entry.
            ("active-time", Integer(-1)),
            ("pel-count", Integer(2)),
            ("idle", Integer(60_000)),
            ("inactive", Integer(-1)),
            ("pending", Integer(2)),
        ])
    };
    let group = |consumers| {
        named([
            ("name", bulk("g")),
            ("consumers", consumers),
            ("pending", Integer(2)),
            ("last-delivered-id", bulk("1-1")),
            ("entries-read", Integer(1)),
            ("lag", Nil),
            ("pel-count", Integer(2)),
            ("an-addition", Integer(1)),
        ])
    };
    let stream = |groups| {
        let [length, entries] = [Integer(2), Array(vec![])];
        named([
            ("length", length),
            ("last-generated-id", bulk("2-0")),
            ("entries", entries),
            ("groups", groups),
        ])
    };
    let seen = SystemTime::UNIX_EPOCH + Duration::from_millis(5);
    let mut sent = Vec::new();
    for shape in [Map, flat] {
        let details = shape(group(Array(vec![shape(consumer())])));
        sent.extend(checks! {
            xinfo_consumers("s", "g")
                => "XINFO CONSUMERS s g", Array(vec![shape(consumer())]) => |consumers| {
                    assert_eq!((consumers[0].name.as_str(), consumers[0].pending), ("c", 2));
                    assert_eq!((consumers[0].idle, consumers[0].inactive), (MINUTE, None));
                };
            xinfo_groups("s") => "XINFO GROUPS s", Array(vec![shape(group(Integer(1)))])
                => |groups| {
                    assert_eq!((groups[0].name.as_str(), groups[0].consumers), ("g", 1));
                    assert_eq!((groups[0].pending, groups[0].lag), (2, None));
                    assert_eq!(groups[0].last_delivered_id, FIRST);
                    assert_eq!(groups[0].entries_read, Some(1));
                };
            xinfo_stream_full::<Fields>("s", 0)
                => "XINFO STREAM s FULL COUNT 0", shape(stream(Array(vec![details]))) => |stream| {
                    let group = &stream.groups[0];
                    assert_eq!((group.name.as_str(), group.last_delivered_id), ("g", FIRST));
                    assert_eq!((group.entries_read, group.lag, group.pending), (Some(1), None, 2));
                    let consumer = &group.consumers[0];
                    assert_eq!((consumer.name.as_str(), consumer.pending), ("c", 2));
                    assert_eq!((consumer.seen, consumer.active), (seen, None));
                };
        });
    }
    sent
}
