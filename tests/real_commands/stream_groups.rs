//! Consumer groups of streams.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::cluster::commands::{
    EntryDeleted, StreamId, StreamReferences, XAddOptions, XClaimOptions, XPendingOptions,
    XReadGroupOptions,
};

use crate::Server;
use crate::streams::Fields;

const IDS: [StreamId; 3] = [
    StreamId::new(1, 1),
    StreamId::new(2, 0),
    StreamId::new(3, 0),
];

pub(crate) async fn replies(server: &Server) {
    let key = &server.key("groups");
    manage(server, key).await;
    read(server, key).await;
    claim(server, key).await;
    tell(server, key).await;
    acknowledge(server, key).await;
}

async fn manage(server: &Server, key: &str) {
    let cluster = &server.cluster;
    assert!(
        cluster.xgroup_create(key, "g", "$").await.is_err(),
        "no such key"
    );
    cluster.xgroup_create_mkstream(key, "g", "$").await.unwrap();
    let error = cluster.xgroup_create(key, "g", "$").await.unwrap_err();
    assert_eq!(
        error.server_error().map(|error| error.code()),
        Some("BUSYGROUP")
    );
    assert!(
        cluster
            .xgroup_createconsumer(key, "g", "idle")
            .await
            .unwrap()
    );
    assert!(
        !cluster
            .xgroup_createconsumer(key, "g", "idle")
            .await
            .unwrap()
    );
    for id in IDS {
        let options = XAddOptions::new().id(id);
        cluster
            .xadd_with(key, ("n", id.millis), options)
            .await
            .unwrap();
    }
    cluster.xgroup_setid(key, "g", IDS[2]).await.unwrap();
    cluster
        .xgroup_setid_entriesread(key, "g", 0, 0)
        .await
        .unwrap();
    cluster.xgroup_create(key, "other", 0).await.unwrap();
    assert!(cluster.xgroup_destroy(key, "other").await.unwrap());
    assert!(!cluster.xgroup_destroy(key, "other").await.unwrap());

    let summary = cluster.xpending(key, "g").await.unwrap();
    assert_eq!(
        (summary.count, summary.first, summary.consumers),
        (0, None, vec![])
    );
}

async fn read(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let streams = cluster
        .xreadgroup::<Fields>("g", "a", key, ">")
        .await
        .unwrap();
    assert_eq!(
        (&streams[0].key[..], streams[0].entries.len()),
        (key.as_bytes(), 3)
    );
    assert_eq!(streams[0].entries[1].fields.as_ref().unwrap()["n"], 2);
    assert_eq!(streams[0].entries[1].deliveries, None);
    let options = XReadGroupOptions::new()
        .count(1)
        .block(Duration::from_millis(20))
        .no_ack();
    let nothing = cluster
        .xreadgroup_with::<Fields>("g", "a", key, ">", options)
        .await;
    assert_eq!(nothing.unwrap(), []);

    // What was deleted is pending still, without its fields.
    cluster.xdel(key, IDS[0]).await.unwrap();
    let streams = cluster
        .xreadgroup::<Fields>("g", "a", key, "0")
        .await
        .unwrap();
    let ids: Vec<_> = streams[0].entries.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, IDS);
    assert_eq!(streams[0].entries[0].fields, None);
    if server.has("DELEX").await {
        let options = XReadGroupOptions::new().claims(Duration::ZERO).count(1);
        let streams = cluster
            .xreadgroup_with::<Fields>("g", "a", key, ">", options)
            .await;
        let entry = &streams.unwrap()[0].entries[0];
        assert!(
            entry.idle.is_some() && entry.deliveries.is_some(),
            "{entry:?}"
        );
    }
}

