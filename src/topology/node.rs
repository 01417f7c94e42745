//! Nodes and shards.

use std::sync::Arc;

use crate::addr::NodeAddr;

/// A longer identity or zone is not one that a server would have, and is not kept.
const MAX_NAME_LEN: usize = 255;

/// A primary and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    primary: Node,
    replicas: Vec<Node>,
}

impl Shard {
    pub(super) fn new(primary: Node) -> Self {
        Self {
            primary,
            replicas: Vec::new(),
        }
    }

    pub(super) fn with_replicas(mut self, replicas: Vec<Node>) -> Self {
        self.replicas = replicas;
        self
    }

    /// The node that takes writes.
    pub fn primary(&self) -> &Node {
        &self.primary
    }

    /// The nodes that copy the primary; of those, the ones that can be dialled.
    pub fn replicas(&self) -> &[Node] {
        &self.replicas
    }
}

/// A node, as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    addr: NodeAddr,
    id: Option<Arc<str>>,
    health: Health,
    availability_zone: Option<Arc<str>>,
    replication_offset: Option<i64>,
}

impl Node {
    pub(super) fn new(addr: NodeAddr) -> Self {
        Self {
            addr,
            id: None,
            health: Health::Online,
            availability_zone: None,
            replication_offset: None,
        }
    }

    pub(super) fn with_id(mut self, id: Option<&str>) -> Self {
        self.id = id.filter(|id| id.len() <= MAX_NAME_LEN).map(Arc::from);
        self
    }

    pub(super) fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    pub(super) fn with_availability_zone(mut self, zone: Option<&str>) -> Self {
        // Servers without a zone announce an empty one.
        self.availability_zone = zone
            .filter(|zone| !zone.is_empty() && zone.len() <= MAX_NAME_LEN)
            .map(Arc::from);
        self
    }

    pub(super) fn with_replication_offset(mut self, offset: Option<i64>) -> Self {
        self.replication_offset = offset;
        self
    }

    /// Where to reach it.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// Its identity within the cluster, which outlives changes of its address.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the cluster thinks of its health.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The zone it runs in, where the server says so.
    pub fn availability_zone(&self) -> Option<&str> {
        self.availability_zone.as_deref()
    }

    /// How many bytes of the replication stream it has; known from `CLUSTER SHARDS` only.
    pub fn replication_offset(&self) -> Option<i64> {
        self.replication_offset
    }
}

/// What the cluster thinks of a node's health. `CLUSTER SLOTS` does not tell; its nodes count as online.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// It serves.
    Online,
    /// It loads its data and answers `LOADING` until it is done.
    Loading,
    /// The cluster takes it for dead.
    Failed,
}
