//! One refresh: several nodes are asked at once, and the best of their views is taken.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::addr::NodeAddr;
use crate::command::cmd;
use crate::error::{Error, ErrorKind};
use crate::route::config::{Config, Discovery};
use crate::route::exchange::Exchange;
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

/// Asks, and puts the best view in place.
pub(super) async fn run<C: MakeNode>(shared: &Shared, nodes: C) -> Result<(), Error> {
    let last = shared.current().load_full();
    let mut round = Round {
        candidates: candidates(shared.config().seeds()?, last.as_deref()),
        config: shared.config().clone(),
        nodes,
        queries: JoinSet::new(),
        asked: 0,
        views: Views::default(),
        failures: Vec::new(),
    };
    round.collect().await;
    let topology = round.choose(last.as_deref())?;
    tracing::debug!(
        slots = topology.covered(),
        shards = topology.shards().len(),
        "refreshed the topology"
    );
    shared.current().install(topology);
    Ok(())
}

/// Whom to ask, in this order: some known nodes at random, so that the work is spread, then the seeds, which may
/// have new addresses when all known ones are gone.
fn candidates(seeds: &[NodeAddr], last: Option<&Topology>) -> VecDeque<NodeAddr> {
    let mut known: Vec<_> = last
        .into_iter()
        .flat_map(Topology::nodes)
        .filter(|node| node.health() != Health::Failed)
        .map(|node| node.addr().clone())
        .collect();
    known.sort_unstable();
    known.dedup();
    fastrand::shuffle(&mut known);
    known.truncate(SAMPLE);

    let mut seeds = seeds.to_vec();
    fastrand::shuffle(&mut seeds);
    for seed in seeds {
        if !known.contains(&seed) {
            known.push(seed);
        }
    }
    known.into()
}

/// A refresh under way. Dropping it ends its queries.
struct Round<C> {
    config: Config,
    nodes: C,
    candidates: VecDeque<NodeAddr>,
    queries: JoinSet<(NodeAddr, Result<Topology, Error>)>,
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
            let query = query(self.nodes.clone(), addr.clone(), self.config.clone());
            self.queries.spawn(async move { (addr, query.await) });
        }
    }

    fn answered(&mut self, addr: NodeAddr, answer: Result<Topology, Error>) {
        if let Err(error) = answer.and_then(|view| self.views.add(view)) {
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

/// What one node says.
async fn query<C: MakeNode>(nodes: C, addr: NodeAddr, config: Config) -> Result<Topology, Error> {
    let subcommand = match config.discovery {
        Discovery::Slots => "SLOTS",
        Discovery::Shards { .. } => "SHARDS",
    };
    let mut command = cmd("CLUSTER").arg(subcommand);
    command.set_deadline(Instant::now() + config.query_timeout);
    let mut exchange = pin!(Exchange::with(addr.clone(), command));
    let reply = poll_fn(move |cx| exchange.as_mut().poll(cx, || nodes.clone()));
    let reply = timeout(config.query_timeout, reply).await.map_err(|_| {
        Error::new(
            ErrorKind::Timeout,
            format!("no answer within {:?}", config.query_timeout),
        )
    })??;
    let announced = config.addr_map.answered_by(&addr);
    match config.discovery {
        Discovery::Slots => Topology::read_slots(&reply, &announced),
        Discovery::Shards { tls } => Topology::read_shards(&reply, &announced, tls),
    }
}

/// The error that says what each node had to say.
fn nobody_knows(failures: Vec<(NodeAddr, Error)>) -> Error {
    let is_refused = |(_, error): &(_, Error)| error.kind() == ErrorKind::Authentication;
    let kind = match !failures.is_empty() && failures.iter().all(is_refused) {
        true => ErrorKind::Authentication,
        false => ErrorKind::Topology,
    };
    let mut message = "no node gave a usable view of the cluster".to_owned();
    for (index, (addr, error)) in failures.iter().enumerate() {
        message.push_str(if index == 0 { ": " } else { "; " });
        message.push_str(&format!("{addr}: {error}"));
    }
    Error::new(kind, message)
}
