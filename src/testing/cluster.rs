//! The cluster's handle.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::runtime::Handle;

use super::builder::{Config, FakeClusterBuilder};
use super::listen::Port;
use super::node::FakeNode;
use super::session;
use super::state::{Shared, State};
use crate::addr::NodeAddr;
use crate::command::Slot;

/// Bytes that an in-memory connection holds in each direction, as a socket's buffers do.
const DUPLEX_LEN: usize = 64 * 1024;

/// An in-process Redis Cluster on loopback sockets. See the [module docs](super).
///
/// Nodes have indices: primaries come first, 0 to `primaries - 1`, then the replicas of the first primary, of the
/// second and so on; nodes added later come last. An index stays a node's own, whatever its role becomes and whoever
/// is removed.
///
/// All changes of the topology are complete when the method returns, and every node knows of them.
///
/// Dropping it closes all connections and ends all tasks.
#[derive(Debug)]
#[must_use = "the cluster ends when this is dropped"]
pub struct FakeCluster {
    pub(super) shared: Arc<Shared>,
}

impl FakeCluster {
    /// Starts a cluster of so many primaries, with the slots dealt out evenly.
    ///
    /// # Panics
    ///
    /// As [`FakeClusterBuilder::start`], and if no socket can be opened.
    pub async fn start(primaries: usize) -> Self {
        let builder = Self::builder().primaries(primaries);
        builder.start().await.expect("127.0.0.1 has free ports")
    }

    /// For a cluster with replicas, passwords or other manners.
    pub fn builder() -> FakeClusterBuilder {
        FakeClusterBuilder::new()
    }

    pub(super) fn launch(primaries: usize, replicas: usize, config: Config) -> io::Result<Self> {
        let this = Self {
            shared: Shared::new(State::new(config), Handle::current()),
        };
        for shard in 0..primaries {
            this.launch_node(shard)?;
        }
        for shard in 0..primaries {
            for _ in 0..replicas {
                this.launch_node(shard)?;
            }
        }
        this.shared.lock().topology.deal();
        Ok(this)
    }

    fn launch_node(&self, shard: usize) -> io::Result<usize> {
        let mut state = self.shared.lock();
        let (port, addr) = if state.config.is_in_memory {
            let number = state.nodes.len() + 1;
            let host = format!("10.0.{}.{}", number / 256, number % 256);
            (None, NodeAddr::new(host, 6379))
        } else {
            let port = Port::reserve()?;
            let addr = NodeAddr::new("127.0.0.1", port.number());
            (Some(port), addr)
        };
        let index = state.add_node(addr, shard);
        state.nodes[index].port = port;
        state.nodes[index].apply(&self.shared, index)?;
        Ok(index)
    }

    /// The addresses of all nodes as URLs, `redis://127.0.0.1:40001`, in the order of their indices.
    pub fn urls(&self) -> Vec<String> {
        let addrs = self.addrs().into_iter();
        addrs.map(|addr| format!("redis://{addr}")).collect()
    }

    /// The addresses of all nodes, in the order of their indices.
    pub fn addrs(&self) -> Vec<NodeAddr> {
        let state = self.shared.lock();
        let members = state.topology.members();
        members.map(|(_, member)| member.addr.clone()).collect()
    }

    /// The node with this index.
    ///
    /// # Panics
    ///
    /// If there never was one.
    pub fn node(&self, index: usize) -> FakeNode {
        assert!(
            index < self.shared.lock().nodes.len(),
            "there is no node {index}"
        );
        FakeNode {
            shared: Arc::clone(&self.shared),
            index,
        }
    }

