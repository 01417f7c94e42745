//! Streams, without consumer groups.

use std::collections::BTreeMap;
use std::time::Duration;

use tower_redis_cluster::cluster::commands::{
    EntryDeleted, StreamId, StreamReferences, StreamTrim, XAddOptions, XCfgSetOptions, XReadOptions,
};

use crate::Server;

pub(crate) type Fields = BTreeMap<String, u64>;

const FIRST: StreamId = StreamId::new(1, 1);
const SECOND: StreamId = StreamId::new(2, 0);
const THIRD: StreamId = StreamId::new(3, 0);

pub(crate) async fn replies(server: &Server) {
    let key = &server.key("stream");
    add(server, key).await;
    read(server, key).await;
    block(server).await;
    info(server, key).await;
    delete(server, key).await;
}

async fn add(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let at = |id| XAddOptions::new().id(id);
    for (id, value) in [(FIRST, 1), (SECOND, 2)] {
        let added = cluster.xadd_with(key, ("n", value), at(id)).await;
        assert_eq!(added.unwrap(), Some(id));
    }
    let third = XAddOptions::new().id_at(3);
    let added = cluster.xadd_with(key, [("n", 3), ("m", 4)], third).await;
    assert_eq!(added.unwrap(), Some(THIRD));
    assert_eq!(cluster.xlen(key).await.unwrap(), 3);

    let missing = server.key("missing");
    let options = XAddOptions::new().only_if_present();
    let added = cluster.xadd_with(missing, ("n", 1), options).await;
    assert_eq!(added.unwrap(), None);

    let now = server.key("now");
    let id = cluster.xadd(&now, ("n", 1)).await.unwrap();
    assert!(id > THIRD, "{id}");
    if server.has("XCFGSET").await {
        let options = XCfgSetOptions::new();
        let options = options
            .remembers_for(Duration::from_secs(60))
            .remembers_entries(9);
        cluster.xcfgset(&now, options).await.unwrap();
        for once in [
            XAddOptions::new().only_once("me", "1"),
            XAddOptions::new().only_once_by_content("me"),
        ] {
            let first = cluster
                .xadd_with(&now, ("n", 5), once.clone())
                .await
                .unwrap();
            let again = cluster.xadd_with(&now, ("n", 5), once).await.unwrap();
            assert_eq!(first, again);
        }
        assert_eq!(cluster.xlen(&now).await.unwrap(), 3);
    }
}

async fn read(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let ids = |entries: Vec<tower_redis_cluster::cluster::commands::StreamEntry<Fields>>| {
        entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let all = cluster.xrange::<Fields>(key, ..).await.unwrap();
    assert_eq!(
        all[2].fields,
        Fields::from([("n".into(), 3), ("m".into(), 4)])
    );
    assert_eq!(ids(all), [FIRST, SECOND, THIRD]);
    let some = cluster.xrange(key, FIRST..THIRD).await.unwrap();
    assert_eq!(ids(some), [FIRST, SECOND]);
    let some = cluster.xrange_count(key, FIRST..=THIRD, 1).await.unwrap();
    assert_eq!(ids(some), [FIRST]);
    let some = cluster.xrevrange(key, SECOND..).await.unwrap();
    assert_eq!(ids(some), [THIRD, SECOND]);
    let some = cluster.xrevrange_count(key, ..THIRD, 1).await.unwrap();
    assert_eq!(ids(some), [SECOND]);
    assert_eq!(
        cluster
            .xrange::<Fields>(server.key("missing"), ..)
            .await
            .unwrap(),
        []
    );

    let other = server.key("other stream");
    let at = XAddOptions::new().id(FIRST);
    cluster.xadd_with(&other, ("n", 9), at).await.unwrap();
    let streams = cluster
        .xread::<Fields>([key, &other], [SECOND, StreamId::ZERO])
        .await;
    let streams = streams.unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!(
        (&streams[0].key[..], streams[0].entries[0].id),
        (key.as_bytes(), THIRD)
    );
    assert_eq!(streams[1].key, other);
    assert_eq!(streams[1].entries[0].fields["n"], 9);
    let options = XReadOptions::new().count(1);
    let streams = cluster
        .xread_with::<Fields>(key, "0", options)
        .await
        .unwrap();
    assert_eq!((streams.len(), streams[0].entries.len()), (1, 1));
}

async fn block(server: &Server) {
    let (cluster, key) = (&server.cluster, server.key("blocked"));
    let options = XReadOptions::new().block(Duration::from_millis(20));
    let nothing = cluster
        .xread_with::<Fields>(&key, "$", options)
        .await
        .unwrap();
    assert_eq!(nothing, []);
}

async fn info(server: &Server, key: &str) {
    let cluster = &server.cluster;
    cluster.xgroup_create(key, "g", 0).await.unwrap();
    let info = cluster.xinfo_stream::<Fields>(key).await.unwrap();
    assert_eq!((info.length, info.groups, info.last_id), (3, 1, THIRD));
    assert_eq!(
        (info.max_deleted_id, info.entries_added),
        (Some(StreamId::ZERO), Some(3))
    );
    assert_eq!(info.first_entry.unwrap().fields["n"], 1);
    assert_eq!(info.last_entry.unwrap().fields["m"], 4);
    let details = cluster.xinfo_stream_full::<Fields>(key, 2).await.unwrap();
    assert_eq!((details.length, details.entries.len()), (3, 2));
    assert_eq!(details.groups[0].name, "g");
    assert!(
        cluster
            .xinfo_stream::<Fields>(server.key("missing"))
            .await
            .is_err()
    );
}

async fn delete(server: &Server, key: &str) {
    let cluster = &server.cluster;
    assert_eq!(
        cluster
            .xdel(key, [FIRST, StreamId::new(9, 9)])
            .await
            .unwrap(),
        1
    );
    if server.has("XDELEX").await {
        let references = StreamReferences::Acknowledged;
        let deleted = cluster.xdelex(key, references, SECOND).await.unwrap();
        assert_eq!(deleted, [EntryDeleted::Kept]);
        let ids = [SECOND, FIRST];
        let deleted = cluster.xdelex(key, StreamReferences::Delete, ids).await;
        assert_eq!(
            deleted.unwrap(),
            [EntryDeleted::Deleted, EntryDeleted::Missing]
        );
        let trim = StreamTrim::max_len(9).references(StreamReferences::Keep);
        assert_eq!(cluster.xtrim(key, trim).await.unwrap(), 0);
    }
    let trim = StreamTrim::max_len(5).approximately().limit(100);
    assert_eq!(cluster.xtrim(key, trim).await.unwrap(), 0);
    let rest = cluster.xlen(key).await.unwrap();
    let trim = StreamTrim::min_id(StreamId::new(4, 0));
    assert_eq!(cluster.xtrim(key, trim).await.unwrap(), rest);
    let options = XAddOptions::new()
        .id(StreamId::new(5, 0))
        .trims(StreamTrim::max_len(0));
    cluster.xadd_with(key, ("n", 5), options).await.unwrap();

    cluster.xsetid(key, StreamId::new(6, 0)).await.unwrap();
    cluster
        .xsetid_with(key, StreamId::new(7, 0), 20, StreamId::new(6, 0))
        .await
        .unwrap();
    let info = cluster.xinfo_stream::<Fields>(key).await.unwrap();
    assert_eq!(
        (info.last_id, info.entries_added),
        (StreamId::new(7, 0), Some(20))
    );
    assert_eq!((info.length, info.first_entry), (0, None));
}
