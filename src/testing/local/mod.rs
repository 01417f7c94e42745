//! A real cluster on this machine, of server processes that end with it.

mod process;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, io};

use tokio::time::Instant;
use tower::{Service, ServiceExt};

use self::process::Process;
use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::connect::{ConnectConfig, Connector};
use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::value::{FromValue, Value};

/// The environment variable that names the server program to use.
const SERVER: &str = "REDIS_SERVER";

/// How long a cluster may take to agree on something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A real cluster of local server processes, for tests that need the real thing.
///
/// The processes listen on 127.0.0.1, keep nothing, and are killed when this is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), tower_redis_cluster::Error> {
/// use tower_redis_cluster::{Cluster, testing::LocalCluster};
///
/// let Some(server) = LocalCluster::find_server() else { return Ok(()) };
/// let local = LocalCluster::builder(server).primaries(3).replicas(1).start().await?;
/// let cluster = Cluster::connect(local.url()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LocalCluster {
    nodes: Vec<Process>,
    folder: PathBuf,
}

/// Settings of a [`LocalCluster`].
#[derive(Clone, Debug)]
pub struct LocalClusterBuilder {
    server: PathBuf,
    primaries: usize,
    replicas: usize,
    options: Vec<String>,
}

impl LocalCluster {
    /// A cluster of this server program, `redis-server` or `valkey-server`.
    pub fn builder(server: impl Into<PathBuf>) -> LocalClusterBuilder {
        LocalClusterBuilder {
            server: server.into(),
            primaries: 3,
            replicas: 0,
            options: Vec::new(),
        }
    }

    /// The server program named by the environment variable `REDIS_SERVER`, or else `valkey-server` or
    /// `redis-server` on the `PATH`.
    pub fn find_server() -> Option<PathBuf> {
        if let Some(server) = env::var_os(SERVER).filter(|server| !server.is_empty()) {
            return Some(server.into());
        }
        let path = env::var_os("PATH")?;
        let folders: Vec<_> = env::split_paths(&path).collect();
        ["valkey-server", "redis-server"]
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|file| file.is_file())
    }

    /// The URL of the first node.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr(0))
    }

    /// The URLs of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.addrs().map(|addr| format!("redis://{addr}")).collect()
    }

    /// The addresses of all nodes: the primaries first, as the cluster was made.
    pub fn addrs(&self) -> impl Iterator<Item = NodeAddr> {
        self.nodes.iter().map(Process::addr)
    }

    /// The address of a node.
    ///
    /// # Panics
    ///
    /// If there is no such node; so do all methods that take the index of one.
    pub fn addr(&self, node: usize) -> NodeAddr {
        self.nodes[node].addr()
    }

    /// The index of the node with this address.
    pub fn index_of(&self, addr: &NodeAddr) -> Option<usize> {
        self.addrs().position(|each| each == *addr)
    }

    /// Stops a node without ending it, as a machine that hangs would (SIGSTOP).
    ///
    /// # Errors
    ///
    /// If the process is gone; so for all faults.
    pub fn pause(&self, node: usize) -> Result<(), Error> {
        self.nodes[node]
            .signal("STOP")
            .map_err(|error| failed("pause a node", error))
    }

    /// Lets a paused node go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// As [`pause`](LocalCluster::pause).
    pub fn resume(&self, node: usize) -> Result<(), Error> {
        self.nodes[node]
            .signal("CONT")
            .map_err(|error| failed("resume a node", error))
    }

    /// Ends a node as a crash would (SIGKILL).
    ///
    /// # Errors
    ///
    /// As [`pause`](LocalCluster::pause).
    pub fn kill(&mut self, node: usize) -> Result<(), Error> {
        self.nodes[node]
            .kill()
            .map_err(|error| failed("kill a node", error))
    }

    /// Starts a killed node again, on the same port.
    ///
    /// # Errors
    ///
    /// If the server program cannot be started.
    pub fn restart(&mut self, node: usize) -> Result<(), Error> {
        self.nodes[node]
            .restart()
            .map_err(|error| failed("restart a node", error))
    }

    /// Sends a command to a node over a connection of its own, and converts the reply.
    ///
    /// # Errors
    ///
    /// If the node cannot be reached, or answers with an error.
    pub async fn query<T: FromValue>(&self, node: usize, command: Command) -> Result<T, Error> {
        query(self.addr(node), command).await
    }

    /// Waits until all nodes agree: every slot served, no node failing, all replicas in step. A node that was
    /// killed has to be restarted for that.
    ///
    /// # Errors
    ///
    /// If they do not within a minute.
    pub async fn settled(&self) -> Result<(), Error> {
        eventually("the nodes of the cluster do not agree", async || {
            let mut views = Vec::new();
            for node in 0..self.nodes.len() {
                let info: String = self.query(node, cmd("CLUSTER").arg("INFO")).await.ok()?;
                let replication: String = self
                    .query(node, cmd("INFO").arg("replication"))
                    .await
                    .ok()?;
                let nodes: String = self.query(node, cmd("CLUSTER").arg("NODES")).await.ok()?;
                let is_settled = info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_ok:16384")
                    && !replication.contains("master_link_status:down")
                    && !nodes.contains("fail")
                    && !nodes.contains("handshake")
                    && nodes.lines().count() == self.nodes.len();
                if !is_settled {
                    return None;
                }
                views.push(agreed_part(&nodes));
            }
            views.iter().all(|view| *view == views[0]).then_some(())
        })
        .await
    }
}

