//! One node: the handle, and what it is a handle to.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::client::Client;
use super::counts::Counts;
use super::faults::{Answer, Faults};
use super::listen::{Listening, Port};
use super::state::{Shared, random_id};
use crate::addr::NodeAddr;
use crate::value::{ServerError, Value};

/// A node of a [`FakeCluster`](super::FakeCluster): its faults and its counters. Cheap to clone.
///
/// Faults stay until they are undone, or [healed](super::FakeCluster::heal). A handle does not keep its cluster
/// alive: once that is dropped, the node is shut down for good.
#[derive(Clone, Debug)]
pub struct FakeNode {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
}

/// What a [`FakeNode`] is a handle to.
#[derive(Debug)]
pub(super) struct Node {
    /// Another one after each start.
    pub(super) run_id: String,
    pub(super) port: Option<Port>,
    /// None while connections are refused.
    pub(super) listening: Option<Listening>,
    /// The node is shut down.
    pub(super) is_down: bool,
    pub(super) faults: Faults,
    pub(super) counts: Counts,
    pub(super) clients: BTreeMap<u64, Client>,
    /// The sources of scripts, by their digests.
    pub(super) scripts: BTreeMap<String, Bytes>,
}

impl FakeNode {
    /// The position in the cluster: what [`FakeCluster::node`](super::FakeCluster::node) takes.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The address.
    pub fn addr(&self) -> NodeAddr {
        self.shared.lock().topology.member(self.index).addr.clone()
    }

    /// The identifier, as in `CLUSTER NODES`.
    pub fn id(&self) -> String {
        self.shared.lock().topology.member(self.index).id.clone()
    }

    /// True if the node is a primary now.
    pub fn is_primary(&self) -> bool {
        self.shared.lock().topology.member(self.index).is_primary
    }

    // ===== faults =====

    /// Stops reading and answering, as a process under `SIGSTOP` does. Connections are still accepted, as they are
    /// by the kernel then, and counted; nothing is read from them until [`resume`](FakeNode::resume).
    pub fn stall(&self) {
        let state = self.shared.lock();
        state.nodes[self.index].faults.stall.set(true);
    }

    /// Ends a [`stall`](FakeNode::stall): what has arrived meanwhile is answered.
    pub fn resume(&self) {
        let state = self.shared.lock();
        state.nodes[self.index].faults.stall.set(false);
    }

    /// Refuses new connections, or accepts them again. Connections that are open stay so.
    ///
    /// # Panics
    ///
    /// If the port cannot be listened on again, which only another process can bring about.
    pub fn refuse_connections(&self, refuse: bool) {
        let mut state = self.shared.lock();
        state.nodes[self.index].faults.refuses_connections = refuse;
        state.nodes[self.index]
            .apply(&self.shared, self.index)
            .expect("nobody else listens on a reserved port");
    }

