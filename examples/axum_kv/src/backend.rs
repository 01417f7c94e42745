//! A cluster to show the service with: of real servers where there are any, else inside this process.

use tower_redis_cluster::Error;
use tower_redis_cluster::testing::{FakeCluster, LocalCluster};

/// Ends when it is dropped.
pub(crate) enum Backend {
    Real(LocalCluster),
    InProcess(FakeCluster),
}

impl Backend {
    pub(crate) async fn start() -> Result<Self, Error> {
        if let Some(server) = LocalCluster::find_server() {
            println!("starting a cluster of three {}", server.display());
            let cluster = LocalCluster::builder(server).primaries(3).start().await?;
            return Ok(Self::Real(cluster));
        }
        println!(
            "no server found on the PATH or in REDIS_SERVER: starting a cluster in this process"
        );
        Ok(Self::InProcess(FakeCluster::start(3).await))
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        match self {
            Self::Real(cluster) => cluster.urls(),
            Self::InProcess(cluster) => cluster.urls(),
        }
    }

    /// Makes all nodes hang: they stay connected and answer nothing.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        match self {
            Self::Real(cluster) => {
                (0..cluster.urls().len()).try_for_each(|node| cluster.pause(node))
            }
            Self::InProcess(cluster) => {
                cluster.nodes().iter().for_each(|node| node.stall());
                Ok(())
            }
        }
    }

    /// Lets them go on.
    pub(crate) fn resume(&self) -> Result<(), Error> {
        match self {
            Self::Real(cluster) => {
                (0..cluster.urls().len()).try_for_each(|node| cluster.resume(node))
            }
            Self::InProcess(cluster) => {
                cluster.nodes().iter().for_each(|node| node.resume());
                Ok(())
            }
        }
    }
}
