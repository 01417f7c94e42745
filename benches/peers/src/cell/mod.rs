//! One client at one workload, in a process of its own: what it does is then its own CPU, memory and threads.

mod load;
mod recorder;
mod usage;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use self::load::{Load, Phase};
use self::usage::Usage;
use crate::clients::Client;
use crate::dataset::Dataset;
use crate::peer::{Failure, Peer, Request};

/// What the process says when the measured time begins.
pub(crate) const MEASURING: &str = "measuring";

/// How long requests may take that are under way at the end.
const END: Duration = Duration::from_secs(10);

/// What to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) client: Client,
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) request: Request,
    pub(crate) value_size: usize,
    pub(crate) tasks: usize,
    pub(crate) workers: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The time actually measured, in seconds.
    pub(crate) seconds: f64,
    /// Requests answered in it, each with one round trip of its task.
    pub(crate) requests: u64,
    /// Requests that failed or were answered wrongly.
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// User and system time of the process, in seconds.
    pub(crate) cpu: f64,
    /// Quantiles of the latency, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// The most memory the process ever had, in KiB.
    pub(crate) peak_rss: u64,
    pub(crate) threads: u64,
}

/// The main function of the process: says when it measures, and then what came out.
pub(crate) fn main(cell: &str) -> Result<(), Failure> {
    let cell: Cell = serde_json::from_str(cell)?;
    let measured = cell.client.measure(&cell)?;
    say(&serde_json::to_string(&measured)?)
}

/// Runs the load in this process.
pub(crate) fn measure<P: Peer>(cell: &Cell) -> Result<Measured, Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(cell.workers)
        .enable_all()
        .build()?;
    let peer = runtime.block_on(P::connect(&cell.nodes))?;
    let load = Arc::new(Load::new(cell.request, Dataset::new(cell.value_size)));
    let tasks: Vec<_> = (0..cell.tasks)
        .map(|task| runtime.spawn(load.clone().run(peer.clone(), task as u64)))
        .collect();

    thread::sleep(cell.warm_up);
    say(MEASURING)?;
    let (start, usage) = (Instant::now(), Usage::now()?);
    load.enter(Phase::Measured);
    thread::sleep(cell.measured);
    load.enter(Phase::Over);
    let (elapsed, used) = (start.elapsed(), Usage::now()?);

    let all_end = async {
        for task in tasks {
            task.await?;
        }
        Ok::<_, Failure>(())
    };
    runtime
        .block_on(async { tokio::time::timeout(END, all_end).await })
        .map_err(|_| format!("requests hang: not answered within {END:?}"))??;
    let results = load.results();
    let quantile = |q| results.latencies.value_at_quantile(q) as f64 / 1000.0;
    Ok(Measured {
        seconds: elapsed.as_secs_f64(),
        requests: results.latencies.len(),
        errors: results.errors,
        cpu: used.cpu - usage.cpu,
        p50: quantile(0.5),
        p99: quantile(0.99),
        p999: quantile(0.999),
        first_error: results.first_error,
        peak_rss: used.peak_rss,
        threads: used.threads,
    })
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
