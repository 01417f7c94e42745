//! Nodes that are no more than their role, their health and what is counted.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tower::Service;
use tower_redis_cluster::{
    Command, Delivery, Error, ErrorKind, NodeAddr, ServerError, Slot, Value,
};

use super::counts::Phase;

/// How long a refusal or an acceptance takes.
const DISTANCE: Duration = Duration::from_millis(1);

/// How long a node is silent before connections to it are suspect, and not ready.
const SUSPECT_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// Connections break, and new ones are refused.
    Dead,
    /// Nothing is refused, and nothing answered.
    Silent,
}

/// A cluster of which every primary has one replica: node `n + half` is that of node `n`.
pub struct Servers {
    addrs: Vec<NodeAddr>,
    lost: usize,
    state: Mutex<State>,
    /// Signalled when a node's health changes.
    changed: Notify,
}

struct State {
    nodes: Vec<Node>,
    /// The answer to `CLUSTER SLOTS`.
    view: Value,
    phase: Phase,
    phase_start: Instant,
    /// By client: a second, and the dials of the lost node in it.
    seconds: Vec<(u64, u32)>,
    promoted_at: Option<Instant>,
    /// When the last request began that was for the lost slots, came after the promotion and failed.
    last_failure: Option<Instant>,
}

struct Node {
    health: Health,
    since: Instant,
    is_primary: bool,
    /// Another one after each death, which ends all connections.
    life: u64,
}

