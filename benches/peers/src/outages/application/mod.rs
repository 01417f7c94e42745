//! What suffers: an application with one client, in a process of its own.

mod account;
mod recorder;
mod task;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

pub(crate) use self::account::{Account, Marks, Side};
use self::recorder::Recorder;
use self::task::Task;
use super::clock::Moment;
use crate::clients::Client;
use crate::peer::{Failure, Peer};

/// What the process says once its tasks run.
pub(super) const RUNNING: &str = "running";

const WORKERS: usize = 2;

/// How long connecting may take, with everything in order.
const CONNECTING: Duration = Duration::from_secs(10);

/// The application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(super) client: Client,
    pub(super) nodes: Vec<SocketAddr>,
    pub(super) timeout: Duration,
    pub(super) shards: Vec<Shard>,
    /// All of them; they are spread over the shards.
    pub(super) tasks: usize,
}

/// Where tasks have their keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(super) slots: RangeInclusive<u16>,
    /// True if the fault will be its own.
    pub(super) is_affected: bool,
}

/// The main function of the process: says that it runs, and, when it is told when was what, what came of it.
pub(crate) fn main(application: &str) -> Result<(), Failure> {
    let application: Application = serde_json::from_str(application)?;
    application.client.live(&application)
}

/// Runs the application in this process.
pub(crate) fn live<P: Peer>(application: &Application) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let connecting = P::connect_within(&application.nodes, application.timeout);
    let peer = runtime
        .block_on(async { tokio::time::timeout(CONNECTING, connecting).await })
        .map_err(|_| format!("not connected within {CONNECTING:?}"))??;

    let recorder = Arc::new(Recorder::new(Moment::now()?));
    for (number, shard) in (0..application.tasks).zip(application.shards.iter().cycle()) {
        let task = Task::new(number, shard, recorder.join(shard.is_affected));
        runtime.spawn(task.run(peer.clone(), recorder.clone()));
    }
    say(RUNNING)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let marks: Marks = serde_json::from_str(&line)?;
    let account = Account::of(&recorder, &marks);
    // A request that hangs must not keep the process.
    runtime.shutdown_background();
    say(&serde_json::to_string(&account)?)
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
