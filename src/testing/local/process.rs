//! One server process.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::addr::NodeAddr;

/// A server, its folder and its port. Killed on drop.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    options: Vec<String>,
    server: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Process {
    /// Starts `server` on a free port, with a folder of its own below `parent`.
    pub(super) fn start(
        server: &Path,
        parent: &Path,
        index: usize,
        options: &[String],
    ) -> io::Result<Self> {
        let port = free_port()?;
        let folder = parent.join(index.to_string());
        fs::create_dir_all(&folder)?;
        Ok(Self {
            child: spawn(server, &folder, port, options)?,
            options: options.to_vec(),
            server: server.to_owned(),
            folder,
            port,
        })
    }

    pub(super) fn addr(&self) -> NodeAddr {
        NodeAddr::new("127.0.0.1", self.port)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// True if the process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What the server last said.
    pub(super) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let start = log.len().saturating_sub(1000);
        log.get(start..).unwrap_or(&log).trim().to_owned()
    }

    /// Sends a signal, such as `STOP`.
    pub(super) fn signal(&self, signal: &str) -> io::Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.id().to_string()])
            .stderr(Stdio::null())
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "could not send SIG{signal} to process {}",
                self.id()
            ))),
        }
    }

    /// Ends the process as a crash would.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Starts it again where it was, after it has ended.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        self.child = spawn(&self.server, &self.folder, self.port, &self.options)?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing more can be done about a process that cannot be killed.
        let _ = self.kill();
    }
}

fn spawn(server: &Path, folder: &Path, port: u16, options: &[String]) -> io::Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    let mut command = Command::new(server);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    for (option, value) in [
        ("--port", port.to_string().as_str()),
        ("--bind", "127.0.0.1"),
        ("--cluster-enabled", "yes"),
        ("--cluster-config-file", "nodes.conf"),
        ("--save", ""),
        ("--appendonly", "no"),
        ("--repl-diskless-sync", "yes"),
        ("--repl-diskless-sync-delay", "0"),
    ] {
        command.args([option, value]);
    }
    command.args(options).spawn()
}

/// A port that is free now, and whose cluster bus port, 10000 above, is free too.
fn free_port() -> io::Result<u16> {
    for _ in 0..200 {
        let port = fastrand::u16(10_000..30_000);
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return Ok(port);
        }
    }
    Err(io::Error::other(
        "found no free port between 10000 and 30000",
    ))
}