async fn claim(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let options = XPendingOptions::new()
        .idle_for(Duration::ZERO)
        .consumer("a");
    let pending = cluster
        .xpending_entries(key, "g", .., 10, options)
        .await
        .unwrap();
    assert_eq!((pending.len(), pending[2].id), (3, IDS[2]));
    assert_eq!(
        (
            pending[2].consumer.as_str(),
            pending[0].idle < Duration::from_secs(60)
        ),
        ("a", true)
    );
    assert!(pending[2].deliveries >= 1);

    let soon = Duration::ZERO;
    let claimed = cluster
        .xclaim::<Fields>(key, "g", "b", soon, IDS[1])
        .await
        .unwrap();
    assert_eq!((claimed.len(), claimed[0].fields["n"]), (1, 2));
    let options = XClaimOptions::new()
        .delivered(7)
        .delivered_at(SystemTime::now());
    let options = options.forces().last_id(IDS[2]);
    let claimed = cluster
        .xclaim_with::<Fields>(key, "g", "b", soon, IDS[1], options)
        .await;
    assert_eq!(claimed.unwrap().len(), 1);
    let pending = cluster
        .xpending_entries(key, "g", IDS[1]..IDS[2], 10, XPendingOptions::new())
        .await;
    assert_eq!(pending.unwrap()[0].deliveries, 7);
    let options = XClaimOptions::new().idle_for(Duration::from_secs(5));
    let claimed = cluster
        .xclaim_justid(key, "g", "b", soon, IDS[1], options)
        .await;
    assert_eq!(claimed.unwrap(), [IDS[1]]);

    let claimed = cluster
        .xautoclaim_justid(key, "g", "c", soon, IDS[1], 1)
        .await
        .unwrap();
    assert_eq!(
        (&claimed.entries[..], claimed.next()),
        (&IDS[1..2], Some(IDS[2]))
    );
    let claimed = cluster
        .xautoclaim::<Fields>(key, "g", "c", soon, StreamId::ZERO, 10)
        .await;
    let claimed = claimed.unwrap();
    assert_eq!(
        (claimed.entries.len(), claimed.entries[1].id, claimed.next()),
        (2, IDS[2], None)
    );
    assert_eq!(claimed.deleted, IDS[..1]);
}

async fn tell(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let summary = cluster.xpending(key, "g").await.unwrap();
    assert_eq!(
        (summary.count, summary.first, summary.last),
        (2, Some(IDS[1]), Some(IDS[2]))
    );
    assert_eq!(summary.consumers, [("c".to_owned(), 2)]);

    let groups = cluster.xinfo_groups(key).await.unwrap();
    assert_eq!((groups[0].name.as_str(), groups[0].pending), ("g", 2));
    assert_eq!(
        (groups[0].consumers, groups[0].last_delivered_id),
        (4, IDS[2])
    );

    let consumers = cluster.xinfo_consumers(key, "g").await.unwrap();
    let consumer = consumers
        .iter()
        .find(|consumer| consumer.name == "c")
        .unwrap();
    assert_eq!(consumer.pending, 2);
    assert!(consumer.idle < Duration::from_secs(60));
    // A consumer that never was given an entry has been inactive since ever.
    let idle = consumers
        .iter()
        .find(|consumer| consumer.name == "idle")
        .unwrap();
    assert_eq!((idle.pending, idle.inactive), (0, None));

    let details = cluster.xinfo_stream_full::<Fields>(key, 0).await.unwrap();
    let group = &details.groups[0];
    assert_eq!((group.pending, group.consumers.len()), (2, 4));
    let consumer = group
        .consumers
        .iter()
        .find(|consumer| consumer.name == "c")
        .unwrap();
    let age = consumer.seen.elapsed().unwrap_or_default();
    assert!(consumer.pending == 2 && age < Duration::from_secs(60));
}

async fn acknowledge(server: &Server, key: &str) {
    let cluster = &server.cluster;
    assert_eq!(cluster.xack(key, "g", IDS).await.unwrap(), 1 + 1);
    if server.has("XACKDEL").await {
        let references = StreamReferences::Keep;
        let deleted = cluster.xackdel(key, "g", references, IDS).await.unwrap();
        assert_eq!(deleted, [EntryDeleted::Missing; 3]);
    }
    assert_eq!(cluster.xgroup_delconsumer(key, "g", "c").await.unwrap(), 0);
}