impl Servers {
    pub fn new(count: usize, clients: usize, lost: usize) -> Self {
        let addr = |number| NodeAddr::new(format!("10.1.{}.{}", number / 250, number % 250), 6379);
        let node = |number| Node {
            health: Health::Well,
            since: Instant::now(),
            is_primary: number < count / 2,
            life: 0,
        };
        let mut state = State {
            nodes: (0..count).map(node).collect(),
            view: Value::Nil,
            phase: Phase::default(),
            phase_start: Instant::now(),
            seconds: vec![(0, 0); clients],
            promoted_at: None,
            last_failure: None,
        };
        let addrs: Vec<NodeAddr> = (0..count).map(addr).collect();
        state.phase.queries = vec![0; clients];
        state.view = state.view_of(&addrs);
        Self {
            addrs,
            lost,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub fn addr(&self, node: usize) -> NodeAddr {
        self.addrs[node].clone()
    }

    pub fn set(&self, node: usize, health: Health) {
        let mut state = self.lock();
        let node = &mut state.nodes[node];
        node.health = health;
        node.since = Instant::now();
        node.life += u64::from(health == Health::Dead);
        drop(state);
        self.changed.notify_waiters();
    }

    pub fn promote_replica_of(&self, node: usize) {
        let mut state = self.lock();
        let half = state.nodes.len() / 2;
        state.nodes[node].is_primary = false;
        state.nodes[node + half].is_primary = true;
        state.view = state.view_of(&self.addrs);
        state.promoted_at = Some(Instant::now());
    }

    /// True if the key is in a slot of the node that is lost.
    pub fn is_lost(&self, key: &str) -> bool {
        shard_of(Slot::of(key), self.addrs.len() / 2) == self.lost
    }

    /// A request for the slots of the node that is lost has failed.
    pub fn failed(&self, began: Instant) {
        let mut state = self.lock();
        if state.promoted_at.is_some_and(|at| began >= at) {
            state.last_failure = state.last_failure.max(Some(began));
        }
    }

    /// How long after the promotion requests still began that were to fail.
    pub fn recovery(&self) -> Duration {
        let state = self.lock();
        let times = state.last_failure.zip(state.promoted_at);
        times.map_or(Duration::ZERO, |(last, promoted)| last - promoted)
    }

    pub fn begin_phase(&self) {
        let mut state = self.lock();
        let clients = state.seconds.len();
        state.phase = Phase {
            queries: vec![0; clients],
            ..Phase::default()
        };
        state.phase_start = Instant::now();
        state.seconds = vec![(0, 0); clients];
    }

    pub fn end_phase(&self, name: &'static str, time: Duration) -> Phase {
        let phase = mem::take(&mut self.lock().phase);
        Phase {
            name,
            time,
            ..phase
        }
    }

    /// Connects a client to a node.
    pub async fn connect(self: Arc<Self>, client: usize, addr: NodeAddr) -> Result<Seat, Error> {
        let node = self.addrs.iter().position(|known| *known == addr);
        let node = node.expect("nobody tells of other nodes");
        self.lock().count_dial(client, node == self.lost);
        sleep(DISTANCE).await;
        self.answering(node).await;
        let life = {
            let state = self.lock();
            if state.nodes[node].health == Health::Dead {
                let error = Error::new(ErrorKind::Connect, "connection refused");
                return Err(error.with_node(addr));
            }
            state.nodes[node].life
        };
        Ok(Seat {
            servers: self,
            client,
            node,
            life,
            waiting: Mutex::default(),
        })
    }

    /// Waits until the node is not silent.
    async fn answering(&self, node: usize) {
        loop {
            let changed = self.changed.notified();
            if self.lock().nodes[node].health != Health::Silent {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics in here")
    }
}

impl State {
    fn view_of(&self, addrs: &[NodeAddr]) -> Value {
        let half = addrs.len() / 2;
        let entry = |number: usize| {
            let addr = &addrs[number];
            let host = Value::BulkString(addr.host().to_owned().into());
            Value::Array(vec![host, Value::Integer(addr.port().into())])
        };
        let ranges = (0..half).map(|shard| {
            let slots = slots_of(shard, half);
            let (first, second) = match self.nodes[shard].is_primary {
                true => (shard, shard + half),
                false => (shard + half, shard),
            };
            Value::Array(vec![
                Value::Integer(slots.0),
                Value::Integer(slots.1),
                entry(first),
                entry(second),
            ])
        });
        Value::Array(ranges.collect())
    }

    fn count_dial(&mut self, client: usize, is_lost: bool) {
        if !is_lost {
            self.phase.other_dials += 1;
            return;
        }
        let second = self.phase_start.elapsed().as_secs();
        let index = usize::try_from(second).expect("a phase is short");
        if self.phase.dials.len() <= index {
            self.phase.dials.resize(index + 1, 0);
        }
        self.phase.dials[index] += 1;
        let (last, count) = &mut self.seconds[client];
        if *last != second {
            (*last, *count) = (second, 0);
        }
        *count += 1;
        self.phase.most_dials_per_second = self.phase.most_dials_per_second.max(*count);
    }
}

/// A client's connection.
pub struct Seat {
    servers: Arc<Servers>,
    client: usize,
    node: usize,
    life: u64,
    /// Set while it is suspect, and not ready. Behind a lock only to be `Sync`.
    waiting: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Clone for Seat {
    fn clone(&self) -> Self {
        Self {
            servers: Arc::clone(&self.servers),
            waiting: Mutex::default(),
            ..*self
        }
    }
}

impl Seat {
    fn closed(&self) -> Option<Error> {
        let is_over = self.servers.lock().nodes[self.node].life != self.life;
        is_over.then(|| {
            let error = Error::new(ErrorKind::Connection, "the connection is closed");
            error.with_node(self.servers.addr(self.node))
        })
    }

    fn is_suspect(&self) -> bool {
        let state = self.servers.lock();
        let node = &state.nodes[self.node];
        node.health == Health::Silent && node.since.elapsed() >= SUSPECT_AFTER
    }

    fn answer(&self, command: &Command) -> Value {
        let mut state = self.servers.lock();
        state.phase.requests += 1;
        let mut args = command.args();
        match (args.next(), args.next()) {
            (Some(b"CLUSTER"), Some(b"SLOTS")) => {
                state.phase.queries[self.client] += 1;
                return state.view.clone();
            }
            // It comes along with that question.
            (Some(b"CLUSTER"), _) => return Value::Error(ServerError::new("ERR not here")),
            _ => {}
        }
        let half = state.nodes.len() / 2;
        let slot = Slot::of(command.args().nth(1).unwrap_or_default());
        let shard = shard_of(slot, half);
        match [shard, shard + half]
            .iter()
            .find(|node| state.nodes[**node].is_primary)
        {
            Some(primary) if *primary != self.node => {
                let addr = &self.servers.addrs[*primary];
                Value::Error(ServerError::new(format!("MOVED {slot} {addr}")))
            }
            _ => Value::Nil,
        }
    }
}

impl Service<Command> for Seat {
    type Response = Value;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Value, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_suspect() {
            let (servers, node) = (Arc::clone(&self.servers), self.node);
            let waiting = self.waiting.get_mut().expect("nobody panics in here");
            let waiting = waiting
                .get_or_insert_with(|| Box::pin(async move { servers.answering(node).await }));
            std::task::ready!(waiting.as_mut().poll(cx));
        }
        self.waiting = Mutex::default();
        match self.closed() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            this.servers.answering(this.node).await;
            // As if it were some way: others go on meanwhile.
            yield_once().await;
            match this.closed() {
                Some(error) => Err(error.with_delivery(Delivery::Unknown)),
                None => Ok(this.answer(&command)),
            }
        })
    }
}

async fn yield_once() {
    let mut is_second = false;
    poll_fn(|cx| match mem::replace(&mut is_second, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

fn slots_of(shard: usize, shards: usize) -> (i64, i64) {
    let bound = |shard: usize| (shard * usize::from(Slot::COUNT) / shards) as i64;
    (bound(shard), bound(shard + 1) - 1)
}

fn shard_of(slot: Slot, shards: usize) -> usize {
    let slot = i64::from(slot.number());
    let is_its = |shard: &usize| {
        let (first, last) = slots_of(*shard, shards);
        (first..=last).contains(&slot)
    };
    (0..shards).find(is_its).expect("every slot has its shard")
}