impl LocalClusterBuilder {
    /// How many primaries; 3 unless set.
    #[must_use]
    pub fn primaries(mut self, primaries: usize) -> Self {
        self.primaries = primaries.max(1);
        self
    }

    /// How many replicas each primary has; 0 unless set.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// How long a node may be silent before the others call it failed; the server's default of 15 seconds
    /// unless set.
    #[must_use]
    pub fn node_timeout(self, timeout: Duration) -> Self {
        self.option("--cluster-node-timeout", timeout.as_millis().to_string())
    }

    /// An option for every server, such as `--requirepass`.
    #[must_use]
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.extend([name.into(), value.into()]);
        self
    }

    /// Starts the processes, makes a cluster of them, and waits until they agree.
    ///
    /// # Errors
    ///
    /// If a server does not start, with the end of its log, or if they do not agree within a minute.
    pub async fn start(self) -> Result<LocalCluster, Error> {
        let count = self.primaries * (1 + self.replicas);
        let folder = new_folder().map_err(|error| failed("make a folder", error))?;
        let mut cluster = LocalCluster {
            nodes: Vec::new(),
            folder,
        };
        for index in 0..count {
            let node = start_node(&self.server, &cluster.folder, index, &self.options).await?;
            cluster.nodes.push(node);
        }
        cluster.introduce(self.primaries).await?;
        for replica in self.primaries..count {
            let primary: String = cluster
                .query(replica % self.primaries, cmd("CLUSTER").arg("MYID"))
                .await?;
            // Refused until the replica has heard of its primary.
            eventually("a replica does not find its primary", async || {
                let command = cmd("CLUSTER").arg("REPLICATE").arg(&primary);
                cluster.query::<()>(replica, command).await.ok()
            })
            .await?;
        }
        cluster.settled().await?;
        Ok(cluster)
    }
}

impl LocalCluster {
    /// Gives the primaries their slots, and makes all nodes known to each other.
    async fn introduce(&self, primaries: usize) -> Result<(), Error> {
        for primary in 0..primaries {
            let slots = primary * 16384 / primaries..(primary + 1) * 16384 / primaries;
            let epoch = cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(primary + 1);
            self.query::<()>(primary, epoch).await?;
            let slots = cmd("CLUSTER")
                .arg("ADDSLOTS")
                .arg(slots.collect::<Vec<_>>());
            self.query::<()>(primary, slots).await?;
        }
        for addr in self.addrs().skip(1) {
            let meet = cmd("CLUSTER").arg("MEET").arg(addr.host()).arg(addr.port());
            self.query::<()>(0, meet).await?;
        }
        Ok(())
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.nodes.clear();
        // What is left over is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn start_node(
    server: &Path,
    folder: &Path,
    index: usize,
    options: &[String],
) -> Result<Process, Error> {
    let what = format!("start {}", server.display());
    let mut node =
        Process::start(server, folder, index, options).map_err(|error| failed(&what, error))?;
    let addr = node.addr();
    let answers = eventually("a server does not answer", async || {
        if node.has_ended() {
            return Some(false);
        }
        query::<Value>(addr.clone(), cmd("PING"))
            .await
            .ok()
            .map(|_| true)
    })
    .await?;
    match answers {
        true => Ok(node),
        false => Err(failed(&what, io::Error::other(node.log()))),
    }
}

/// Over a connection of its own, so that nothing is left behind.
async fn query<T: FromValue>(addr: NodeAddr, command: Command) -> Result<T, Error> {
    let exchange = async {
        let mut connector = Connector::new(ConnectConfig::default());
        let mut connection: Connection = connector.ready().await?.call(addr.clone()).await?;
        connection.ready().await?.call(command).await
    };
    let value = tokio::time::timeout(Duration::from_secs(5), exchange)
        .await
        .unwrap_or_else(|_| Err(Error::not_sent(ErrorKind::Timeout, "no reply within 5 s")))
        .map_err(|error| error.with_node(addr))?;
    match value {
        Value::Error(error) => Err(Error::server(error)),
        value => Ok(T::from_value(value)?),
    }
}

/// Asks until there is an answer.
async fn eventually<T>(
    what: &'static str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if start.elapsed() >= PATIENCE {
            return Err(Error::not_sent(
                ErrorKind::Timeout,
                format!("{what} after {PATIENCE:?}"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Of `CLUSTER NODES`, what all nodes must say alike: ids, roles and slots.
fn agreed_part(nodes: &str) -> Vec<String> {
    let mut lines: Vec<_> = nodes
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            let field = |index| fields.get(index).copied().unwrap_or_default();
            let slots = fields.get(8..).unwrap_or_default().join(" ");
            format!(
                "{} {} {} {slots}",
                field(0),
                field(2).replace("myself,", ""),
                field(3)
            )
        })
        .collect();
    lines.sort();
    lines
}

fn new_folder() -> io::Result<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-redis-cluster-{}-{count}", std::process::id());
        let folder = env::temp_dir().join(name);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            // Left by a process that was killed: its servers' state must not become ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::not_sent(ErrorKind::Config, format!("could not {what}")).with_source(error)
}
