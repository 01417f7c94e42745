//! The application in its process, as whoever lets servers fail sees it.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::application::{Account, Application, Marks, RUNNING};
use crate::peer::Failure;

/// How long the process may take to say something that is due.
const PATIENCE: Duration = Duration::from_secs(15);

/// The process. It is killed with this.
pub(super) struct Process {
    child: Child,
    id: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it complained of last.
    complaint: JoinHandle<Option<String>>,
}

impl Process {
    /// Starts it, and waits until it runs.
    pub(super) async fn start(application: &Application) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["application", &serde_json::to_string(application)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("the process has no output")?;
        let errors = child.stderr.take().ok_or("the process has no errors")?;
        let mut process = Self {
            id: child.id().ok_or("the process has ended")?,
            input: child.stdin.take().ok_or("the process has no input")?,
            child,
            output: BufReader::new(output).lines(),
            complaint: tokio::spawn(async move {
                let mut lines = BufReader::new(errors).lines();
                let mut last = None;
                while let Ok(Some(line)) = lines.next_line().await {
                    if !line.trim().is_empty() {
                        last = Some(line);
                    }
                }
                last
            }),
        };
        match process.line().await?.as_str() {
            RUNNING => Ok(process),
            line => Err(format!("the process says {line}").into()),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Ends it, and gives what it saw.
    pub(super) async fn end(mut self, marks: &Marks) -> Result<Account, Failure> {
        let marks = serde_json::to_string(marks)? + "\n";
        // What has ended reads no more; its last words say why.
        let _ = self.input.write_all(marks.as_bytes()).await;
        let account = self.line().await?;
        Ok(serde_json::from_str(&account)?)
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let line = line.map_err(|_| format!("the client's process hangs for {PATIENCE:?}"))?;
        if let Some(line) = line? {
            return Ok(line);
        }
        // A process that closes its output and goes on must not be waited for.
        self.child
            .start_kill()
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::InvalidInput => Ok(()),
                _ => Err(error),
            })?;
        let complaint = (&mut self.complaint).await.ok().flatten();
        let status = self.child.wait().await?;
        Err(complaint
            .unwrap_or_else(|| format!("the client's process ended: {status}"))
            .into())
    }
}
