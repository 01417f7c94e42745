//! The whole stack over a cluster in memory, with time paused and faults by the seed: thousands of bad days in seconds.
//!
//! Each run is a cluster of three primaries with a replica each, one to three clients with one to four tasks each, and
//! two to fourteen faults: delays, cuts, black holes, stalls, refusals, migrations, failovers, deaths with elections,
//! lying nodes, and a runtime that stands still. Tasks append unique tokens, count, write and read keys of their own,
//! send pipelines and transactions, wait at queues, and go away in the middle. Then:
//!
//! - every reply belongs to its request, and every list tells the place that its appender was told;
//! - acknowledged <= applied <= acknowledged + unknown, and what was said not to be applied is not there;
//! - no request outlasts its deadline by more than the timeout layer says;
//! - two seconds after the last fault everything works again;
//! - with the clients dropped, no task and no connection is left.
//!
//! | | |
//! |---|---|
//! | `SIMULATION_SEEDS=100000 cargo test --release --test simulation` | more runs |
//! | `SIMULATION_FIRST=7000 ...` | from this seed on |
//! | `SIMULATION_SEED=4711 ...` | one run, twice, with its faults shown |
//!
//! A run depends on nothing but its seed, and that is tested too: the same seed gives the same outcomes at the same
//! times, on any machine and with any optimization. What makes that so: addresses that are the same in every run, a
//! network whose delays go by the time and not by the order of events, and a [crew] in place of a task for each actor.
//! What it cannot rule out is a `tokio::select!` without `biased` in the stack, of which two branches are ready in the
//! same millisecond.
//!
//! [`fleet`] is another simulation, of many clients and what they do to a cluster that loses a node.

#![allow(missing_docs, unreachable_pub, reason = "nobody but this test uses it")]

mod actor;
mod book;
mod crew;
mod faults;
mod fleet;
mod net;
mod pipe;
mod run;
mod scene;
mod stack;
mod starvation;
mod trace;

use std::collections::BTreeMap;
use std::env;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use self::run::{Met, Report, run};
use self::trace::mix;

/// How many runs there are unless told otherwise: one takes 9 ms of CPU, or 90 without optimization.
const SEEDS: u64 = if cfg!(debug_assertions) { 150 } else { 2_000 };

/// How many of them are run twice.
const TWICE: u64 = SEEDS / 10;

const THREADS: usize = 2;

/// How many failures are told in full.
const SHOWN: usize = 5;

#[test]
fn whatever_happens_nothing_is_lost_or_crossed_or_late() {
    if let Some(seed) = setting::<u64>("SIMULATION_SEED") {
        let report = run(seed);
        println!("{}", report.describe());
        assert_eq!(report.trace, run(seed).trace, "seed {seed} differs");
        assert!(report.violations.is_empty(), "{}", report.describe());
        return;
    }
    let count = setting("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let reports = run_all(count, run);
    let requests: u64 = reports.values().map(|report| report.requests).sum();
    let traces = reports.values().map(|report| report.trace.hash);
    let trace = traces.fold(0, |all, trace| mix(all ^ trace));
    println!(
        "{} runs, {requests} requests, trace {trace:016x}",
        reports.len()
    );
    let met = reports.values().map(|report| report.met);
    println!("{:?}", met.reduce(Met::and));
    let failed: Vec<&Report> = reports
        .values()
        .filter(|report| !report.violations.is_empty())
        .collect();
    let shown = failed.iter().take(SHOWN).map(|report| report.describe());
    let shown: String = shown.collect();
    assert!(failed.is_empty(), "{} runs failed:\n{shown}", failed.len());
}

#[test]
fn a_seed_has_one_course() {
    let differing = run_all(TWICE, |seed| (run(seed).trace, run(seed).trace));
    let differing: Vec<u64> = differing
        .into_iter()
        .filter(|(_, (first, second))| first != second)
        .map(|(seed, _)| seed)
        .collect();
    assert!(differing.is_empty(), "{differing:?}");
}

/// Does the same with each seed, on a few threads.
fn run_all<T: Send>(count: u64, act: impl Fn(u64) -> T + Sync) -> BTreeMap<u64, T> {
    let first = setting("SIMULATION_FIRST").unwrap_or(1);
    let next = AtomicU64::new(first);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let witness = Witness(seed);
                    let result = act(seed);
                    std::mem::forget(witness);
                    done.lock().expect("no panic").insert(seed, result);
                }
            });
        }
    });
    done.into_inner().expect("no panic")
}

/// Names the seed of a run that panics.
struct Witness(u64);

impl Drop for Witness {
    fn drop(&mut self) {
        eprintln!("SIMULATION_SEED={} panics", self.0);
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}
