//! The nodes that a command for several of them goes to.

use std::collections::HashSet;

use crate::addr::NodeAddr;
use crate::command::{Nodes, Slot, TopologyCell};
use crate::error::{Error, ErrorKind};
use crate::topology::Topology;

/// The nodes of a cluster, each once.
#[derive(Debug, Default)]
pub(crate) struct Members {
    primaries: Vec<NodeAddr>,
    all: Vec<NodeAddr>,
    /// How many slots have no primary.
    uncovered: u16,
}

impl Members {
    /// What a query for the topology was answered.
    ///
    /// # Errors
    ///
    /// If it was not answered.
    pub(crate) fn answered(cell: &TopologyCell) -> Result<Self, Error> {
        cell.get()
            .map(|topology| Self::of(topology))
            .ok_or_else(|| {
                Error::not_sent(
                    ErrorKind::Config,
                    "there is no `RouteLayer` below that would tell which nodes there are",
                )
            })
    }

    pub(super) fn of(topology: &Topology) -> Self {
        Self {
            primaries: once_each(topology.primaries()),
            all: once_each(topology.nodes().map(|node| node.addr())),
            uncovered: Slot::COUNT - topology.covered(),
        }
    }

    /// These nodes.
    pub(crate) fn of_kind(&self, nodes: Nodes) -> &[NodeAddr] {
        match nodes {
            Nodes::Primaries => &self.primaries,
            Nodes::All => &self.all,
        }
    }

    /// An error unless every slot has a primary: otherwise a part of the cluster would be missing, and nobody be told.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.uncovered {
            0 => Ok(()),
            uncovered => Err(Error::not_sent(
                ErrorKind::Topology,
                format!(
                    "{uncovered} slots have no known primary, so that not all of the cluster can be reached"
                ),
            )),
        }
    }
}

fn once_each<'a>(addrs: impl Iterator<Item = &'a NodeAddr>) -> Vec<NodeAddr> {
    // During a failover an address may come twice.
    let mut seen = HashSet::new();
    addrs.filter(|addr| seen.insert(*addr)).cloned().collect()
}
