//! Streams.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use tower_redis_cluster::Value::{self, Array, Integer, Map, Nil};
use tower_redis_cluster::cluster::commands::{
    EntryDeleted, StreamId, StreamReferences, StreamTrim, XAddOptions, XCfgSetOptions, XReadOptions,
};

use crate::mock::{answering, bulk, bulks, checks, ints, ok, rows};

pub(crate) type Fields = BTreeMap<String, u8>;

const FIRST: StreamId = StreamId::new(1, 1);
const SECOND: StreamId = StreamId::new(2, 0);

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let minute = Duration::from_secs(60);
    let (add, trim, read) = (XAddOptions::new, StreamTrim::max_len, XReadOptions::new);
    let mut sent = rows! {
        xadd("s", ("f", 7)) => "XADD s * f 7", bulk("1-1") => FIRST;
        xadd("s", [("f", 7), ("g", 8)]) => "XADD s * f 7 g 8", bulk("2-0") => SECOND;
        xadd_with("s", ("f", 7), add().only_if_present().id(FIRST))
            => "XADD s NOMKSTREAM 1-1 f 7", Nil => None;
        xadd_with("s", ("f", 7), add().trims(trim(5).approximately().limit(9)).id_at(1))
            => "XADD s MAXLEN ~ 5 LIMIT 9 1-* f 7", bulk("1-1") => Some(FIRST);
        xadd_with("s", ("f", 7), add().only_once("p", "i").trims(StreamTrim::min_id(FIRST)))
            => "XADD s IDMP p i MINID 1-1 * f 7", bulk("2-0") => Some(SECOND);
        xadd_with("s", ("f", 7), add().only_once_by_content("p"))
            => "XADD s IDMPAUTO p * f 7", bulk("2-0") => Some(SECOND);
        xcfgset("s", XCfgSetOptions::new().remembers_for(minute).remembers_entries(9))
            => "XCFGSET s IDMP-DURATION 60 IDMP-MAXSIZE 9", ok() => ();
        xdel("s", [FIRST, SECOND]) => "XDEL s 1-1 2-0", Integer(2) => 2;
        xdelex("s", StreamReferences::Delete, [FIRST, SECOND])
            => "XDELEX s DELREF IDS 2 1-1 2-0", ints([1, -1])
            => vec![EntryDeleted::Deleted, EntryDeleted::Missing];
        xlen("s") => "XLEN s", Integer(2) => 2;
        xsetid("s", FIRST) => "XSETID s 1-1", ok() => ();
        xsetid_with("s", SECOND, 7, FIRST)
            => "XSETID s 2-0 ENTRIESADDED 7 MAXDELETEDID 1-1", ok() => ();
        xtrim("s", trim(5)) => "XTRIM s MAXLEN 5", Integer(2) => 2;
        xtrim("s", trim(5).references(StreamReferences::Acknowledged))
            => "XTRIM s ACKED MAXLEN 5", Integer(2) => 2;
    };

    let entries = || Array(vec![entry("1-1"), entry("2-0")]);
    let keys = ["{s}1", "{s}2"];
    let streams = || vec![(bulk("{s}2"), entries())];
    let nothing = || Array(vec![]);
    sent.extend(checks! {
        xrange::<Fields>("s", ..) => "XRANGE s - +", entries() => |found| {
            assert_eq!((found[0].id, found[1].id), (FIRST, SECOND));
            assert_eq!(found[1].fields["f"], 7);
        };
        xrange::<Fields>("s", FIRST..SECOND)
            => "XRANGE s 1-1 (2-0", nothing() => |found| assert_eq!(found, []);
        xrange::<Fields>("s", (Excluded(FIRST), Unbounded))
            => "XRANGE s (1-1 +", nothing() => |found| assert_eq!(found, []);
        xrange_count::<Fields>("s", FIRST..=SECOND, 5)
            => "XRANGE s 1-1 2-0 COUNT 5", nothing() => |found| assert_eq!(found, []);
        xrevrange::<Fields>("s", ..SECOND)
            => "XREVRANGE s (2-0 -", nothing() => |found| assert_eq!(found, []);
        xrevrange_count::<Fields>("s", FIRST.., 5)
            => "XREVRANGE s + 1-1 COUNT 5", nothing() => |found| assert_eq!(found, []);
        xread::<Fields>("s", "0") => "XREAD STREAMS s 0", Nil => |found| assert_eq!(found, []);
        xread::<Fields>(keys, ["$", "0"]) => "XREAD STREAMS {s}1 {s}2 $ 0", Map(streams())
            => |found| {
                assert_eq!(found[0].key, "{s}2");
                assert_eq!((found[0].entries.len(), found[0].entries[0].id), (2, FIRST));
            };
        xread_with::<Fields>("s", SECOND, read().count(5).block(minute))
            => "XREAD COUNT 5 BLOCK 60000 STREAMS s 2-0", paired(streams())
            => |found| assert_eq!(found[0].entries[1].fields["f"], 7);
        xread_with::<Fields>("s", SECOND, read().block(None))
            => "XREAD BLOCK 0 STREAMS s 2-0", Nil => |found| assert_eq!(found, []);
    });
    sent.extend(infos().await);
    sent
}

