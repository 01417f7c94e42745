//! A make-service whose nodes follow a script.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tower::{BoxError, Layer, Service, ServiceExt};

use crate::addr::NodeAddr;
use crate::command::{Command, Outcome, Slot, Target, cmd};
use crate::error::Error;
use crate::metrics::{Counters, Metrics};
use crate::route::{Route, RouteLayer};
use crate::value::{ServerError, Value};

/// All nodes have this host and differ by port.
pub(super) const HOST: &str = "10.0.0.1";

pub(super) fn addr(port: u16) -> NodeAddr {
    NodeAddr::new(HOST, port)
}

pub(super) fn slot(number: u16) -> Slot {
    Slot::new(number).expect("below 16384")
}

/// A command for this slot.
pub(super) fn to(number: u16) -> Command {
    cmd("TEST").target(Target::Slot(slot(number)))
}

/// A command for this slot that scripts know by its label, for pipelines.
pub(super) fn part(number: u16, label: &str) -> Command {
    to(number).arg(label)
}

fn label_of(command: &Command) -> String {
    let label = command.args().nth(1).unwrap_or_default();
    String::from_utf8_lossy(label).into_owned()
}

pub(super) fn error(line: impl Into<String>) -> Value {
    Value::Error(ServerError::new(line.into()))
}

pub(super) fn ok() -> Value {
    Value::SimpleString("OK".into())
}

/// An answer to `CLUSTER SLOTS`: first slot, last slot, port of the primary.
pub(super) fn slots(ranges: &[(u16, u16, u16)]) -> Value {
    let ranges = ranges.iter().map(|&(from, to, port)| {
        let node = vec![Value::BulkString(HOST.into()), Value::Integer(port.into())];
        Value::Array(vec![
            Value::Integer(from.into()),
            Value::Integer(to.into()),
            Value::Array(node),
        ])
    });
    Value::Array(ranges.collect())
}

/// What a node does with a command.
pub(super) enum Act {
    Reply(Value),
    ReplyAfter(Duration, Value),
    Fail(Error),
    FailAfter(Duration, Error),
    /// Fails a unit, of whose commands this is known.
    FailInPart(Vec<Outcome>, Error),
    /// Fails when it is polled once more, as a connection does past the deadline.
    FailPolledAgain(Error),
    Hang,
    /// Panics as it is called.
    Panic,
}

/// What a node does when it is dialled.
#[derive(Clone, Default)]
pub(super) enum Make {
    #[default]
    Connect,
    Refuse,
    Hang,
}

/// The script of one node. By default it connects, answers `OK` to commands, and hangs when asked for its view.
#[derive(Default)]
pub(super) struct Peer {
    pub(super) make: Make,
    /// How many times its service is finished when its readiness is asked for.
    pub(super) finished: usize,
    /// Its service is never ready.
    pub(super) never_ready: bool,
    /// The answer to `CLUSTER SLOTS`, and how long it takes.
    pub(super) view: Option<Value>,
    pub(super) view_takes: Duration,
    /// The answer to `CLUSTER INFO`; by default it is refused.
    pub(super) info: Option<&'static str>,
    /// What it does with the next commands.
    pub(super) acts: VecDeque<Act>,
    pub(super) made: usize,
    pub(super) asked: usize,
    /// Commands called, and whether each was asking.
    pub(super) called: Vec<bool>,
    /// What it answers next to commands with a label; `OK` is the rule.
    pub(super) replies: BTreeMap<String, VecDeque<Value>>,
    /// The labels of each call's commands, behind `ASKING` for those that were.
    pub(super) units: Vec<Vec<String>>,
}

impl Peer {
    /// The default answer to one command.
    fn reply(&mut self, command: &Command) -> Value {
        let replies = self.replies.get_mut(&label_of(command));
        replies.and_then(VecDeque::pop_front).unwrap_or_else(ok)
    }

    fn answer(&mut self, command: &Command) -> Value {
        let Some(batch) = command.batch() else {
            return self.reply(command);
        };
        Value::Array(
            batch
                .commands()
                .iter()
                .map(|part| self.reply(part))
                .collect(),
        )
    }
}

/// A layer with the node at port 1 for a seed.
pub(super) fn seeded() -> RouteLayer {
    RouteLayer::from_addrs([addr(1)])
}

/// The make-service.
#[derive(Clone, Default)]
pub(super) struct Script {
    peers: Arc<Mutex<BTreeMap<u16, Peer>>>,
}

impl Script {
    /// Nodes at these ports that all answer with this view.
    pub(super) fn agreeing(ports: &[u16], ranges: &[(u16, u16, u16)]) -> Self {
        let script = Self::default();
        for port in ports {
            script.with(*port, |peer| peer.view = Some(slots(ranges)));
        }
        script
    }

    /// Looks at, or changes, the script of a node.
    pub(super) fn with<T>(&self, port: u16, change: impl FnOnce(&mut Peer) -> T) -> T {
        change(self.peers.lock().entry(port).or_default())
    }

    pub(super) fn reply(&self, port: u16, reply: Value) {
        self.with(port, |peer| peer.acts.push_back(Act::Reply(reply)));
    }

