//! A cell in its process.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::servers::Servers;
use crate::cell::{Cell, MEASURING, Measured};
use crate::peer::Failure;

/// How much longer than it measures a process may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a cell came to, seen from both ends.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) measured: Measured,
    /// User and system time of all servers, in seconds.
    pub(crate) server_cpu: f64,
    /// Connections open while it was measured.
    pub(crate) connections: u64,
}

/// Runs a cell; its process ends with this.
pub(super) async fn run(cell: &Cell, servers: &Servers) -> Result<Outcome, Failure> {
    let patience = cell.warm_up + cell.measured + PATIENCE;
    let outcome = tokio::time::timeout(patience, exchange(cell, servers)).await;
    outcome.map_err(|_| format!("hangs: not done after {patience:?}"))?
}

async fn exchange(cell: &Cell, servers: &Servers) -> Result<Outcome, Failure> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["cell", &serde_json::to_string(cell)?])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = process.stdout.take().ok_or("the process has no output")?;
    let mut lines = BufReader::new(out).lines();
    let mut start = None;
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        if line == MEASURING {
            start = Some(servers.said().await?);
        }
        last = line;
    }
    let end = servers.said().await?;
    let output = process.wait_with_output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().rfind(|line| !line.trim().is_empty());
        return Err(line.unwrap_or("the process failed").to_owned().into());
    }
    let start = start.ok_or("the process measured nothing")?;
    Ok(Outcome {
        measured: serde_json::from_str(&last)?,
        server_cpu: end.cpu - start.cpu,
        connections: start.connections,
    })
}
