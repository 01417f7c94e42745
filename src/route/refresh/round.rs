//! One refresh: several nodes are asked at once, and the best of their views is taken.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::query;
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};
use crate::route::config::Config;
use crate::route::make::MakeNode;
use crate::route::shared::Shared;
use crate::topology::{Health, Topology, Views};

/// How many nodes are asked at once: the least number of which two can outvote one.
const PARALLEL: usize = 3;

/// How many nodes of the last topology are asked before the seeds.
const SAMPLE: usize = 5;

/// How long to wait for a first view before one more node is asked: a dead node does not answer.
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait for second opinions after the first view.
const GRACE: Duration = Duration::from_millis(50);

/// Asks, and puts the best view in place. With `is_stuck`, one of an older epoch will do.
pub(super) async fn run<C: MakeNode>(
    shared: &Shared,
    nodes: C,
    is_stuck: bool,
) -> Result<(), Error> {
    let last = shared.current().load_full();
    let last_epoch = last.as_ref().and_then(|last| last.epoch());
    let doubted = shared.doubts().addrs();
    let mut round = Round {
        candidates: candidates(shared.config().seeds()?, last.as_deref(), &doubted),
        config: shared.config().clone(),
        nodes,
        queries: JoinSet::new(),
        asked: 0,
        views: Views::newer_than(last_epoch.filter(|_| !is_stuck)),
        failures: Vec::new(),
    };
    round.collect().await;
    let topology = round.choose(last.as_deref())?;
    tracing::debug!(
        slots = topology.covered(),
        shards = topology.shards().len(),
        "refreshed the topology"
    );
    let (current, doubts) = (shared.current(), shared.doubts());
    current.install(topology);
    doubts.retain(|addr| current.is_primary(addr), Instant::now());
    Ok(())
}

/// Whom to ask, in this order: some known nodes at random, so that the work is spread, then the seeds, which may
/// have new addresses when all known ones are gone; and of both, those in doubt after all others.
fn candidates(
    seeds: &[NodeAddr],
    last: Option<&Topology>,
    doubted: &HashSet<NodeAddr>,
) -> VecDeque<NodeAddr> {
    let mut known: Vec<_> = last
        .into_iter()
        .flat_map(Topology::nodes)
        .filter(|node| node.health() != Health::Failed)
        .map(|node| node.addr().clone())
        .collect();
    known.sort_unstable();
    known.dedup();
    fastrand::shuffle(&mut known);
    known.sort_by_key(|addr| doubted.contains(addr));
    known.truncate(SAMPLE);

    let mut seeds = seeds.to_vec();
    fastrand::shuffle(&mut seeds);
    for seed in seeds {
        if !known.contains(&seed) {
            known.push(seed);
        }
    }
    // Stable: seeds stay behind the known nodes.
    known.sort_by_key(|addr| doubted.contains(addr));
    known.into()
}

/// A refresh under way. Dropping it ends its queries.
struct Round<C> {
    config: Config,
    nodes: C,
    candidates: VecDeque<NodeAddr>,
    queries: JoinSet<(NodeAddr, query::Answer)>,
    asked: usize,
    views: Views,
    failures: Vec<(NodeAddr, Error)>,
}

impl<C: MakeNode> Round<C> {
    /// Gathers views until further ones would hardly matter, or nobody is left to ask.
    async fn collect(&mut self) {
        for _ in 0..PARALLEL {
            self.ask_next();
        }
        let mut patience = std::pin::pin!(sleep_until(Instant::now() + STAGGER));
        while !self.views.is_settled() {
            tokio::select! {
                biased;
                answer = self.queries.join_next() => {
                    let is_first = self.views.is_empty();
                    match answer {
                        Some(Ok((addr, answer))) => self.answered(addr, answer),
                        // A layer beneath panicked. Its message is out; the other nodes may do better.
                        Some(Err(_)) => self.ask_next(),
                        None => return,
                    }
                    if is_first && !self.views.is_empty() {
                        patience.as_mut().reset(Instant::now() + GRACE);
                    }
                }
                () = &mut patience => {
                    if !self.views.is_empty() {
                        return;
                    }
                    self.ask_next();
                    patience.as_mut().reset(Instant::now() + STAGGER);
                }
            }
        }
    }

    fn ask_next(&mut self) {
        if let Some(addr) = self.candidates.pop_front() {
            self.asked += 1;
            let query = query::run(self.nodes.clone(), addr.clone(), self.config.clone());
            self.queries.spawn(async move { (addr, query.await) });
        }
    }

    fn answered(&mut self, addr: NodeAddr, answer: query::Answer) {
        let added = answer.and_then(|(view, standing)| self.views.add(view, standing));
        if let Err(error) = added {
            tracing::debug!(
                server.address = addr.server_address(),
                server.port = addr.server_port(),
                error = %error,
                "no usable view of the cluster"
            );
            self.failures.push((addr, error));
            if self.views.is_empty() {
                self.ask_next();
            }
        }
    }

    fn choose(self, last: Option<&Topology>) -> Result<Topology, Error> {
        if self.views.is_empty() {
            return Err(nobody_knows(self.failures));
        }
        self.views.best(self.asked, last)
    }
}

/// The error that says what each node had to say.
fn nobody_knows(failures: Vec<(NodeAddr, Error)>) -> Error {
    // What all of them say, if time does not mend it.
    let is_final = |kind: &ErrorKind| matches!(kind, ErrorKind::Authentication | ErrorKind::Config);
    let kind = failures.first().map(|(_, error)| error.kind());
    let kind = kind
        .filter(is_final)
        .filter(|kind| failures.iter().all(|(_, error)| error.kind() == *kind))
        .unwrap_or(ErrorKind::Topology);
    let mut message = "no node gave a usable view of the cluster".to_owned();
    for (index, (addr, error)) in failures.iter().enumerate() {
        message.push_str(if index == 0 { ": " } else { "; " });
        message.push_str(&format!("{addr}: {error}"));
    }
    Error::not_sent(kind, message)
}
