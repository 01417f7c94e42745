//! The task that keeps the topology.

mod pace;
mod query;
mod round;

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use self::pace::{Allowance, jittered};
use super::make::MakeNode;
use super::shared::{Running, Shared};

/// More nodes than this count as this many: servers recommend no more, and what a lie says of its own size must not
/// keep it in place.
const MOST_NODES: u32 = 1000;

/// How long a trigger waits for others to join it, at most and per node. It spreads the refreshes of many clients
/// that saw the same failure; nobody with a healthy node waits for it.
const MAX_SPREAD: Duration = Duration::from_millis(250);
const SPREAD_PER_NODE: Duration = Duration::from_millis(1);

/// After so long without a usable view, one of an older epoch than the last is good enough: the cluster may have been
/// made anew, and those that could say so together may never be asked together.
const STUCK: Duration = Duration::from_secs(30);

/// Refreshes the topology when there is reason to, and now and then. One at a time, with a pause between.
pub(super) async fn run<C: MakeNode>(shared: Running, nodes: C) {
    let config = shared.config();
    let mut allowance = Allowance::new(Instant::now());
    let mut failures = 0;
    let mut failing_since = None;
    loop {
        wait_for_reason(&shared, failures).await;
        let size = node_count(&shared);
        let spread = (SPREAD_PER_NODE * size).min(MAX_SPREAD);
        sleep(jittered(Duration::ZERO, spread)).await;
        sleep_until(allowance.take(Instant::now(), size)).await;
        // What was wanted up to here is what this refresh is for. From here on, a trigger asks for the next one.
        let _ = std::pin::pin!(shared.wanted().notified()).enable();

        shared.refresh_started();
        let is_stuck = failing_since.is_some_and(|since: Instant| since.elapsed() > STUCK);
        let outcome = round::run(&shared, nodes.clone(), is_stuck).await;
        match &outcome {
            Ok(()) => {
                failures = 0;
                failing_since = None;
                config.counters.refreshes_succeeded().increment();
            }
            Err(error) => {
                failures += 1;
                failing_since.get_or_insert_with(Instant::now);
                config.counters.refreshes_failed().increment();
                tracing::warn!(error = %error, "could not refresh the topology");
            }
        }
        shared.refresh_finished(outcome);
        pause(&shared, size).await;
    }
}

/// Waits until a refresh is due.
async fn wait_for_reason(shared: &Shared, failures: u32) {
    let config = shared.config();
    if shared.heed_suspicions() || shared.doubts().age(Instant::now()).is_some() {
        return;
    }
    let idle = pace::idle_time(
        config.refresh_interval,
        config.min_refresh_interval,
        failures,
    );
    tokio::select! {
        biased;
        () = shared.wanted().notified() => {}
        () = config.suspicions.news() => { shared.heed_suspicions(); }
        () = sleep(idle) => {}
    }
}

/// Keeps the distance to the next refresh: less while a primary is in doubt, also if it only comes to be so now.
async fn pause(shared: &Shared, size: u32) {
    let start = Instant::now();
    let suspicions = &shared.config().suspicions;
    loop {
        shared.heed_suspicions();
        let doubt = shared.doubts().age(Instant::now());
        let pause = pace::pause(doubt, size, shared.config().min_refresh_interval);
        tokio::select! {
            biased;
            () = sleep_until(start + pause) => return,
            () = shared.doubts().begun().notified(), if doubt.is_none() => {}
            () = suspicions.news(), if doubt.is_none() => {}
        }
    }
}

fn node_count(shared: &Shared) -> u32 {
    let count = shared
        .current()
        .load_full()
        .map_or(0, |topology| topology.nodes().count());
    u32::try_from(count).unwrap_or(u32::MAX).min(MOST_NODES)
}
