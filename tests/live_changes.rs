//! A cluster that changes under load: the application sees no error with default settings.

mod support;

use std::time::Duration;

use support::{Load, assert_no_errors, local, reshard};
use tower_redis_cluster::{Cluster, cmd};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resharding_under_load_gives_no_error() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = Cluster::connect(local.url())
        .await
        .expect("the cluster runs");
    let load = Load::start(&cluster, 32);
    load.progress(1000).await;
    reshard(&local, 0, 1, 500).await;
    load.progress(1000).await;
    reshard(&local, 1, 2, 500).await;
    load.progress(1000).await;
    let outcome = load.stop().await;
    assert_no_errors(&outcome);
    let metrics = cluster.metrics();
    assert!(
        metrics.redirects_moved + metrics.redirects_ask > 0,
        "{metrics:?}"
    );
    assert_eq!(metrics.dials_started, 3, "{metrics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graceful_failover_under_load_gives_no_error() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = Cluster::connect(local.url())
        .await
        .expect("the cluster runs");
    let load = Load::start(&cluster, 32);
    load.progress(1000).await;
    // There and back again: nodes 3 to 5 are the replicas of 0 to 2.
    for node in [3, 0, 4, 1] {
        local
            .query::<()>(node, cmd("CLUSTER").arg("FAILOVER"))
            .await
            .expect("the replica takes over");
        let role = async || -> String {
            let info: String = local
                .query(node, cmd("INFO").arg("replication"))
                .await
                .expect("it runs");
            info
        };
        let taken_over = async {
            while !role().await.contains("role:master") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), taken_over)
            .await
            .expect("the replica becomes a primary");
        load.progress(1000).await;
        local.settled().await.expect("the nodes agree");
    }
    let outcome = load.stop().await;
    assert_no_errors(&outcome);
}
