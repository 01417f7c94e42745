//! Values of a mebibyte, one after the other.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tower_redis_cluster::Cluster;

use super::{KIB, MIB, one_at_a_time, runtime, support};

/// How many at a time.
const WINDOW: usize = 16;

/// A gibibyte, or less where a build without optimisations would take long for it.
const VALUES: usize = if cfg!(debug_assertions) { 256 } else { 1024 };

/// Bytes of memory that this process has.
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes
        .expect("Linux tells")
        .trim()
        .parse()
        .expect("a number");
    kibibytes * KIB
}

async fn set(cluster: &Cluster, value: &Bytes, count: usize) {
    let sets = (0..count).map(|n| {
        let value = value.clone();
        async move { cluster.set(format!("value:{}", n % 64), value).await }
    });
    let mut sets = futures::stream::iter(sets).buffer_unordered(WINDOW);
    while let Some(done) = sets.next().await {
        done.expect("the servers run");
    }
}

async fn get(cluster: &Cluster, count: usize) {
    let gets = (0..count).map(|n| cluster.get(format!("value:{}", n % 64)));
    let mut gets = futures::stream::iter(gets).buffer_unordered(WINDOW);
    while let Some(value) = gets.next().await {
        let value: Bytes = value.expect("the servers run");
        assert_eq!(value.len(), MIB);
    }
}

/// Asserts that what `stream` does takes little, of the heap and of the process.
fn assert_small(what: &str, stream: impl FnOnce()) {
    let before = resident();
    let heap = allocation_counter::measure(stream);
    let grown = resident().saturating_sub(before) / MIB;
    let peak = usize::try_from(heap.bytes_max).expect("it fits") / MIB;
    let left = heap.bytes_current / MIB as i64;
    println!(
        "{VALUES} MiB of {what}: at most {peak} MiB of heap, {left} MiB left, the process grew by {grown} MiB"
    );
    assert!(peak <= 48, "{what} took {peak} MiB of heap");
    assert!(grown <= 64, "the process grew by {grown} MiB with {what}");
}

#[test]
fn a_stream_of_large_values_takes_tens_of_mebibytes() {
    let _alone = one_at_a_time();
    let runtime = runtime();
    let Some(local) = runtime.block_on(support::local(3, 0)) else {
        return;
    };
    let cluster = runtime.block_on(async {
        let urls = (0..3).map(|node| format!("redis://{}", local.addr(node)));
        let builder = Cluster::builder(urls).timeout(Duration::from_secs(30));
        builder.connect().await.expect("the servers run")
    });
    let value = Bytes::from(vec![b'v'; MIB]);
    runtime.block_on(set(&cluster, &value, 64));
    assert_small("GET", || runtime.block_on(get(&cluster, VALUES)));
    assert_small("SET", || runtime.block_on(set(&cluster, &value, VALUES)));
}
