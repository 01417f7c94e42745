//! The end of a client: shut down, or dropped, or all of its connections killed.

mod dropped;
mod killed;
mod shutdown;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use tower_redis_cluster::Slot;
use tower_redis_cluster::testing::FakeCluster;

/// A key of this node.
fn key_of(fake: &FakeCluster, node: usize) -> String {
    let mut keys = (0..).map(|n| format!("key:{n}"));
    let key = keys.find(|key| fake.owner(Slot::of(key)) == Some(node));
    key.expect("every node has slots")
}

fn alive_tasks() -> usize {
    let runtime = tokio::runtime::Handle::current();
    runtime.metrics().num_alive_tasks()
}

/// Waits until it is so.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
