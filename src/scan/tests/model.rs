//! No key is missed, whatever happens to the cluster.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::StreamExt;

use super::sim::{Sim, Weather};
use crate::scan::ScanCursor;

const SEEDS: std::ops::Range<u64> = 0..6;

/// So many keys, in a quarter as many slots.
fn keys(count: usize) -> Vec<Bytes> {
    let keys = (0..count).map(|n| format!("{{{}}}{n}", n / 4));
    keys.map(Bytes::from).collect()
}

/// Scans through a weather that clears up in the end, and checks that all keys are seen. Saves the cursor and
/// resumes now and then.
async fn scan(seed: u64, weather: Weather) {
    let keys = keys(600);
    let sim = Sim::new(seed, weather, &keys);
    let cluster = sim.cluster();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut stream = cluster.scan().count(8).stream().expect("no cursor");
    let mut seen = HashSet::new();
    let (mut batches, mut fraction) = (0, 0.0);
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        seen.extend(batch.keys);
        assert!(batch.progress.fraction() >= fraction, "seed {seed}");
        fraction = batch.progress.fraction();
        batches += 1;
        if batches == 300 {
            sim.calm();
        }
        if rng.u32(..50) == 0 {
            let cursor: ScanCursor = stream.cursor().to_string().parse().expect("our own");
            let again = cluster.scan().count(8).resume(cursor);
            stream = again.stream().expect("the same filter");
            fraction = 0.0;
        }
    }
    let missed: Vec<_> = keys.iter().filter(|key| !seen.contains(*key)).collect();
    assert!(missed.is_empty(), "seed {seed} missed {missed:?}");
    assert!(stream.cursor().is_complete());
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_in_a_quiet_cluster() {
    scan(0, Weather::default()).await;
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_while_slots_move() {
    for seed in SEEDS {
        let weather = Weather {
            migrations: 300,
            ..Weather::default()
        };
        scan(seed, weather).await;
    }
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_when_migrations_are_called_off() {
    for seed in SEEDS {
        let weather = Weather {
            migrations: 100,
            aborted: 50,
            ..Weather::default()
        };
        scan(seed, weather).await;
    }
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_while_slots_move_in_one_instant() {
    // Two will do: most of the slots are read again, which takes its time.
    for seed in SEEDS.take(2) {
        let weather = Weather {
            atomic: 100,
            ..Weather::default()
        };
        scan(seed, weather).await;
    }
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_when_servers_restart() {
    for seed in SEEDS {
        let weather = Weather {
            restarts: 10,
            ..Weather::default()
        };
        scan(seed, weather).await;
    }
}

#[tokio::test(start_paused = true)]
async fn none_is_missed_in_any_weather() {
    for seed in SEEDS {
        let weather = Weather {
            migrations: 100,
            aborted: 10,
            atomic: 20,
            restarts: 2,
            failovers: 5,
        };
        scan(seed, weather).await;
    }
}