#[tokio::test]
async fn what_is_added_only_once_may_be_sent_again() {
    for (options, may) in [
        (XAddOptions::new(), false),
        (XAddOptions::new().only_once("p", "i"), true),
        (XAddOptions::new().only_once_by_content("p"), true),
    ] {
        let (cluster, sent) = answering(bulk("1-1"));
        cluster.xadd_with("s", ("f", 7), options).await.unwrap();
        assert_eq!(sent.last().is_idempotent(), may);
    }
}

async fn infos() -> Vec<String> {
    let stream = |groups| {
        named([
            ("length", Integer(2)),
            ("last-generated-id", bulk("2-0")),
            ("groups", groups),
            ("max-deleted-entry-id", bulk("1-1")),
            ("entries-added", Integer(3)),
            ("entries", Array(vec![entry("2-0")])),
            ("first-entry", entry("2-0")),
            ("last-entry", Nil),
            ("an-addition", Integer(1)),
        ])
    };
    let mut sent = Vec::new();
    for shape in [Map, flat] {
        sent.extend(checks! {
            xinfo_stream::<Fields>("s") => "XINFO STREAM s", shape(stream(Integer(1))) => |info| {
                assert_eq!((info.length, info.groups, info.last_id), (2, 1, SECOND));
                assert_eq!((info.max_deleted_id, info.entries_added), (Some(FIRST), Some(3)));
                assert_eq!((info.first_entry.unwrap().id, info.last_entry), (SECOND, None));
            };
            xinfo_stream_full::<Fields>("s", 5)
                => "XINFO STREAM s FULL COUNT 5", shape(stream(Array(vec![]))) => |info| {
                    assert_eq!((info.length, info.last_id), (2, SECOND));
                    assert_eq!((info.max_deleted_id, info.entries_added), (Some(FIRST), Some(3)));
                    assert_eq!((info.entries[0].id, info.groups.len()), (SECOND, 0));
                };
        });
    }
    sent
}

pub(crate) fn entry(id: &str) -> Value {
    Array(vec![bulk(id), bulks(["f", "7"])])
}

pub(crate) fn named<const N: usize>(pairs: [(&'static str, Value); N]) -> Vec<(Value, Value)> {
    let pair = |(name, value): (&'static str, _)| (Value::SimpleString(name.into()), value);
    pairs.map(pair).into()
}

/// A map as RESP2 has it, mostly.
pub(crate) fn flat(pairs: Vec<(Value, Value)>) -> Value {
    Array(pairs.into_iter().flat_map(<[Value; 2]>::from).collect())
}

/// A map as RESP2 has it in the replies of `XREAD`.
fn paired(pairs: Vec<(Value, Value)>) -> Value {
    let pairs = pairs
        .into_iter()
        .map(|(key, value)| Array(vec![key, value]));
    Array(pairs.collect())
}
