//! Nodes that answer at once, and what connects to them.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tower::Service;
use tower_redis_cluster::{Command, Error, NodeAddr, Value};

/// The nodes of the cluster; each serves a third of the slots.
pub(crate) const NODES: [(&str, u16); 3] =
    [("10.0.0.1", 7000), ("10.0.0.2", 7000), ("10.0.0.3", 7000)];

/// A node that answers `OK`, and with the topology when it is asked for that.
#[derive(Clone)]
pub(crate) struct Node;

impl Service<Command> for Node {
    type Response = Value;
    type Error = Error;
    type Future = Ready<Result<Value, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        // By the table's entry, which is at hand: what the mock itself costs hides what the layers do.
        ready(Ok(match command.info() {
            Some(info) if info.name().starts_with("CLUSTER") => slots(),
            _ => Value::SimpleString("OK".into()),
        }))
    }
}

/// Connects to nodes at once.
#[derive(Clone)]
pub(crate) struct Connect;

impl Service<NodeAddr> for Connect {
    type Response = Node;
    type Error = Error;
    type Future = Ready<Result<Node, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: NodeAddr) -> Self::Future {
        ready(Ok(Node))
    }
}

pub(crate) fn addrs() -> impl Iterator<Item = NodeAddr> {
    NODES.iter().map(|&(host, port)| NodeAddr::new(host, port))
}

/// The answer to `CLUSTER SLOTS`.
fn slots() -> Value {
    let bounds = [(0, 5460), (5461, 10922), (10923, 16383)];
    let ranges = NODES.iter().zip(bounds).map(|(&(host, port), (from, to))| {
        let node = vec![Value::BulkString(host.into()), Value::Integer(port.into())];
        Value::Array(vec![
            Value::Integer(from),
            Value::Integer(to),
            Value::Array(node),
        ])
    });
    Value::Array(ranges.collect())
}
