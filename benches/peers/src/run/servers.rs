//! The cluster under load: three primaries on this machine, near or further away.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Cluster, cmd};

use super::distance::Distance;
use crate::dataset::Dataset;
use crate::peer::Failure;

const PRIMARIES: usize = 3;

/// How long the nodes may take to hear of each other's new ports.
const PATIENCE: Duration = Duration::from_secs(30);

/// Servers, which end with this.
pub(super) struct Servers {
    local: LocalCluster,
    /// What stands between, if anything.
    distance: Option<Distance>,
}

/// What the servers say of themselves, all together.
pub(super) struct Said {
    /// User and system time, in seconds.
    pub(super) cpu: f64,
    /// Connections of others.
    pub(super) connections: u64,
}

impl Servers {
    /// Servers right here.
    pub(super) async fn near() -> Result<Self, Failure> {
        let server = LocalCluster::find_server().ok_or("no redis-server or valkey-server found")?;
        let local = LocalCluster::builder(server)
            .primaries(PRIMARIES)
            .start()
            .await?;
        Ok(Self {
            local,
            distance: None,
        })
    }

    /// Servers that tell their clients to come through proxies, which delay.
    pub(super) async fn far() -> Result<Self, Failure> {
        let mut servers = Self::near().await?;
        let distance = Distance::start(&servers.own_addrs()?)?;
        for (node, port) in distance.ports().iter().enumerate() {
            let announce = cmd("CONFIG")
                .arg("SET")
                .arg("cluster-announce-port")
                .arg(*port);
            servers.local.query::<()>(node, announce).await?;
        }
        servers.wait_until_announced(distance.ports()).await?;
        servers.distance = Some(distance);
        Ok(servers)
    }

    /// Sets what is added to the round trip, in milliseconds, and gives what the round trip is then.
    pub(super) fn set_delay(&mut self, millis: u64) -> Result<Option<Duration>, Failure> {
        let Some(distance) = &mut self.distance else {
            return Ok(None);
        };
        distance.set(millis)?;
        distance.round_trip().map(Some)
    }

    /// Where clients find the nodes.
    pub(super) fn nodes(&self) -> Result<Vec<SocketAddr>, Failure> {
        let mut nodes = self.own_addrs()?;
        if let Some(distance) = &self.distance {
            for (node, port) in nodes.iter_mut().zip(distance.ports()) {
                node.set_port(*port);
            }
        }
        Ok(nodes)
    }

    /// Gives all keys their values.
    pub(super) async fn fill(&self, value_size: usize) -> Result<(), Failure> {
        let cluster = Cluster::builder(self.nodes()?.iter().map(SocketAddr::to_string));
        let cluster = cluster.timeout(PATIENCE).connect().await?;
        let data = Dataset::new(value_size);
        // Few enough at a time that the largest values need no patience.
        let at_a_time = ((16 << 20) / value_size).clamp(1, 1000);
        let indexes: Vec<_> = (0..data.len()).collect();
        for some in indexes.chunks(at_a_time) {
            let set = |index: &usize| cluster.set(data.key(*index), data.value(*index));
            try_join_all(some.iter().map(set)).await?;
        }
        Ok(())
    }

    pub(super) async fn said(&self) -> Result<Said, Failure> {
        let mut said = Said {
            cpu: 0.0,
            connections: 0,
        };
        for node in 0..PRIMARIES {
            let info: String = self.local.query(node, cmd("INFO").arg("all")).await?;
            let field = |name: &str| {
                let value = info
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                value.ok_or_else(|| format!("INFO has no {name}"))
            };
            said.cpu += field("used_cpu_sys")?.trim().parse::<f64>()?;
            said.cpu += field("used_cpu_user")?.trim().parse::<f64>()?;
            // Not the one that asks.
            said.connections += field("connected_clients")?.trim().parse::<u64>()? - 1;
        }
        Ok(said)
    }

    pub(super) async fn version(&self) -> Result<String, Failure> {
        let info: String = self.local.query(0, cmd("INFO").arg("server")).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        Ok(match field("valkey_version:") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", field("redis_version:").unwrap_or("?")),
        })
    }

    fn own_addrs(&self) -> Result<Vec<SocketAddr>, Failure> {
        let addrs = self.local.addrs();
        addrs.map(|addr| Ok(addr.to_string().parse()?)).collect()
    }

    /// Each node hears of the others' ports by gossip.
    async fn wait_until_announced(&self, ports: &[u16]) -> Result<(), Failure> {
        let start = Instant::now();
        for node in 0..PRIMARIES {
            loop {
                let nodes: String = self.local.query(node, cmd("CLUSTER").arg("NODES")).await?;
                if ports
                    .iter()
                    .all(|port| nodes.contains(&format!(":{port}@")))
                {
                    break;
                }
                if start.elapsed() > PATIENCE {
                    return Err("the servers do not announce the proxies' ports".into());
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }
}
