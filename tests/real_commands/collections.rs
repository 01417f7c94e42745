//! Hashes and sorted sets, where only some servers have an option.

use std::collections::BTreeSet;

use tower_redis_cluster::cluster::commands::{HSetExOptions, ScanOptions, ScanPage};

use crate::Server;

pub(crate) async fn replies(server: &Server) {
    if !server.has("DELIFEQ").await {
        return;
    }
    let (cluster, key) = (&server.cluster, &server.key("hash"));
    let set = HSetExOptions::new;
    let absent = set().only_if_key_absent();
    assert!(cluster.hsetex(key, ("f", 1), absent).await.unwrap());
    assert!(!cluster.hsetex(key, ("f", 1), absent).await.unwrap());
    let present = set().only_if_key_present().only_if_absent();
    assert!(!cluster.hsetex(key, ("f", 1), present).await.unwrap());
    assert!(cluster.hsetex(key, ("g", 1), present).await.unwrap());

    let key = &server.key("sorted set");
    cluster.zadd(key, [(1, "a"), (2, "b")]).await.unwrap();
    let page = cluster.zscan_noscores(key, 0, ScanOptions::new()).await;
    let page: ScanPage<BTreeSet<String>> = page.unwrap();
    assert_eq!(page.items, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}