    /// The node with this address.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn node_at(&self, addr: &NodeAddr) -> FakeNode {
        match self.shared.find(addr) {
            Some(index) => self.node(index),
            None => panic!("there is no node at {addr}"),
        }
    }

    /// All nodes that have not been removed.
    pub fn nodes(&self) -> Vec<FakeNode> {
        let state = self.shared.lock();
        let members = state.topology.members();
        members
            .map(|(index, _)| FakeNode {
                shared: Arc::clone(&self.shared),
                index,
            })
            .collect()
    }

    /// The index of the primary that serves this slot; `None` if nobody does.
    pub fn owner(&self, slot: Slot) -> Option<usize> {
        let state = self.shared.lock();
        state.topology.primary_of(state.topology.owner(slot)?)
    }

    /// A connection to a node without sockets, for tests under a paused clock, where nothing must depend on when the
    /// kernel delivers. It counts as a connection, and meets the same faults.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if the node refuses connections, is shut down or does not exist.
    pub fn duplex(&self, addr: &NodeAddr) -> io::Result<DuplexStream> {
        self.shared.duplex(addr)
    }

    /// Has a node serve a client over this stream, the node's end of a connection: for networks of a test's own making.
    /// Otherwise as [`duplex`](FakeCluster::duplex).
    ///
    /// # Errors
    ///
    /// As [`duplex`](FakeCluster::duplex). The stream is dropped then.
    pub fn serve<S>(&self, addr: &NodeAddr, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        self.shared.serve(addr, stream)
    }

    // ===== topology =====

    /// Moves a slot with its keys to the shard of node `to`, at once. Clients that ask the old primary are answered
    /// `MOVED` from then on.
    ///
    /// # Panics
    ///
    /// If there is no node `to`.
    pub fn migrate_slot(&self, slot: Slot, to: usize) {
        let mut state = self.shared.lock();
        let shard = state.topology.member(to).shard;
        state.move_slot(slot, shard);
        state.release_misplaced();
    }

    /// Begins to move a slot to the shard of node `to`. Its keys stay until [`move_key`](FakeCluster::move_key) takes
    /// them over one by one.
    ///
    /// Until [`finish_migration`](FakeCluster::finish_migration), the old primary answers `ASK` for keys it does not
    /// have (any more), and `TRYAGAIN` for several keys of which it has only some; the new one serves the slot's keys to
    /// clients that sent `ASKING`.
    ///
    /// # Panics
    ///
    /// If nobody serves the slot, or there is no node `to`, or the shard of node `to` serves the slot already.
    pub fn begin_migration(&self, slot: Slot, to: usize) {
        let mut state = self.shared.lock();
        let shard = state.topology.member(to).shard;
        let owner = state.topology.owner(slot).expect("a slot that is served");
        assert_ne!(owner, shard, "the slot is there already");
        state.topology.begin_migration(slot, shard);
        state.release_misplaced();
    }

    /// Moves one key of a slot under migration to its new shard. Returns false if the old one does not have it.
    ///
    /// # Panics
    ///
    /// If the key's slot is not under migration.
    pub fn move_key(&self, key: impl AsRef<[u8]>) -> bool {
        let slot = Slot::of(&key);
        let mut state = self.shared.lock();
        let (from, to) = state.under_migration(slot);
        state.move_key(key.as_ref(), from, to)
    }

    /// Completes a migration: the keys that are left move, and the old primary answers `MOVED`.
    ///
    /// # Panics
    ///
    /// If the slot is not under migration.
    pub fn finish_migration(&self, slot: Slot) {
        let mut state = self.shared.lock();
        let (_, to) = state.under_migration(slot);
        state.move_slot(slot, to);
        state.release_misplaced();
    }

    /// Makes nobody serve a slot, and forgets its keys: clients are answered `CLUSTERDOWN`.
    /// [`migrate_slot`](FakeCluster::migrate_slot) ends that.
    pub fn unassign_slot(&self, slot: Slot) {
        let mut state = self.shared.lock();
        if let Some(owner) = state.topology.owner(slot) {
            for store in &mut state.shards[owner].stores {
                store.remove_slot(slot);
            }
        }
        state.topology.set_owner(slot, None);
        state.release_misplaced();
    }

    /// Makes a replica the primary of its shard: node `index` if it is a replica, otherwise its first replica that is up
    /// (or down, if none is up). The old primary becomes a replica, and answers `MOVED` if it is up. Returns the new primary's index.
    ///
    /// # Panics
    ///
    /// If there is no such node, or the shard has no replica.
    pub fn failover(&self, index: usize) -> usize {
        let mut state = self.shared.lock();
        let new = state.failover(index).expect("a shard with a replica");
        state.release_misplaced();
        new
    }

    /// Adds a primary without slots, and returns its index.
    ///
    /// # Panics
    ///
    /// If no socket can be opened.
    pub fn add_node(&self) -> usize {
        let shard = self.shared.lock().shards.len();
        self.launch_node(shard).expect("127.0.0.1 has free ports")
    }

    /// Adds a replica to the shard of a node, and returns its index.
    ///
    /// # Panics
    ///
    /// If there is no node `of`, or no socket can be opened.
    pub fn add_replica(&self, of: usize) -> usize {
        let shard = self.shared.lock().topology.member(of).shard;
        self.launch_node(shard).expect("127.0.0.1 has free ports")
    }

    /// Shuts a node down and has the others forget it. If it is a primary, a replica takes over first; without
    /// replicas, the slots go to the remaining primaries with their keys.
    ///
    /// # Panics
    ///
    /// If it is the last primary, or there is no such node.
    pub fn remove_node(&self, index: usize) {
        let node = self.node(index);
        node.shutdown();
        let mut state = self.shared.lock();
        state.remove_node(index);
        state.release_misplaced();
    }

    // ===== all nodes =====

    /// Ends all faults of all nodes, and restarts those that were shut down.
    ///
    /// # Panics
    ///
    /// As [`FakeNode::refuse_connections`].
    pub fn heal(&self) {
        for node in self.nodes() {
            node.heal();
            node.restart();
        }
    }

    /// How many connections all nodes together have accepted so far, the removed included.
    pub fn connections_accepted(&self) -> u64 {
        let state = self.shared.lock();
        state.nodes.iter().map(|node| node.counts.accepted).sum()
    }

    /// How many connections are open now.
    pub fn connections_open(&self) -> usize {
        let state = self.shared.lock();
        state.nodes.iter().map(|node| node.clients.len()).sum()
    }

    /// How many commands of this name have arrived so far; see [`FakeNode::commands`].
    pub fn commands(&self, name: &str) -> u64 {
        let state = self.shared.lock();
        let nodes = state.nodes.iter();
        nodes.map(|node| node.counts.commands(name)).sum()
    }
}

impl Shared {
    fn find(&self, addr: &NodeAddr) -> Option<usize> {
        let state = self.lock();
        let mut members = state.topology.members();
        members
            .find(|(_, member)| member.addr == *addr)
            .map(|(index, _)| index)
    }

    pub(super) fn duplex(self: &Arc<Self>, addr: &NodeAddr) -> io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(DUPLEX_LEN);
        self.serve(addr, ours)?;
        Ok(theirs)
    }

    fn serve<S>(self: &Arc<Self>, addr: &NodeAddr, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let node = self.find(addr).ok_or(io::ErrorKind::ConnectionRefused)?;
        if !self.lock().nodes[node].accepts() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        session::spawn(self, node, "127.0.0.1:0".to_owned(), stream);
        Ok(())
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        for index in 0..state.nodes.len() {
            state.dismiss_all(index);
            let node = &mut state.nodes[index];
            node.is_down = true;
            node.listening = None;
            node.port = None;
            // Nothing is to wait for the end of a stall, nor to be restarted.
            node.faults.heal();
            state.topology.member_mut(index).is_removed = true;
        }
    }
}
