//! The question that [`Route`](crate::route::Route) answers by itself.

use std::sync::{Arc, OnceLock};

use super::Command;
use crate::topology::Topology;

/// Where a [`Route`](crate::route::Route) puts the topology that it was asked for.
pub(crate) type TopologyCell = OnceLock<Arc<Topology>>;

impl Command {
    /// Asks the stack's `Route` for its topology. It sends nothing, answers nil, and fills the cell.
    pub(crate) fn topology_query() -> (Self, Arc<TopologyCell>) {
        let cell = Arc::<TopologyCell>::default();
        let mut this = Self::with_info("TOPOLOGY", None).idempotent();
        this.extras_mut().topology = Some(Arc::clone(&cell));
        (this, cell)
    }

    /// As [`topology_query`](Command::topology_query), for one that was confirmed lately, or is now: by who must not
    /// miss a node that has just joined, and has no redirect to be told by.
    pub(crate) fn confirmed_topology_query() -> (Self, Arc<TopologyCell>) {
        let (mut this, cell) = Self::topology_query();
        this.extras_mut().wants_confirmed_topology = true;
        (this, cell)
    }

    /// True if this asks for a topology that was confirmed lately.
    pub(crate) fn wants_confirmed_topology(&self) -> bool {
        self.extras()
            .is_some_and(|extras| extras.wants_confirmed_topology)
    }

    /// Where the topology is to be put, if this asks for it.
    pub(crate) fn topology_cell(&self) -> Option<&TopologyCell> {
        self.extras()?.topology.as_deref()
    }
}
