//! The keyspace and the servers, publishing, and what two strings have in common.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Slot;

use crate::Server;

pub(crate) async fn replies(server: &Server) {
    let cluster = &server.cluster;
    let keys = [server.key("slot a"), server.key("slot b")];
    cluster
        .mset([(&keys[0], "abcd"), (&keys[1], "xabyycd")])
        .await
        .unwrap();
    let slot = Slot::of(&keys[0]);
    let count = cluster.cluster_countkeysinslot(slot).await.unwrap();
    assert!(count >= 2);
    let names: Vec<String> = cluster.cluster_getkeysinslot(slot, count).await.unwrap();
    assert!(keys.iter().all(|key| names.contains(key)), "{names:?}");

    let runs = cluster.lcs_idx(&keys[0], &keys[1], 2).await.unwrap();
    let runs: Vec<_> = runs
        .into_iter()
        .map(|run| (run.first, run.second))
        .collect();
    assert_eq!(runs, [(2..=3, 5..=6), (0..=1, 1..=2)]);

    cluster.ping().await.unwrap();
    assert_eq!(cluster.echo::<String>("hello").await.unwrap(), "hello");
    let time = cluster.time().await.unwrap();
    let apart = SystemTime::now()
        .duration_since(time)
        .unwrap_or_else(|error| error.duration());
    assert!(apart < Duration::from_secs(60), "{apart:?}");
    assert!(cluster.memory_usage(&keys[0]).await.unwrap() > Some(4));
    assert!(cluster.memory_usage_samples(&keys[0], 0).await.unwrap() > Some(4));
    assert_eq!(
        cluster.memory_usage(server.key("missing")).await.unwrap(),
        None
    );

    assert_eq!(cluster.publish("news", "hello").await.unwrap(), 0);
    assert_eq!(cluster.spublish("orders", "hello").await.unwrap(), 0);
    let none: [&str; 0] = [];
    assert_eq!(
        cluster.pubsub_channels::<Vec<String>>().await.unwrap(),
        none
    );
    let channels: Vec<String> = cluster.pubsub_channels_matching("n*").await.unwrap();
    assert_eq!(channels, none);
    assert_eq!(
        cluster.pubsub_shardchannels::<Vec<String>>().await.unwrap(),
        none
    );
    let channels: Vec<String> = cluster.pubsub_shardchannels_matching("n*").await.unwrap();
    assert_eq!(channels, none);
    assert_eq!(cluster.pubsub_numpat().await.unwrap(), 0);
    let counts: Vec<(String, u64)> = cluster.pubsub_numsub(["a", "b"]).await.unwrap();
    assert_eq!(counts, [("a".to_owned(), 0), ("b".to_owned(), 0)]);
    let counts: Vec<(String, u64)> = cluster.pubsub_shardnumsub("a").await.unwrap();
    assert_eq!(counts, [("a".to_owned(), 0)]);
}