    /// Sends each reply this long after its request was executed. Requests do not wait for each other: this is a
    /// longer way, not a slower server.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().nodes[self.index].faults.delay = delay;
    }

    /// Counts this many bytes of replies from now on, over all connections, and closes the connection that sends the
    /// last of them, be it in the middle of a reply. With 0, the next command is executed and not answered. It happens
    /// once.
    pub fn drop_after(&self, bytes: usize) {
        self.shared.lock().nodes[self.index]
            .faults
            .drop_after(bytes);
    }

    /// Closes all connections, as `CLIENT KILL` does.
    pub fn kill_connections(&self) {
        self.shared.lock().dismiss_all(self.index);
    }

    /// Ends the node as a process ends: connections are closed, new ones refused. Its keys are still there after a
    /// [`restart`](FakeNode::restart).
    ///
    /// The other nodes know at once, and do nothing about it until told, by
    /// [`FakeCluster::failover`](super::FakeCluster::failover).
    pub fn shutdown(&self) {
        let mut state = self.shared.lock();
        state.dismiss_all(self.index);
        let node = &mut state.nodes[self.index];
        node.is_down = true;
        node.listening = None;
    }

    /// Starts the node again on its old port, after a [`shutdown`](FakeNode::shutdown).
    ///
    /// # Panics
    ///
    /// As [`refuse_connections`](FakeNode::refuse_connections).
    pub fn restart(&self) {
        let mut state = self.shared.lock();
        if state.topology.member(self.index).is_removed {
            return;
        }
        let node = &mut state.nodes[self.index];
        if std::mem::take(&mut node.is_down) {
            node.run_id = random_id();
        }
        node.scripts.clear();
        node.apply(&self.shared, self.index)
            .expect("nobody else listens on a reserved port");
    }

    /// Answers the next `times` commands of this name with `reply`, in place of executing them. A name such as
    /// `CLUSTER` stands for all of its subcommands, `CLUSTER SLOTS` for one.
    ///
    /// It applies to handshakes too (`HELLO`, `CLIENT SETINFO`, `READONLY`, ...). Several rules for one command are used
    /// in the order in which they were given.
    pub fn answer(&self, name: &str, reply: Value, times: usize) {
        self.rule(name, Answer::Value(reply), times);
    }

    /// As [`answer`](FakeNode::answer), with bytes that need not be RESP.
    pub fn answer_bytes(&self, name: &str, reply: impl Into<Bytes>, times: usize) {
        self.rule(name, Answer::Raw(reply.into()), times);
    }

    fn rule(&self, name: &str, answer: Answer, times: usize) {
        let mut state = self.shared.lock();
        state.nodes[self.index].faults.answer(name, answer, times);
    }

    /// Refuses every command that has keys with this error, as a node does for as long as it is `LOADING` or its cluster
    /// is down; with `None`, executes them again. A transaction that such a command was meant for is discarded.
    pub fn refuse_commands(&self, error: impl Into<Option<ServerError>>) {
        self.shared.lock().nodes[self.index].faults.refusal = error.into();
    }

    /// Ends all faults of this node except [`shutdown`](FakeNode::shutdown).
    ///
    /// # Panics
    ///
    /// As [`refuse_connections`](FakeNode::refuse_connections).
    pub fn heal(&self) {
        self.shared.lock().nodes[self.index].faults.heal();
        self.refuse_connections(false);
    }

    // ===== counts =====

    /// How many connections have been accepted so far.
    pub fn connections_accepted(&self) -> u64 {
        self.shared.lock().nodes[self.index].counts.accepted
    }

    /// How many connections are open now.
    pub fn connections_open(&self) -> usize {
        self.shared.lock().nodes[self.index].clients.len()
    }

    /// How many commands of this name have arrived so far, whatever they were answered. A name such as `CLUSTER`
    /// stands for all of its subcommands, `CLUSTER SLOTS` for one.
    pub fn commands(&self, name: &str) -> u64 {
        self.shared.lock().nodes[self.index].counts.commands(name)
    }

    /// How many batches with commands of this name have arrived so far. What arrives on a connection while a reply is due
    /// there belongs to the same batch; with a [`delay`](FakeNode::delay), a reply is due for that long at least.
    ///
    /// The name is one command's, such as `CLUSTER SLOTS`.
    pub fn batches(&self, name: &str) -> u64 {
        self.shared.lock().nodes[self.index].counts.batches(name)
    }

    /// How many commands have arrived so far.
    pub fn commands_total(&self) -> u64 {
        self.shared.lock().nodes[self.index].counts.total()
    }

    /// The names of the last commands (up to 4096) over all connections, the newest last: `["ASKING", "GET"]`.
    pub fn recorded(&self) -> Vec<String> {
        self.shared.lock().nodes[self.index].counts.recorded()
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            run_id: random_id(),
            port: None,
            listening: None,
            is_down: false,
            faults: Faults::default(),
            counts: Counts::default(),
            clients: BTreeMap::new(),
            scripts: BTreeMap::new(),
        }
    }
}

impl Node {
    /// True if a client that connects now succeeds.
    pub(super) fn accepts(&self) -> bool {
        !self.is_down && !self.faults.refuses_connections
    }

    /// Opens or closes the listening socket, as the state demands.
    pub(super) fn apply(&mut self, shared: &Arc<Shared>, index: usize) -> io::Result<()> {
        if !self.accepts() {
            self.listening = None;
        } else if let (None, Some(port)) = (&self.listening, &self.port) {
            self.listening = Some(port.listen(shared, index)?);
        }
        Ok(())
    }
}
