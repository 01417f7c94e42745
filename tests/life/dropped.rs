//! A client that is dropped.

use std::time::Duration;

use futures::FutureExt;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Target, cmd};

use super::{alive_tasks, eventually, key_of};

/// With everything under way that there can be: requests in flight, waiting for a connection and for a lease, a dial
/// that hangs, commands that block, leases.
#[tokio::test]
async fn the_last_handle_takes_all_tasks_and_connections_along() {
    let fake = FakeCluster::start(3).await;
    let before = alive_tasks();
    let cluster = Cluster::builder([fake.node(0).addr().to_string()])
        .connections_per_node(2)
        .max_exclusive(2)
        .connect()
        .await
        .expect("it runs");
    let [first, second, third] = [0, 1, 2].map(|node| key_of(&fake, node));
    for key in [&first, &second] {
        cluster.set(key, "v").await.expect("it runs");
    }
    let lease = cluster.lease(Target::key(&first)).await.expect("it runs");
    let own = Cluster::new(lease);
    own.get::<Option<String>>(&first).await.expect("it runs");
    fake.node(1).stall();
    fake.node(2).stall();
    let queue = format!("{{{first}}}:queue");
    let pop = || cluster.query::<Option<(String, String)>>(cmd("BLPOP").arg(&queue).arg(0));
    let mut blocked = [(); 3].map(|()| Box::pin(pop()));
    let mut in_flight = Box::pin(cluster.get::<Option<String>>(&second));
    let mut dialling = Box::pin(cluster.get::<Option<String>>(&third));
    let clone = cluster.clone();
    for _ in 0..20 {
        assert!(blocked.iter_mut().all(|pop| pop.now_or_never().is_none()));
        assert!((&mut in_flight).now_or_never().is_none());
        assert!((&mut dialling).now_or_never().is_none());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(alive_tasks() > before && fake.connections_open() > 4);

    drop((blocked, in_flight, dialling));
    drop((own, clone, cluster));
    fake.heal();
    fake.node(1).resume();
    fake.node(2).resume();
    eventually("connections are left", || fake.connections_open() == 0).await;
    eventually("tasks are left", || alive_tasks() == before).await;
}
