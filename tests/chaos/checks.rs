//! What is checked when all faults are over and the load has ended.

use std::time::Instant;

use futures::StreamExt;
use tower_redis_cluster::{Error, cmd};

use crate::load::{Client, Load};
use crate::request::About;
use crate::workload::{PRESETS, preset};

/// How many keys are read at a time.
const WINDOW: usize = 16;

/// Reads everything, and holds it against what its writers know. All nodes are up, so that every read has to succeed.
pub(crate) async fn everything(load: &Load) {
    let presets = (0..PRESETS).map(|n| check_preset(load, n));
    all(presets).await;
    let ledgers = load.ledgers.keys();
    all(ledgers.iter().map(|key| check_ledger(load, key))).await;
    let counters = load.counts.keys();
    all(counters.iter().map(|key| check_counter(load, key))).await;
}

async fn all(checks: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut checks = futures::stream::iter(checks).buffer_unordered(WINDOW);
    while checks.next().await.is_some() {}
}

async fn check_preset(load: &Load, n: usize) {
    let (key, expected) = preset(n);
    let found = read(load, &key, async || load.client.get::<String>(&key).await);
    if let Some(found) = found.await
        && found != expected
    {
        load.crossed(&key, expected, found);
    }
}

async fn check_counter(load: &Load, key: &str) {
    let found = read(load, key, async || {
        load.client.get::<Option<u64>>(key).await
    });
    if let Some(found) = found.await {
        let value = found.unwrap_or_default();
        let wrong = load.counts.check(key, value, load.is_lossless());
        if let Some(wrong) = wrong {
            load.journal.violation(key, wrong);
        }
    }
}

async fn check_ledger(load: &Load, key: &str) {
    let found = read(load, key, async || match key {
        set if set.starts_with("set:") => load.client.smembers::<Vec<String>>(set).await,
        list => range(&load.client, list).await,
    });
    let Some(mut found) = found.await else {
        return;
    };
    let mut may_miss = (!load.faults.is_surprised()).then_some(0);
    if let Some(queue) = key.strip_suffix(":new") {
        let done = format!("{queue}:done");
        let moved = read(load, key, async || range(&load.client, &done).await);
        let Some(moved) = moved.await else {
            return;
        };
        found.extend(moved);
        let taken = load.taken.of(key);
        may_miss = may_miss.map(|_| taken.perhaps);
        found.extend(taken.entries);
        if !load.is_lossless() {
            // That it was taken may be what was lost.
            found.sort();
            found.dedup();
        }
    }
    if let Some(transaction) = key.strip_suffix(":one") {
        check_transaction(load, transaction).await;
    }
    for wrong in load.ledgers.check(key, &found, may_miss) {
        load.journal.violation(key, wrong);
    }
}

/// Both lists of a transaction are the same, and the counter has counted them.
async fn check_transaction(load: &Load, prefix: &str) {
    let [one, two, count] = ["one", "two", "count"].map(|name| format!("{prefix}:{name}"));
    let first = read(load, &one, async || range(&load.client, &one).await);
    let second = read(load, &two, async || range(&load.client, &two).await);
    let counted = read(load, &count, async || {
        load.client.get::<Option<usize>>(&count).await
    });
    if let (Some(first), Some(second), Some(counted)) = (first.await, second.await, counted.await)
        && (first != second || first.len() != counted.unwrap_or_default())
    {
        let lengths = (first.len(), second.len());
        let what = format!("a transaction was torn: {lengths:?} entries, {counted:?} counted");
        load.journal.violation(&one, what);
    }
}

async fn range(client: &Client, key: &str) -> Result<Vec<String>, Error> {
    client.query(cmd("LRANGE").arg(key).arg([0, -1])).await
}

/// Reads until there is an answer. That there is none at first counts, unless the machine stood still.
async fn read<T>(load: &Load, key: &str, ask: impl AsyncFn() -> Result<T, Error>) -> Option<T> {
    for _ in 0..10 {
        let start = Instant::now();
        let error = match ask().await {
            Ok(found) => return Some(found),
            Err(error) => error,
        };
        let about = About::new(key, "reading at the end");
        load.unexcused(about, &error, start, Instant::now());
        if !error.is_timeout() {
            return None;
        }
    }
    load.journal.violation(key, "it cannot be read at the end");
    None
}
