//! All that a fake cluster is, behind one lock.
//!
//! One lock for all nodes, not one per shard: a command then sees slots, migrations and keys of one moment, and a
//! slot moves with its keys at once, as seen by every client. Nothing is awaited while it is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::builder::Config;
use super::client::Client;
use super::commands::{Queued, reply};
use super::node::Node;
use super::store::Store;
use super::topology::Topology;
use crate::addr::NodeAddr;
use crate::value::Value;

/// What the cluster's handle and its tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Where the tasks run, so that nodes can be restarted from outside the runtime as well.
    pub(super) runtime: Handle,
}

impl Shared {
    pub(super) fn new(state: State, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            runtime,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The cluster: its nodes, who serves what, and the keys.
#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) topology: Topology,
    /// Indexed as the topology's members. A removed node stays here, shut down, so that indices stay valid.
    pub(super) nodes: Vec<Node>,
    /// Indexed by shard.
    pub(super) shards: Vec<Shard>,
    next_client: u64,
}

/// What the nodes of one shard have in common: replication is instant here.
#[derive(Debug)]
pub(super) struct Shard {
    /// Indexed by database.
    pub(super) stores: Vec<Store>,
    /// How many keys other shards have handed over.
    pub(super) arrivals: u64,
    /// In the order in which they are to be served.
    pub(super) blocked: Vec<Blocked>,
}

/// A client that waits for a key.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) node: usize,
    pub(super) client: u64,
    pub(super) command: Queued,
    pub(super) reply: oneshot::Sender<Value>,
}

/// The wall clock, driven by tokio's, so that a paused clock stops expiry too.
#[derive(Debug)]
pub(super) struct Clock {
    epoch: Instant,
    epoch_ms: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            epoch: Instant::now(),
            epoch_ms: since_1970.map_or(0, |time| time.as_millis() as u64),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.epoch_ms + self.epoch.elapsed().as_millis() as u64
    }

    /// Microseconds since 1970.
    pub(super) fn now_us(&self) -> u64 {
        self.epoch_ms * 1000 + self.epoch.elapsed().as_micros() as u64
    }
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            clock: Clock::start(),
            topology: Topology::default(),
            nodes: Vec::new(),
            shards: Vec::new(),
            next_client: 1,
        }
    }

    /// Adds a node to a shard, which is made if it is new; the first node of a shard is its primary.
    pub(super) fn add_node(&mut self, addr: NodeAddr, shard: usize) -> usize {
        if shard == self.shards.len() {
            let databases = self.config.databases.max(1);
            self.shards.push(Shard {
                stores: (0..databases).map(|_| Store::default()).collect(),
                arrivals: 0,
                blocked: Vec::new(),
            });
        }
        self.nodes.push(Node::default());
        self.topology.add(addr, shard)
    }

    /// Enters a client that has connected to a node, if the node still accepts connections.
    pub(super) fn admit(&mut self, node: usize, peer: String) -> Option<u64> {
        if !self.nodes[node].accepts() {
            return None;
        }
        let id = self.next_client;
        self.next_client += 1;
        let is_authenticated = self.config.users.is_empty();
        let client = Client::new(id, peer, is_authenticated);
        let node = &mut self.nodes[node];
        node.counts.accepted += 1;
        node.clients.insert(id, client);
        Some(id)
    }

    /// Forgets a client, which closes its connection.
    pub(super) fn dismiss(&mut self, node: usize, client: u64) {
        self.nodes[node].clients.remove(&client);
        self.unblock(client);
    }

    /// Takes a client out of the queues for keys.
    pub(super) fn unblock(&mut self, client: u64) {
        for shard in &mut self.shards {
            shard.blocked.retain(|blocked| blocked.client != client);
        }
    }

    /// Closes all connections of a node.
    pub(super) fn dismiss_all(&mut self, node: usize) {
        let clients: Vec<u64> = self.nodes[node].clients.keys().copied().collect();
        for client in clients {
            self.dismiss(node, client);
        }
    }

    /// Answers blocked clients whose node is no longer the one to wait at.
    pub(super) fn release_misplaced(&mut self) {
        for shard in 0..self.shards.len() {
            for blocked in std::mem::take(&mut self.shards[shard].blocked) {
                let member = self.topology.member(blocked.node);
                let reply = if !member.is_primary {
                    Some(Err(reply::error(
                        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
                    )))
                } else {
                    self.route(
                        blocked.node,
                        blocked.client,
                        std::slice::from_ref(&blocked.command),
                    )
                    .err()
                    .map(Err)
                };
                match reply {
                    Some(reply) => {
                        // The client may have left just now.
                        let _ = blocked.reply.send(reply::flatten(reply));
                    }
                    None => self.shards[shard].blocked.push(blocked),
                }
            }
        }
    }
}

/// A 40 digit identifier, as nodes have.
pub(super) fn random_id() -> String {
    // Not random to the letter: unique within the process, and the same in every run.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut seed = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut id = String::with_capacity(48);
    while id.len() < 40 {
        // splitmix64
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        id.push_str(&format!("{:016x}", mixed ^ (mixed >> 31)));
    }
    id.truncate(40);
    id
}
