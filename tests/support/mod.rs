//! What several of the tests on real servers need.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tower::{Service, ServiceExt};
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{
    Cluster, Command, ConnectConfig, Connection, Connector, Error, FromValue, NodeAddr, cmd,
    connection,
};

/// A real cluster, or `None`, saying so, where there is no server program.
pub(crate) async fn local(primaries: usize, replicas: usize) -> Option<LocalCluster> {
    local_with(primaries, replicas, &[]).await
}

/// The same, with options for its servers.
pub(crate) async fn local_with(
    primaries: usize,
    replicas: usize,
    options: &[(&str, &str)],
) -> Option<LocalCluster> {
    let Some(server) = LocalCluster::find_server() else {
        println!(
            "skipped: no redis-server or valkey-server on the PATH, and REDIS_SERVER is not set"
        );
        return None;
    };
    let mut builder = LocalCluster::builder(&server)
        .primaries(primaries)
        .replicas(replicas)
        .node_timeout(Duration::from_secs(2));
    let version = std::process::Command::new(&server)
        .arg("--version")
        .output();
    let version = String::from_utf8(version.expect("the server runs").stdout).expect("text");
    if !version.contains("v=6.") {
        // Older servers allow it anyway.
        builder = builder.option("--enable-debug-command", "local");
    }
    for (name, value) in options {
        builder = builder.option(*name, *value);
    }
    let local = builder.start().await.expect("a cluster of local servers");
    Some(local)
}

/// The command line client that belongs to the server under test.
pub(crate) fn cli() -> PathBuf {
    let server = LocalCluster::find_server().expect("asked before");
    for name in ["valkey-cli", "redis-cli"] {
        let beside = server.with_file_name(name);
        if beside.is_file() {
            return beside;
        }
    }
    "redis-cli".into()
}

/// Moves slots between two primaries while they serve, as an operator would.
pub(crate) async fn reshard(local: &LocalCluster, from: usize, to: usize, slots: usize) {
    let id = async |node| -> String {
        let id = local.query(node, cmd("CLUSTER").arg("MYID")).await;
        id.expect("a node's id")
    };
    let (from, to) = (id(from).await, id(to).await);
    let output = tokio::process::Command::new(cli())
        .args(["--cluster", "reshard", &local.addr(0).to_string()])
        .args(["--cluster-from", &from, "--cluster-to", &to])
        .args(["--cluster-slots", &slots.to_string(), "--cluster-yes"])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the command line client runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let last: Vec<_> = text.lines().rev().take(5).collect();
    assert!(output.status.success(), "resharding failed: {last:?}");
}

/// A connection to one node beside the client under test, to look at what the node counts.
pub(crate) struct Observer {
    connection: Connection,
    before: u64,
}

impl Observer {
    pub(crate) async fn new(addr: NodeAddr) -> Self {
        // Whatever it is told to do to the node, it opens no connections that would be counted.
        let config = connection::Config::default().suspect_after(None);
        let connector = Connector::new(ConnectConfig::default().connection(config));
        let connection = connector
            .oneshot(addr)
            .await
            .expect("a connection to observe with");
        let mut this = Self {
            connection,
            before: 0,
        };
        this.before = this.connections_received().await;
        this
    }

    pub(crate) async fn query<T: FromValue>(&mut self, command: Command) -> Result<T, Error> {
        let value = self.connection.ready().await?.call(command).await?;
        Ok(T::from_value(value)?)
    }

    async fn connections_received(&mut self) -> u64 {
        let info: String = self
            .query(cmd("INFO").arg("stats"))
            .await
            .expect("the node answers");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"))
            .expect("the node counts its connections");
        line.trim().parse().expect("a number")
    }

    /// How many connections the node accepted since this was asked last.
    pub(crate) async fn new_connections(&mut self) -> u64 {
        let now = self.connections_received().await;
        now - std::mem::replace(&mut self.before, now)
    }
}

/// Tasks that write, read and count without a pause until they are stopped.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
    cluster: Cluster,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    done: AtomicU64,
    errors: std::sync::Mutex<Vec<Error>>,
}

/// What came of a [`Load`].
pub(crate) struct Outcome {
    pub done: u64,
    pub errors: Vec<Error>,
}

impl Load {
    pub(crate) fn start(cluster: &Cluster, tasks: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut set = JoinSet::new();
        for task in 0..tasks {
            let (cluster, shared) = (cluster.clone(), Arc::clone(&shared));
            set.spawn(async move {
                for round in 0u64.. {
                    if shared.is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    match one_round(&cluster, task, round).await {
                        Ok(()) => _ = shared.done.fetch_add(1, Ordering::Relaxed),
                        Err(error) => shared.errors.lock().expect("no panic").push(error),
                    }
                }
            });
        }
        Self {
            tasks: set,
            shared,
            cluster: cluster.clone(),
        }
    }

    /// How many rounds were completed so far.
    pub(crate) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Lets it run until so many more rounds are completed.
    pub(crate) async fn progress(&self, rounds: u64) {
        let goal = self.done() + rounds;
        let start = Instant::now();
        while self.done() < goal {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the load makes no progress"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it, and checks that every counter stands where the acknowledged increments have brought it.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let tasks = self.tasks.len();
        while let Some(task) = self.tasks.join_next().await {
            task.expect("no task panics");
        }
        let mut counted = 0;
        for task in 0..tasks {
            let count: Option<u64> = self
                .cluster
                .get(counter(task))
                .await
                .expect("the load is over");
            counted += count.unwrap_or_default();
        }
        let errors = std::mem::take(&mut *self.shared.errors.lock().expect("no panic"));
        let done = self.done();
        let unknown = errors.len() as u64;
        assert!(
            (done..=done + unknown).contains(&counted),
            "{done} increments were acknowledged and {unknown} failed, but the counters add up to {counted}"
        );
        Outcome { done, errors }
    }
}

fn counter(task: usize) -> String {
    format!("load:{task}:count")
}

async fn one_round(cluster: &Cluster, task: usize, round: u64) -> Result<(), Error> {
    let key = format!("load:{task}:{}", round % 997);
    cluster.set(&key, round).await?;
    let read: u64 = cluster.get(&key).await?;
    assert_eq!(read, round, "the reply belongs to another request");
    cluster.incr(counter(task)).await?;
    Ok(())
}

/// Asserts that nothing failed, and otherwise shows some of what did.
pub(crate) fn assert_no_errors(outcome: &Outcome) {
    let some: Vec<_> = outcome
        .errors
        .iter()
        .take(5)
        .map(ToString::to_string)
        .collect();
    assert!(
        outcome.errors.is_empty(),
        "{} of {} rounds failed: {some:#?}",
        outcome.errors.len(),
        outcome.done
    );
}
