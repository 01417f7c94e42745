//! The services of nodes that were used just now.
//!
//! To find a node and to be given its service costs as much as to send the command: two maps are looked into that all
//! threads share, and everything that the service is made of is cloned. So the service that one request was given is
//! kept for the next, once for each [stripe](crate::stripe) of threads, and used in place.
//!
//! Nothing is kept that whoever made it may want to have back:
//!
//! - A service that is not ready, and may hold a place in a queue, goes with the request that waits for it.
//! - None is used once the topology has changed; the next request of its stripe lets go of all.
//! - All are let go of after [`TERM`] anyway. A connection that the cache has let go of ends then, and one that is in
//!   use is asked for again, so that it does not count as idle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::sleep;
use tower::Service;

use super::current::Current;
use crate::addr::NodeAddr;
use crate::command::{Command, Slot};
use crate::in_use::InUse;
use crate::lifecycle::Lifecycle;
use crate::metrics::Counters;
use crate::stripe::Striped;
use crate::task::AbortOnDrop;
use crate::topology::Topology;

/// For how long a service is kept at most. What counts as idle was not asked for in a second or more.
pub(super) const TERM: Duration = Duration::from_millis(500);

pub(super) struct Kept<N>(Arc<Shared<N>>);

struct Shared<N> {
    stripes: Striped<Mutex<Stripe<N>>>,
    lifecycle: Lifecycle,
    counters: Counters,
    filled: Arc<Notify>,
    letting_go: Mutex<Option<AbortOnDrop>>,
    /// Whether there is that task. Cleared by its end, before it lets go for the last time.
    is_letting_go: AtomicBool,
}

struct Stripe<N> {
    /// The topology for which this is kept, and which one that is.
    topology: Option<Arc<Topology>>,
    version: u64,
    /// By the index of the shard whose primary it is.
    nodes: Vec<Option<N>>,
}

/// What a node's service made of a command.
pub(super) enum Begun<N: Service<Command>> {
    Sent(N::Future),
    /// In a box: rare, and larger than a reply that is waited for.
    NotReady(Box<N>),
}

// ===== impl Kept =====

impl<N: Service<Command> + Send + 'static> Kept<N> {
    /// Ends its task with this life, and counts each command that it sends as a hit of the cache, which is not asked.
    pub(super) fn new(lifecycle: Lifecycle, counters: Counters) -> Self {
        Self(Arc::new(Shared {
            stripes: Striped::default(),
            lifecycle,
            counters,
            filled: Arc::default(),
            letting_go: Mutex::default(),
            is_letting_go: AtomicBool::new(false),
        }))
    }

    /// Sends a command to the primary of its slot, if that one's service is kept.
    #[inline]
    pub(super) fn begin(
        &self,
        current: &Current,
        slot: Slot,
        command: &Command,
    ) -> Option<(NodeAddr, Begun<N>)> {
        // Held by another thread of the stripe, or by a service that sends a command in order to send this.
        let mut stripe = self.0.stripes.own().try_lock()?;
        if stripe.version != current.version() {
            let gone = stripe.renew(current);
            drop(stripe);
            drop(gone);
            return None;
        }
        let Stripe {
            topology, nodes, ..
        } = &mut *stripe;
        let (index, addr) = topology.as_ref()?.primary_index(slot)?;
        let mut node = InUse::get(&mut nodes[index])?;
        // Nobody has to be woken: who waits asks again in the first poll.
        match node.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => {
                let reply = node.call(command.clone());
                node.leave();
                self.0.counters.cache_hits().increment();
                Some((addr.clone(), Begun::Sent(reply)))
            }
            Poll::Pending => Some((addr.clone(), Begun::NotReady(Box::new(node.take())))),
            // It is finished, and the next one is asked for. Dropped without the lock, as all that is not ours.
            Poll::Ready(Err(_)) => {
                let finished = node.take();
                drop(stripe);
                drop(finished);
                None
            }
        }
    }

    /// Keeps a service that was just used, if it is that of the slot's primary.
    pub(super) fn keep(&self, current: &Current, slot: Slot, addr: &NodeAddr, node: N) {
        // Nobody would let go of it.
        if Handle::try_current().is_err() {
            return;
        }
        let Some(mut stripe) = self.0.stripes.own().try_lock() else {
            return;
        };
        let gone = (stripe.version != current.version()).then(|| stripe.renew(current));
        let refused = stripe.put(slot, addr, node);
        drop(stripe);
        drop(gone);
        if refused.is_none() {
            self.let_go_in_time();
        }
    }

    fn let_go_in_time(&self) {
        let shared = &self.0;
        // After something was kept. Either the task has not ended, and will find it; or this finds that it has.
        if !shared.is_letting_go.swap(true, Ordering::AcqRel) {
            let task = LettingGo(Arc::downgrade(shared)).run(Arc::clone(&shared.filled));
            let task = AbortOnDrop::new(shared.lifecycle.spawn(task));
            *shared.letting_go.lock() = Some(task);
        }
        shared.filled.notify_one();
    }
}

// ===== impl Stripe =====

impl<N> Stripe<N> {
    /// Hands the service back unless it has a place here, which is free.
    fn put(&mut self, slot: Slot, addr: &NodeAddr, node: N) -> Option<N> {
        let topology = self.topology.as_ref();
        match topology.and_then(|topology| topology.primary_index(slot)) {
            Some((index, primary)) if primary == addr && self.nodes[index].is_none() => {
                self.nodes[index] = Some(node);
                None
            }
            _ => Some(node),
        }
    }

    /// Begins anew with the topology that is current, and hands over what was kept.
    #[cold]
    fn renew(&mut self, current: &Current) -> Self {
        // In this order: a topology that is installed in between is not missed.
        let version = current.version();
        let topology = current.load_full();
        let shards = topology.as_ref().map_or(0, |map| map.shards().len());
        let new = Self {
            topology,
            version,
            nodes: std::iter::repeat_with(|| None).take(shards).collect(),
        };
        std::mem::replace(self, new)
    }
}

impl<N> Default for Stripe<N> {
    fn default() -> Self {
        Self {
            topology: None,
            version: 0,
            nodes: Vec::new(),
        }
    }
}

impl<N> Shared<N> {
    fn let_go(&self) {
        for stripe in self.stripes.iter() {
            let gone = std::mem::take(&mut *stripe.lock());
            drop(gone);
        }
    }
}

/// Lets go of everything a while after something was kept, and when its runtime ends.
struct LettingGo<N>(Weak<Shared<N>>);

impl<N> LettingGo<N> {
    async fn run(self, filled: Arc<Notify>) {
        loop {
            filled.notified().await;
            sleep(TERM).await;
            let Some(shared) = self.0.upgrade() else {
                return;
            };
            shared.let_go();
        }
    }
}

impl<N> Drop for LettingGo<N> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.is_letting_go.store(false, Ordering::Release);
            shared.let_go();
        }
    }
}
