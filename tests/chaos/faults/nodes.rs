//! What is asked of the servers while they are under fire.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Command, Error, FromValue, cmd};

/// How many primaries there are, each with one replica.
pub(crate) const SHARDS: usize = 3;

/// How long the servers may take for what they are told. They share the machine with the load.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks a node until it answers: its connections are closed at times.
pub(super) async fn ask<T: FromValue>(local: &LocalCluster, node: usize, command: Command) -> T {
    let start = Instant::now();
    loop {
        match local.query(node, command.clone()).await {
            Ok(answer) => return answer,
            Err(error) if !error.is_connection() && !error.is_timeout() => {
                panic!("node {node} refused {command:?}: {error}")
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "node {node}: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// What a node says of its replication.
pub(super) struct Replication(String);

impl Replication {
    pub(super) async fn of(local: &LocalCluster, node: usize) -> Result<Self, Error> {
        let info = local.query(node, cmd("INFO").arg("replication")).await?;
        Ok(Self(info))
    }

    pub(super) fn is_primary(&self) -> bool {
        self.field("role") == Some("master")
    }

    fn offset(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}

/// The primary of a shard and its replica, while all nodes are up. The two nodes of a shard only ever change roles.
pub(super) async fn pair(local: &LocalCluster, shard: usize) -> (usize, usize) {
    let (one, other) = (shard, shard + SHARDS);
    let start = Instant::now();
    loop {
        let roles = (
            Replication::of(local, one).await,
            Replication::of(local, other).await,
        );
        if let (Ok(first), Ok(second)) = roles {
            match (first.is_primary(), second.is_primary()) {
                (true, false) => return (one, other),
                (false, true) => return (other, one),
                _ => {}
            }
        }
        assert!(start.elapsed() < PATIENCE, "shard {shard} has no primary");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a node is a primary.
pub(super) async fn promoted(local: &LocalCluster, node: usize) {
    let start = Instant::now();
    loop {
        if let Ok(replication) = Replication::of(local, node).await
            && replication.is_primary()
        {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "node {node} was not promoted");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all nodes agree, and until each replica has what its primary had then: what the next fault does to the
/// primary then loses nothing older.
pub(crate) async fn settled(local: &LocalCluster) {
    let start = Instant::now();
    while let Err(error) = local.settled().await {
        assert!(start.elapsed() < PATIENCE, "{error}");
    }
    for shard in 0..SHARDS {
        let (primary, replica) = pair(local, shard).await;
        let Ok(goal) = Replication::of(local, primary).await else {
            continue;
        };
        loop {
            let has = Replication::of(local, replica).await;
            let has = has.ok().and_then(|has| has.offset("slave_repl_offset"));
            if has >= goal.offset("master_repl_offset") {
                break;
            }
            assert!(start.elapsed() < 2 * PATIENCE, "replica {replica} lags");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
