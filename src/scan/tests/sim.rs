//! A cluster in memory that changes under the scan's feet: between any two of its commands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use fastrand::Rng;
use parking_lot::Mutex;
use tower::Service;

use super::super::slots::SlotSet;
use crate::addr::NodeAddr;
use crate::cluster::Cluster;
use crate::command::{Command, Slot, Target};
use crate::error::{Error, ErrorKind};
use crate::value::{ServerError, Value};

/// What may happen between two commands, as parts of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) migrations: u32,
    pub(super) aborted: u32,
    pub(super) atomic: u32,
    pub(super) restarts: u32,
    pub(super) failovers: u32,
}

#[derive(Clone)]
pub(super) struct Sim(Arc<Mutex<State>>);

struct State {
    rng: Rng,
    weather: Weather,
    nodes: Vec<Node>,
    /// The node that serves each slot.
    owners: Vec<usize>,
    /// What nodes believe of the others.
    gossip: Vec<usize>,
    /// Slots under migration, with their targets.
    open: BTreeMap<Slot, usize>,
    /// The slots that have keys.
    used: Vec<Slot>,
    next_port: u16,
    /// Set if cursors go round in circles, so many pages long.
    circle: Option<u64>,
    commands: HashMap<String, u64>,
}

struct Node {
    port: u16,
    run: u64,
    epoch: u64,
    arrivals: u64,
    is_up: bool,
    keys: BTreeMap<Slot, BTreeSet<Bytes>>,
}

