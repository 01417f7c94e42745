//! The network between the clients and an in-memory cluster.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_redis_cluster::connect::handshake_io;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{ConnectConfig, Connection, Error, ErrorKind, NodeAddr};

use crate::pipe::{Link, Way};
use crate::trace::mix;

/// The longest that anything is under way in this network, without faults.
const JITTER_MS: u64 = 4;

/// All connections, and what is wrong with the ways to each node.
pub struct Net {
    pub fake: FakeCluster,
    seed: u64,
    epoch: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: Vec<(usize, Weak<Link>)>,
    /// By node: frozen there and back, and the delay on top.
    ways: Vec<([bool; 2], Arc<Mutex<Duration>>)>,
}

impl Net {
    pub fn new(fake: FakeCluster, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            fake,
            seed,
            epoch: Instant::now(),
            state: Mutex::default(),
        })
    }

    /// Makes a connection, as a connector does.
    pub async fn connect(
        self: Arc<Self>,
        addr: NodeAddr,
        config: Arc<ConnectConfig>,
    ) -> Result<Connection, Error> {
        // Out and back, before it is accepted or refused.
        sleep(Duration::from_millis(1)).await;
        let index = self.fake.node_at(&addr).index();
        let client = {
            let mut state = self.state.lock().expect("nobody panics in here");
            let number = state.links.len() as u64;
            let (frozen, extra) = state.ways_of(index).clone();
            let (seed, epoch) = (self.seed, self.epoch);
            // By the time rather than by the order of what happens at that time.
            let delay = move |now: Instant, way| {
                let ms = now.duration_since(epoch).as_millis() as u64;
                let jitter = mix(seed ^ mix(number << 1 | way as u64) ^ ms) % JITTER_MS;
                Duration::from_millis(jitter) + *extra.lock().expect("nobody panics in here")
            };
            let (link, client, server) = Link::open(delay);
            for way in [Way::There, Way::Back] {
                link.freeze(way, frozen[way as usize]);
            }
            state.links.push((index, Arc::downgrade(&link)));
            drop(state);
            self.fake.serve(&addr, server).map_err(|error| {
                Error::new(ErrorKind::Connect, "could not connect")
                    .with_source(error)
                    .with_node(addr.clone())
            })?;
            client
        };
        handshake_io(client, addr, &config).await
    }

    /// Nothing comes through one way to or from a node, also not on connections that are made meanwhile.
    pub fn freeze(&self, node: usize, way: Way, is_frozen: bool) {
        let mut state = self.state.lock().expect("nobody panics in here");
        state.ways_of(node).0[way as usize] = is_frozen;
        drop(state);
        self.each_link(node, |link| link.freeze(way, is_frozen));
    }

    /// All that is sent to or by a node takes this much longer.
    pub fn delay(&self, node: usize, extra: Duration) {
        let mut state = self.state.lock().expect("nobody panics in here");
        let current = Arc::clone(&state.ways_of(node).1);
        *current.lock().expect("nobody panics in here") = extra;
    }

    /// Breaks the connections to a node, now or after so many bytes on each.
    pub fn cut(&self, node: usize, after: Option<(Way, usize)>) {
        self.each_link(node, |link| match after {
            None => link.reset(),
            Some((way, bytes)) => link.cut_after(way, Some(bytes)),
        });
    }

    /// Ends all faults, those of the nodes included.
    pub fn heal(&self) {
        let count = self.fake.nodes().len();
        for node in 0..count {
            self.delay(node, Duration::ZERO);
            for way in [Way::There, Way::Back] {
                self.freeze(node, way, false);
                self.each_link(node, |link| link.cut_after(way, None));
            }
        }
        self.fake.heal();
    }

    /// How many connections have an end that is still held.
    pub fn open_links(&self) -> usize {
        let state = self.state.lock().expect("nobody panics in here");
        let links = state.links.iter();
        links.filter(|(_, link)| link.strong_count() > 0).count()
    }

    fn each_link(&self, node: usize, act: impl Fn(&Link)) {
        let links: Vec<_> = {
            let state = self.state.lock().expect("nobody panics in here");
            let links = state.links.iter().filter(|(to, _)| *to == node);
            links.filter_map(|(_, link)| link.upgrade()).collect()
        };
        links.iter().for_each(|link| act(link));
    }
}

impl State {
    fn ways_of(&mut self, node: usize) -> &mut ([bool; 2], Arc<Mutex<Duration>>) {
        if self.ways.len() <= node {
            self.ways.resize_with(node + 1, Default::default);
        }
        &mut self.ways[node]
    }
}
