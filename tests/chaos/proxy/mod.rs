//! A proxy before each node, whose lines fail on demand.
//!
//! The client under test reaches every node through its proxy: [`Through`] is a layer at the connect seam that changes
//! addresses there, so that all above it, topology and redirects included, is as it would be without. Whoever plans
//! the faults goes to the servers directly.

mod line;
mod state;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::{Layer, Service};
use tower_redis_cluster::NodeAddr;

pub(crate) use self::state::Direction;
use self::state::State;

/// The proxies of all nodes, in the nodes' order. Their tasks end when this is dropped.
pub(crate) struct Proxies {
    each: Vec<watch::Sender<State>>,
    through: Through,
    _tasks: JoinSet<()>,
}

impl Proxies {
    pub(crate) async fn start(nodes: impl Iterator<Item = NodeAddr>) -> io::Result<Self> {
        let (mut each, mut reach, mut tasks) = (Vec::new(), HashMap::new(), JoinSet::new());
        for node in nodes {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            let (sender, state) = watch::channel(State::default());
            tasks.spawn(serve(listener, node.clone(), state));
            reach.insert(node, NodeAddr::new("127.0.0.1", port));
            each.push(sender);
        }
        Ok(Self {
            each,
            through: Through(Arc::new(reach)),
            _tasks: tasks,
        })
    }

    /// The layer that leads a client to the proxies.
    pub(crate) fn through(&self) -> Through {
        self.through.clone()
    }

    /// Closes all lines to a node.
    pub(crate) fn close(&self, node: usize) {
        self.each[node].send_modify(|state| state.closed += 1);
    }

    /// Ends one direction of all lines to a node; the other goes on.
    pub(crate) fn half_close(&self, node: usize, direction: Direction) {
        self.each[node].send_modify(|state| state.half_closed[direction as usize] += 1);
    }

    /// Has what is sent in this direction go no further, or go on: nothing is closed, and nothing is lost.
    pub(crate) fn hold(&self, node: usize, direction: Direction, holds: bool) {
        self.each[node].send_modify(|state| state.holds[direction as usize] = holds);
    }

    /// Has everything arrive this much later.
    pub(crate) fn delay(&self, node: usize, delay: Duration) {
        self.each[node].send_modify(|state| state.delay = delay);
    }

    /// Closes the line over which the node will have sent so many bytes more, counting those of all its lines.
    pub(crate) fn cut_after(&self, node: usize, bytes: usize) {
        self.each[node].send_modify(|state| state.budget.set(bytes));
    }

    /// Has new connections closed at once, or accepted again.
    pub(crate) fn refuse(&self, node: usize, refuses: bool) {
        self.each[node].send_modify(|state| state.refuses = refuses);
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        for each in &self.each {
            each.send_modify(State::heal);
        }
    }
}

/// Accepts lines to a node until it is dropped, which ends them.
async fn serve(listener: TcpListener, node: NodeAddr, state: watch::Receiver<State>) {
    let mut lines = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if !state.borrow().refuses {
                    lines.spawn(connect(client, node.clone(), state.clone()));
                }
            }
            Some(_) = lines.join_next() => {}
        }
    }
}

async fn connect(client: TcpStream, node: NodeAddr, state: watch::Receiver<State>) {
    // A node that is down closes the line, as a proxy cannot refuse what it has accepted.
    if let Ok(server) = TcpStream::connect((node.host(), node.port())).await {
        line::run(client, server, state).await;
    }
}

/// Has connections go to the proxies of their nodes.
#[derive(Clone, Debug)]
pub(crate) struct Through(Arc<HashMap<NodeAddr, NodeAddr>>);

impl<S> Layer<S> for Through {
    type Service = Reach<S>;

    fn layer(&self, inner: S) -> Reach<S> {
        Reach {
            inner,
            proxies: self.clone(),
        }
    }
}

/// The service of [`Through`].
#[derive(Clone, Debug)]
pub(crate) struct Reach<S> {
    inner: S,
    proxies: Through,
}

impl<S: Service<NodeAddr>> Service<NodeAddr> for Reach<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, node: NodeAddr) -> S::Future {
        let proxy = self.proxies.0.get(&node).cloned();
        self.inner.call(proxy.unwrap_or(node))
    }
}