impl Sim {
    /// Three nodes with these keys.
    pub(super) fn new(seed: u64, weather: Weather, keys: &[Bytes]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut used: Vec<_> = keys.iter().map(Slot::of).collect();
        used.sort_unstable();
        used.dedup();
        let mut nodes: Vec<_> = (0..3)
            .map(|index| Node {
                port: 7000 + index,
                run: rng.u64(..),
                epoch: u64::from(index) + 1,
                arrivals: 0,
                is_up: true,
                keys: BTreeMap::new(),
            })
            .collect();
        let owners: Vec<_> = (0..16384).map(|slot| slot * 3 / 16384).collect();
        for key in keys {
            let slot = Slot::of(key);
            let node = &mut nodes[owners[usize::from(slot.number())]];
            node.keys.entry(slot).or_default().insert(key.clone());
        }
        let state = State {
            rng,
            weather,
            nodes,
            gossip: owners.clone(),
            owners,
            open: BTreeMap::new(),
            used,
            next_port: 7003,
            circle: None,
            commands: HashMap::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn cluster(&self) -> Cluster<Self> {
        Cluster::new(self.clone())
    }

    pub(super) fn commands(&self, name: &str) -> u64 {
        let state = self.0.lock();
        state.commands.get(name).copied().unwrap_or_default()
    }

    /// From now on no pass comes to an end: cursors come again after so many pages, which are empty.
    pub(super) fn circle(&self, pages: u64) {
        self.0.lock().circle = Some(pages);
    }

    /// Ends all changes.
    pub(super) fn calm(&self) {
        let mut state = self.0.lock();
        while let Some(node) = state.nodes.iter().position(|node| !node.is_up) {
            state.fail_over(node);
        }
        state.weather = Weather::default();
    }

    /// Begins to move a slot, and leaves it so: half of its keys are at either end.
    pub(super) fn open(&self, slot: Slot) {
        let mut state = self.0.lock();
        let from = state.owner(slot);
        let to = (from + 1) % 3;
        state.open.insert(slot, to);
        let keys: Vec<_> = state.keys_of(from, slot);
        for key in keys.into_iter().step_by(2) {
            state.hand_over(&key, from, to);
        }
    }

    /// Calls the migration off that was opened first: the keys go back.
    pub(super) fn call_off(&self) {
        self.0.lock().abort();
    }

    /// Makes a node answer nothing, for good.
    pub(super) fn kill(&self, node: usize) {
        self.0.lock().nodes[node].is_up = false;
    }
}

impl State {
    fn owner(&self, slot: Slot) -> usize {
        self.owners[usize::from(slot.number())]
    }

    fn keys_of(&self, node: usize, slot: Slot) -> Vec<Bytes> {
        let keys = self.nodes[node].keys.get(&slot);
        keys.into_iter().flatten().cloned().collect()
    }

    fn carry(&mut self, key: &Bytes, from: usize, to: usize) -> bool {
        let slot = Slot::of(key);
        let keys = self.nodes[from].keys.get_mut(&slot);
        let is_there = keys.is_some_and(|keys| keys.remove(key));
        if is_there {
            let keys = self.nodes[to].keys.entry(slot);
            keys.or_default().insert(key.clone());
        }
        is_there
    }

    fn hand_over(&mut self, key: &Bytes, from: usize, to: usize) {
        if self.carry(key, from, to) {
            self.nodes[to].arrivals += 1;
        }
    }

    /// As servers do: not if the node's is the highest already.
    fn bump(&mut self, node: usize) {
        let highest = self.nodes.iter().map(|node| node.epoch).max().unwrap_or(0);
        let is_unique = self
            .nodes
            .iter()
            .filter(|node| node.epoch == highest)
            .count()
            == 1;
        if self.nodes[node].epoch != highest || !is_unique {
            self.nodes[node].epoch = highest + 1;
        }
    }

    fn happens(&mut self, part: u32) -> bool {
        self.rng.u32(..1000) < part
    }

    fn some_slot(&mut self) -> Slot {
        self.used[self.rng.usize(..self.used.len())]
    }

    /// What happens between two commands.
    fn live(&mut self) {
        let weather = self.weather;
        if self.happens(300) {
            self.gossip.clone_from(&self.owners);
        }
        if self.happens(weather.migrations) {
            self.migrate();
        }
        if self.happens(weather.aborted) {
            self.abort();
        }
        if self.happens(weather.atomic) {
            let (slot, to) = (self.some_slot(), self.rng.usize(..3));
            let from = self.owner(slot);
            if from != to && !self.open.contains_key(&slot) {
                for key in self.keys_of(from, slot) {
                    self.carry(&key, from, to);
                }
                self.give(slot, to);
            }
        }
        if self.happens(weather.restarts) {
            let node = self.rng.usize(..3);
            self.nodes[node].run = self.rng.u64(..);
            self.nodes[node].arrivals = 0;
        }
        if self.happens(weather.failovers) {
            let node = self.rng.usize(..3);
            self.nodes[node].is_up = false;
        }
        let is_elected = self.happens(100);
        if let Some(node) = self.nodes.iter().position(|node| !node.is_up)
            && weather.failovers > 0
            && is_elected
        {
            self.fail_over(node);
        }
    }

    /// A step of a migration: one begins, a key moves, or all the rest.
    fn migrate(&mut self) {
        let open: Vec<_> = self.open.iter().map(|(slot, to)| (*slot, *to)).collect();
        if open.is_empty() || self.happens(300) {
            let (slot, to) = (self.some_slot(), self.rng.usize(..3));
            if self.owner(slot) != to && !self.open.contains_key(&slot) {
                self.open.insert(slot, to);
            }
            return;
        }
        let (slot, to) = open[self.rng.usize(..open.len())];
        let from = self.owner(slot);
        let keys = self.keys_of(from, slot);
        match keys.first() {
            Some(key) if self.happens(500) => self.hand_over(key, from, to),
            _ => {
                for key in keys {
                    self.hand_over(&key, from, to);
                }
                self.open.remove(&slot);
                self.give(slot, to);
            }
        }
    }

    fn give(&mut self, slot: Slot, to: usize) {
        self.owners[usize::from(slot.number())] = to;
        self.bump(to);
    }

    /// A migration is called off: what has left comes back.
    fn abort(&mut self) {
        let Some((slot, to)) = self.open.pop_first() else {
            return;
        };
        let from = self.owner(slot);
        for key in self.keys_of(to, slot) {
            self.hand_over(&key, to, from);
        }
    }

    /// The replica of a dead node takes its place.
    fn fail_over(&mut self, node: usize) {
        let highest = self.nodes.iter().map(|node| node.epoch).max().unwrap_or(0);
        let (port, run) = (self.next_port, self.rng.u64(..));
        self.next_port += 1;
        let heir = &mut self.nodes[node];
        (heir.port, heir.run, heir.epoch) = (port, run, highest + 1);
        (heir.arrivals, heir.is_up) = (0, true);
        // Which replicas do not know of, in older servers.
        let owners = &self.owners;
        self.open
            .retain(|slot, to| *to != node && owners[usize::from(slot.number())] != node);
        // Nobody is left to ask for what was on its way: those who call off a migration bring it back first.
        for slot in self.used.clone() {
            let owner = self.owner(slot);
            for from in 0..3 {
                if from != owner && self.open.get(&slot) != Some(&from) {
                    for key in self.keys_of(from, slot) {
                        self.hand_over(&key, from, owner);
                    }
                }
            }
        }
    }

    // ===== commands =====

    fn answer(&mut self, command: &Command) -> Result<Value, Error> {
        self.live();
        *self
            .commands
            .entry(command.name().into_owned())
            .or_default() += 1;
        let node = match command.explicit_target() {
            Some(Target::Node(addr)) => {
                let known = self.nodes.iter().position(|node| node.port == addr.port());
                known.ok_or_else(|| unreachable(addr.clone()))?
            }
            _ => self.rng.usize(..3),
        };
        if !self.nodes[node].is_up {
            return Err(unreachable(NodeAddr::new(
                "10.0.0.1",
                self.nodes[node].port,
            )));
        }
        match command.batch() {
            Some(batch) => {
                let replies = batch.commands().iter();
                let replies = replies.map(|command| self.run(node, command));
                Ok(Value::Array(replies.collect()))
            }
            None => Ok(self.run(node, command)),
        }
    }

    fn run(&mut self, node: usize, command: &Command) -> Value {
        let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        let slot = |index: usize| {
            args[index]
                .parse()
                .ok()
                .and_then(Slot::new)
                .expect("a slot")
        };
        let number = |index: usize| args[index].parse::<usize>().expect("a number");
        let own = &self.nodes[node];
        match &*command.name() {
            "CLUSTER INFO" => {
                let state = if self.rng.u32(..100) == 0 {
                    "fail"
                } else {
                    "ok"
                };
                text(format!("cluster_state:{state}\r\n"))
            }
            "CLUSTER NODES" => text(self.describe(node)),
            "INFO" if args[1] == "server" => text(format!("# Server\r\nrun_id:{:x}\r\n", own.run)),
            "INFO" if own.arrivals == 0 => text(String::new()),
            "INFO" => text(format!(
                "cmdstat_restore-asking:calls={},usec=1\r\n",
                own.arrivals
            )),
            "DBSIZE" => {
                let keys = own.keys.values().map(BTreeSet::len);
                Value::Integer(keys.sum::<usize>() as i64)
            }
            "CLUSTER COUNTKEYSINSLOT" => Value::Integer(self.keys_of(node, slot(2)).len() as i64),
            "CLUSTER GETKEYSINSLOT" => {
                let keys = self.keys_of(node, slot(2)).into_iter().take(number(3));
                Value::Array(keys.map(Value::BulkString).collect())
            }
            "SCAN" => {
                let hash = |key: &Bytes| hash(own.run, key);
                let from: u64 = args[1].parse().expect("a cursor");
                if let Some(pages) = self.circle {
                    let next = from % pages + 1;
                    return Value::Array(vec![text(next.to_string()), Value::Array(Vec::new())]);
                }
                let mut keys: Vec<_> = own
                    .keys
                    .values()
                    .flatten()
                    .map(|key| (hash(key), key))
                    .collect();
                keys.retain(|(hash, _)| *hash >= from);
                keys.sort_unstable();
                let next = keys.get(number(3)).map_or(0, |(hash, _)| *hash);
                let page = keys.iter().take(number(3));
                let page = page.map(|(_, key)| Value::BulkString((*key).clone()));
                Value::Array(vec![text(next.to_string()), Value::Array(page.collect())])
            }
            name => Value::Error(ServerError::new(format!("ERR unknown command '{name}'"))),
        }
    }

    fn describe(&self, myself: usize) -> String {
        let mut lines = String::new();
        let mut served = vec![SlotSet::new(); self.nodes.len()];
        for slot in (0..Slot::COUNT).filter_map(Slot::new) {
            // Of itself a node knows the truth.
            let (owner, rumour) = (self.owner(slot), self.gossip[usize::from(slot.number())]);
            if owner == myself || rumour != myself {
                served[if owner == myself { owner } else { rumour }].insert(slot);
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let flag = if index == myself { "myself," } else { "" };
            lines.push_str(&format!(
                "id{} 10.0.0.1:{}@1 {flag}master - 0 0 {} connected",
                node.port, node.port, node.epoch
            ));
            let mut start = 0;
            for (turn, run) in served[index].runs().into_iter().enumerate() {
                if turn % 2 == 1 {
                    lines.push_str(&format!(" {start}-{}", start + run - 1));
                }
                start += run;
            }
            if index == myself {
                for (slot, to) in &self.open {
                    let from = self.owner(*slot);
                    if from == myself {
                        lines.push_str(&format!(" [{slot}->-id{}]", self.nodes[*to].port));
                    } else if *to == myself {
                        lines.push_str(&format!(" [{slot}-<-id{}]", self.nodes[from].port));
                    }
                }
            }
            lines.push('\n');
        }
        lines
    }
}

fn text(text: String) -> Value {
    Value::BulkString(text.into())
}

fn unreachable(addr: NodeAddr) -> Error {
    Error::not_sent(ErrorKind::Connect, "nobody is there").with_node(addr)
}

/// Never 0, which begins and ends.
fn hash(seed: u64, key: &[u8]) -> u64 {
    let hash = key.iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23)
    });
    hash.max(1)
}

impl Service<Command> for Sim {
    type Response = Value;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            // Other nodes' requests come between.
            if this.0.lock().rng.bool() {
                tokio::task::yield_now().await;
            }
            this.0.lock().answer(&command)
        })
    }
}
