//! Following the topology: the task that lets go of nodes that left.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::pool::Pool;
use crate::addr::NodeAddr;
use crate::task::OwnedTask;

/// The nodes that belong to the cluster, as told by whoever knows the topology.
pub(super) type Nodes = watch::Receiver<Arc<HashSet<NodeAddr>>>;

/// Nodes to follow, and the task that does.
pub(super) struct Departures {
    nodes: Option<Nodes>,
    task: OwnedTask,
}

impl Departures {
    pub(super) fn new(nodes: Option<Nodes>) -> Self {
        Self {
            nodes,
            task: OwnedTask::default(),
        }
    }

    pub(super) fn nodes(&self) -> Option<&Nodes> {
        self.nodes.as_ref()
    }

    /// Sees to it that the task runs, if there are nodes to follow.
    pub(super) fn follow<S: Send + Sync + 'static>(&self, pool: &Arc<Pool<S>>) {
        // An error means that nobody will ever tell of another change.
        if let Some(nodes) = &self.nodes
            && nodes.has_changed().is_ok()
        {
            self.task.ensure(&pool.settings.lifecycle, || {
                follow(nodes.clone(), Arc::downgrade(pool))
            });
        }
    }
}

async fn follow<S>(mut nodes: Nodes, pool: Weak<Pool<S>>) {
    while nodes.changed().await.is_ok() {
        // No cluster is without nodes; a view of it may be.
        let is_known = !nodes.borrow_and_update().is_empty();
        let Some(pool) = pool.upgrade() else { return };
        if is_known {
            // Looked up under the pool's lock: a node that is published before it is dialled, as redirects have it,
            // must not be judged by what was published earlier.
            pool.retain(|addr| nodes.borrow().contains(addr));
        }
    }
}
