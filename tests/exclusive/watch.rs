//! `WATCH`, on the in-process cluster.

use std::future::ready;

use tokio::task::JoinSet;
use tower::Service;
use tower_redis_cluster::cluster::WatchOptions;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Command, Delivery, Error, ErrorKind, Pipeline, Slot, Value};

use crate::fake::{default_client, node_of};

async fn increment<S>(cluster: &Cluster<S>) -> Result<Option<(String,)>, Error>
where
    S: Service<Command, Response = Value, Error: Into<tower::BoxError>> + Clone,
{
    cluster
        .watch("n", async |view| {
            let n: Option<u64> = view.get("n").await?;
            Ok(Some(Pipeline::new().set("n", n.unwrap_or_default() + 1)))
        })
        .await
}

#[tokio::test(start_paused = true)]
async fn a_watched_counter_loses_no_increment() {
    let fake = FakeCluster::start(3).await;
    let cluster = default_client(&fake);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            for _ in 0..20 {
                assert!(increment(&cluster).await.expect("in time").is_some());
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no panic");
    }
    assert_eq!(cluster.get::<u64>("n").await.expect("GET"), 320);
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_leased, metrics.exclusive_closed_unclean),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_gives_up_changes_nothing_and_leaves_the_connection_clean() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let outcome = cluster
        .watch::<(), _, _>("n", async |view| {
            let n: Option<u64> = view.get("n").await?;
            assert_eq!(n, None);
            Ok(None)
        })
        .await;
    assert_eq!(outcome.expect("nothing failed"), None);
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_connections, metrics.exclusive_leased),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_every_time_is_an_error_in_the_end() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let mut runs = 0;
    let error = cluster
        .watch_with::<(), _, _>("n", WatchOptions::new().tries(3), |_| {
            runs += 1;
            let cluster = cluster.clone();
            async move {
                cluster.incr("n").await?;
                Ok(Some(Pipeline::new().set("n", 0)))
            }
        })
        .await
        .expect_err("never unchanged");
    assert_eq!((runs, error.kind()), (3, ErrorKind::Aborted));
    assert_eq!(error.delivery(), Delivery::NotApplied);
    assert_eq!(cluster.get::<u64>("n").await.expect("GET"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_closure_runs_again_where_the_slot_has_gone() {
    let fake = FakeCluster::start(2).await;
    let cluster = default_client(&fake);
    let to = 1 - node_of(&fake, "n").index();
    let mut runs = 0;
    let applied = cluster
        .watch::<(String,), _, _>("n", |_| {
            runs += 1;
            if runs == 1 {
                fake.migrate_slot(Slot::of("n"), to);
            }
            ready(Ok(Some(Pipeline::new().set("n", runs))))
        })
        .await
        .expect("on the other node");
    assert_eq!((applied, runs), (Some(("OK".to_owned(),)), 2));
    assert_eq!(cluster.get::<u64>("n").await.expect("GET"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_closure_runs_again_when_the_connection_was_lost_before_the_transaction() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let mut runs = 0;
    cluster
        .watch::<(String,), _, _>("n", |view| {
            runs += 1;
            if runs == 1 {
                fake.node(0).kill_connections();
            }
            async move {
                let _: Option<u64> = view.get("n").await?;
                Ok(Some(Pipeline::new().set("n", runs)))
            }
        })
        .await
        .expect("over another connection");
    assert_eq!(cluster.get::<u64>("n").await.expect("GET"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_was_sent_and_not_answered_is_not_tried_again() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    let mut runs = 0;
    let error = cluster
        .watch::<(String,), _, _>("n", |_| {
            runs += 1;
            fake.node(0).stall();
            ready(Ok(Some(Pipeline::new().set("n", runs))))
        })
        .await
        .expect_err("no answer");
    assert_eq!((runs, error.delivery()), (1, Delivery::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_a_closure_that_time_does_not_mend_are_the_callers() {
    let fake = FakeCluster::start(1).await;
    let cluster = default_client(&fake);
    cluster.rpush("n", "a list").await.expect("RPUSH");
    let mut runs = 0;
    let error = cluster
        .watch::<(), _, _>("n", |view| {
            runs += 1;
            async move {
                let _: u64 = view.get("n").await?;
                Ok(None)
            }
        })
        .await
        .expect_err("not a string");
    assert_eq!(runs, 1);
    assert_eq!(
        error.server_error().map(|error| error.code()),
        Some("WRONGTYPE")
    );
}

#[tokio::test(start_paused = true)]
async fn keys_in_different_slots_cannot_be_watched_and_the_layer_is_not_to_blame() {
    let fake = FakeCluster::start(2).await;
    let cluster = default_client(&fake);
    let watched = cluster.watch::<Value, _, _>(["a", "b"], async |_| Ok(None));
    let error = watched.await.expect_err("two slots");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert!(error.to_string().contains("common hash tag"), "{error}");
}
