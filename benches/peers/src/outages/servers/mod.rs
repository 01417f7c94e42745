//! The cluster that fails: three primaries with a replica each, new for each trial.

mod counts;
mod node;
mod reply;
mod view;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_redis_cluster::testing::LocalCluster;

pub(super) use self::node::Node;
use self::watch::Watch;
use super::application::Shard;
use super::clock::Moment;
use crate::peer::Failure;

pub(super) const PRIMARIES: usize = 3;

/// The node that the fault is to.
pub(super) const AFFECTED: usize = 0;

/// Its replica.
pub(super) const SUCCESSOR: usize = PRIMARIES;

/// A node that sees it all.
pub(super) const WITNESS: usize = 1;

/// After so long a silence the nodes elect another primary.
pub(super) const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a node may take to count what came while it was stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Servers, which end with this.
pub(super) struct Servers {
    local: LocalCluster,
    nodes: Vec<Arc<Node>>,
    watches: Vec<Watch>,
}

impl Servers {
    /// With or without the servers' default that all of them refuse everything while one shard is not served.
    pub(super) async fn start(full_coverage: bool) -> Result<Self, Failure> {
        let server = LocalCluster::find_server().ok_or("no redis-server or valkey-server found")?;
        let local = LocalCluster::builder(server)
            .primaries(PRIMARIES)
            .replicas(1)
            .node_timeout(NODE_TIMEOUT)
            .option("--cluster-require-full-coverage", yes_or_no(full_coverage))
            .start()
            .await?;
        let mut nodes = Vec::new();
        for addr in local.addrs() {
            nodes.push(Arc::new(Node::connect(addr.to_string().parse()?).await?));
        }
        let watches = nodes.iter().cloned().map(Watch::start).collect();
        Ok(Self {
            local,
            nodes,
            watches,
        })
    }

    pub(super) fn addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.addr()).collect()
    }

    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Where tasks have their keys.
    pub(super) async fn shards(&self, all_affected: bool) -> Result<Vec<Shard>, Failure> {
        let view = self.nodes[WITNESS].view().await?;
        let primaries = self.nodes.iter().take(PRIMARIES).enumerate();
        let shards = primaries.map(|(index, node)| {
            Some(Shard {
                slots: view.slots(node.id())?,
                is_affected: all_affected || index == AFFECTED,
            })
        });
        let shards: Option<_> = shards.collect();
        Ok(shards.ok_or("a primary has no slots")?)
    }

    pub(super) fn stop(&self, node: usize) -> Result<(), Failure> {
        Ok(self.local.pause(node)?)
    }

    pub(super) fn kill(&mut self, node: usize) -> Result<(), Failure> {
        Ok(self.local.kill(node)?)
    }

    /// Lets a stopped node count what came meanwhile.
    pub(super) async fn resume(&self, node: usize) -> Result<(), Failure> {
        let start = Instant::now();
        self.local.resume(node)?;
        let resumed = Moment::now()?;
        while !self.watches[node].has_answered_since(resumed) && !self.watches[node].has_ended() {
            if start.elapsed() > PATIENCE {
                return Err("a node that goes on does not answer".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Connections that were opened since then, to all nodes.
    pub(super) fn connections_since(&self, then: Moment) -> u64 {
        let watches = self.watches.iter();
        watches.map(|watch| watch.connections_since(then)).sum()
    }

    /// Commands of clients that all nodes ran or refused from one time to another.
    pub(super) fn commands_between(&self, from: Moment, to: Moment) -> f64 {
        let watches = self.watches.iter();
        watches
            .map(|watch| watch.commands_at(to) - watch.commands_at(from))
            .sum()
    }

    pub(super) async fn version(&self) -> Result<String, Failure> {
        let info = self.nodes[WITNESS].ask(&["INFO", "server"]).await?.text()?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        Ok(match field("valkey_version:") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", field("redis_version:").unwrap_or("?")),
        })
    }
}

/// As servers have it in their configuration.
pub(super) fn yes_or_no(yes: bool) -> &'static str {
    match yes {
        true => "yes",
        false => "no",
    }
}