    /// Has the node answer a labelled command like this once.
    pub(super) fn reply_to(&self, port: u16, label: &str, reply: Value) {
        self.with(port, |peer| {
            peer.replies
                .entry(label.to_owned())
                .or_default()
                .push_back(reply)
        });
    }

    /// The units a node got, as labels with spaces in between.
    pub(super) fn units(&self, port: u16) -> Vec<String> {
        self.with(port, |peer| {
            peer.units.iter().map(|unit| unit.join(" ")).collect()
        })
    }

    pub(super) fn made(&self, port: u16) -> usize {
        self.with(port, |peer| peer.made)
    }

    pub(super) fn calls(&self, port: u16) -> usize {
        self.with(port, |peer| peer.called.len())
    }

    /// How many times its view was asked for.
    pub(super) fn asked(&self, port: u16) -> usize {
        self.with(port, |peer| peer.asked)
    }

    /// How many clones of the make-service there are.
    pub(super) fn clones(&self) -> usize {
        Arc::strong_count(&self.peers)
    }

    pub(super) fn layer(&self, layer: RouteLayer) -> Cluster {
        let counters = Counters::new();
        let layer = layer.counters(counters.clone());
        Cluster {
            route: layer.layer(self.clone()),
            counters,
        }
    }

    /// A route with the node at port 1 for a seed.
    pub(super) fn route(&self) -> Cluster {
        self.layer(seeded().keep_services(true))
    }

    /// As [`route`](Script::route), with its topology discovered.
    pub(super) async fn discovered(&self) -> Cluster {
        let cluster = self.route();
        cluster.route.discovered().await.expect("a topology");
        cluster
    }
}

/// A route and its counters.
pub(super) struct Cluster {
    pub(super) route: Route<Script>,
    pub(super) counters: Counters,
}

impl Cluster {
    pub(super) async fn send(&self, command: Command) -> Result<Value, Error> {
        self.route.clone().oneshot(command).await
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }

    pub(super) fn primary(&self, number: u16) -> Option<u16> {
        let topology = self.route.topology()?;
        topology.primary(slot(number)).map(NodeAddr::port)
    }
}

impl Service<NodeAddr> for Script {
    type Response = Node;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Node, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        let make = self.with(addr.port(), |peer| {
            peer.made += 1;
            peer.make.clone()
        });
        let node = Node {
            script: self.clone(),
            port: addr.port(),
            is_ready: false,
        };
        Box::pin(async move {
            match make {
                Make::Connect => Ok(node),
                Make::Refuse => Err("connection refused".into()),
                Make::Hang => pending().await,
            }
        })
    }
}

/// The service of one node.
pub(super) struct Node {
    script: Script,
    port: u16,
    is_ready: bool,
}

impl Service<Command> for Node {
    type Response = Value;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.script.clone().with(self.port, |peer| {
            if peer.never_ready {
                return Poll::Pending;
            }
            if peer.finished > 0 {
                peer.finished -= 1;
                return Poll::Ready(Err("finished".into()));
            }
            self.is_ready = true;
            Poll::Ready(Ok(()))
        })
    }

    fn call(&mut self, command: Command) -> Self::Future {
        assert!(
            std::mem::take(&mut self.is_ready),
            "called before it was ready"
        );
        let is_question = command.args().next() == Some(b"CLUSTER");
        let is_info = is_question && command.args().nth(1) == Some(b"INFO");
        let (act, delay) = self.script.with(self.port, |peer| {
            if is_info {
                let info = peer.info.map(|info| Value::BulkString(info.into()));
                let denied = || error("NOPERM this user has no permissions to run it");
                return (Act::Reply(info.unwrap_or_else(denied)), Duration::ZERO);
            }
            if is_question {
                peer.asked += 1;
                let act = peer.view.clone().map_or(Act::Hang, Act::Reply);
                return (act, peer.view_takes);
            }
            peer.called.push(command.is_asking());
            let commands = match command.batch() {
                Some(batch) => batch.commands(),
                None => std::slice::from_ref(&command),
            };
            let unit = commands.iter().map(|command| match command.is_asking() {
                true => format!("ASKING {}", label_of(command)),
                false => label_of(command),
            });
            peer.units.push(unit.collect());
            let act = peer.acts.pop_front();
            let act = act.unwrap_or_else(|| Act::Reply(peer.answer(&command)));
            (act, Duration::ZERO)
        });
        assert!(!matches!(act, Act::Panic), "as the script says");
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match act {
                Act::Reply(reply) => Ok(reply),
                Act::ReplyAfter(delay, reply) => {
                    tokio::time::sleep(delay).await;
                    Ok(reply)
                }
                Act::Fail(error) => Err(error.into()),
                Act::FailAfter(delay, error) => {
                    tokio::time::sleep(delay).await;
                    Err(error.into())
                }
                Act::FailInPart(outcomes, error) => {
                    command.batch().expect("a unit").record(outcomes);
                    Err(error.into())
                }
                Act::FailPolledAgain(error) => {
                    let mut is_first = true;
                    poll_fn(|_| match std::mem::take(&mut is_first) {
                        true => Poll::Pending,
                        false => Poll::Ready(()),
                    })
                    .await;
                    Err(error.into())
                }
                Act::Hang | Act::Panic => pending().await,
            }
        })
    }
}
