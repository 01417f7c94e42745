//! The task that keeps the topology.

mod round;

use std::time::Duration;

use super::make::MakeNode;
use super::shared::{Running, Shared};

/// In a cluster of this many nodes the random part of the pause between refreshes is twice the usual one.
const MANY_NODES: u32 = 100;

/// How long a trigger waits for others to join it, at most and per node. It spreads the refreshes of many clients
/// that saw the same failure; nobody with a healthy node waits for it.
const MAX_SPREAD: Duration = Duration::from_millis(250);
const SPREAD_PER_NODE: Duration = Duration::from_millis(1);

/// Refreshes the topology when there is reason to, and now and then. One at a time, with a pause between.
pub(super) async fn run<C: MakeNode>(shared: Running, nodes: C) {
    let config = shared.config();
    let mut failures = 0;
    loop {
        let idle = idle_time(
            config.refresh_interval,
            config.min_refresh_interval,
            failures,
        );
        tokio::select! {
            () = shared.wanted().notified() => {}
            () = tokio::time::sleep(jittered(idle, idle / 10)) => {}
        }
        let size = node_count(&shared);
        let spread = (SPREAD_PER_NODE * size).min(MAX_SPREAD);
        tokio::time::sleep(jittered(Duration::ZERO, spread)).await;
        // What was wanted up to here is what this refresh is for. From here on, a trigger asks for the next one.
        let _ = std::pin::pin!(shared.wanted().notified()).enable();

        shared.refresh_started();
        let outcome = round::run(&shared, nodes.clone()).await;
        match &outcome {
            Ok(()) => {
                failures = 0;
                config.counters.refreshes_succeeded().increment();
            }
            Err(error) => {
                failures += 1;
                config.counters.refreshes_failed().increment();
                tracing::warn!(error = %error, "could not refresh the topology");
            }
        }
        shared.refresh_finished(outcome);

        let pause = config.min_refresh_interval;
        let jitter = pause.mul_f64(1.0 + f64::from(size) / f64::from(MANY_NODES));
        tokio::time::sleep(jittered(pause, jitter)).await;
    }
}

/// How long to wait without a reason: less after a failure, though longer with each that follows.
fn idle_time(interval: Duration, min_interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        _ => min_interval
            .saturating_mul(2u32.saturating_pow(failures))
            .min(interval),
    }
}

/// The time plus a random part.
fn jittered(time: Duration, jitter: Duration) -> Duration {
    time.saturating_add(jitter.mul_f64(fastrand::f64()))
}

fn node_count(shared: &Shared) -> u32 {
    let count = shared
        .current()
        .load_full()
        .map_or(0, |topology| topology.nodes().count());
    u32::try_from(count).unwrap_or(u32::MAX)
}
