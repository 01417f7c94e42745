//! What the clones of a `Route`, their futures and the refresh task share.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::config::Config;
use super::current::Current;
use super::doubts::{Doubts, Evidence};
use super::kept::{Begun, Kept};
use super::make::MakeNode;
use super::refresh;
use super::replies::{REFRESHING, discovering};
use crate::addr::NodeAddr;
use crate::command::{Command, Slot};
use crate::error::{Error, ErrorKind};
use crate::lifecycle::shut_down;
use crate::task::AbortOnDrop;
use crate::topology::{Redirect, RedirectKind};

/// The outcome of a refresh, to be waited for.
pub(super) type Refreshed = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// State without an owner's duties: what the refresh task holds too.
pub(super) struct Shared {
    config: Config,
    current: Current,
    /// Holds one permit, so that triggers coalesce, and one that arrives during a refresh is not lost.
    wanted: Notify,
    progress: watch::Sender<Progress>,
    doubts: Doubts,
    /// Whether there is a refresh task. Written under the lock of its handle, and by the task's end.
    is_running: AtomicBool,
}

/// How many refreshes there have been.
#[derive(Clone, Debug)]
struct Progress {
    started: u64,
    /// As `started`, unless one is under way.
    finished: u64,
    outcome: Result<(), Error>,
    /// When the one that succeeded last was started.
    confirmed: Option<Instant>,
    started_at: Option<Instant>,
}

impl Shared {
    fn new(config: Config) -> Self {
        Self {
            current: Current::new(&config),
            doubts: Doubts::new(config.counters.clone()),
            config,
            wanted: Notify::new(),
            progress: watch::Sender::new(Progress {
                started: 0,
                finished: 0,
                outcome: Ok(()),
                confirmed: None,
                started_at: None,
            }),
            is_running: AtomicBool::new(false),
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn current(&self) -> &Current {
        &self.current
    }

    pub(super) fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    /// Takes note of what others have noticed. True if it is anything.
    pub(super) fn heed_suspicions(&self) -> bool {
        let told = self.config.suspicions.take();
        for addr in told.iter().filter(|addr| self.current.is_primary(addr)) {
            self.doubts.failed(addr, Instant::now());
        }
        !told.is_empty()
    }

    /// Signalled when there is reason for a refresh.
    pub(super) fn wanted(&self) -> &Notify {
        &self.wanted
    }

    /// Counts a redirect that is followed.
    pub(super) fn count(&self, redirect: &Redirect) {
        let counters = &self.config.counters;
        match redirect.kind() {
            RedirectKind::Moved => counters.redirects_moved().increment(),
            RedirectKind::Ask => counters.redirects_ask().increment(),
        }
    }

    /// Takes note of what redirects from one node tell, and says whether the rest of the map may be stale.
    pub(super) fn take_note(&self, redirects: &[Redirect], from: &NodeAddr) -> bool {
        let mut any_moved = false;
        for redirect in redirects {
            tracing::debug!(
                server.address = from.server_address(),
                server.port = from.server_port(),
                redirect = %redirect,
                "following a redirect"
            );
            match redirect.kind() {
                RedirectKind::Moved => any_moved = true,
                RedirectKind::Ask => self.current.asked(redirect.addr()),
            }
        }
        let is_moved = |redirect: &&Redirect| redirect.kind() == RedirectKind::Moved;
        any_moved && self.current.moved(redirects.iter().filter(is_moved), from)
    }

    pub(super) fn refresh_started(&self) {
        self.progress.send_modify(|progress| {
            progress.started += 1;
            progress.started_at = Some(Instant::now());
        });
    }

    pub(super) fn refresh_finished(&self, outcome: Result<(), Error>) {
        self.progress.send_modify(|progress| {
            progress.finished = progress.started;
            if outcome.is_ok() {
                progress.confirmed = progress.started_at;
            }
            progress.outcome = outcome;
        });
    }
}

/// What the refresh task holds. Its runtime may be shut down while commands on another one wait for an outcome.
pub(super) struct Running(Arc<Shared>);

impl Deref for Running {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In this order: whoever began to wait too late to be told finds that there is no task, and starts one.
        self.0.is_running.store(false, Ordering::Release);
        self.0.refresh_started();
        self.0
            .refresh_finished(Err(match self.0.config.lifecycle.is_closed() {
                true => shut_down(),
                false => Error::not_sent(
                    ErrorKind::Topology,
                    "the task that keeps the topology has ended: its runtime was shut down, or has no timers or I/O (enable_all)",
                ),
            }));
    }
}

/// Owns the refresh task: it ends when the last clone of the `Route` and the last of its futures are gone.
pub(super) struct Handle<C: MakeNode> {
    shared: Arc<Shared>,
    task: Mutex<Option<AbortOnDrop>>,
    /// Locked only to be cloned: it need not be `Sync`. What is here is never driven to readiness.
    nodes: Mutex<C>,
    /// None if services are not to be kept.
    kept: Option<Kept<C::Node>>,
}

impl<C: MakeNode> Handle<C> {
    pub(super) fn new(nodes: C, config: Config) -> Self {
        Self {
            kept: (config.keeps_services)
                .then(|| Kept::new(config.lifecycle.clone(), config.counters.clone())),
            shared: Arc::new(Shared::new(config)),
            task: Mutex::new(None),
            nodes: Mutex::new(nodes),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Sends a command to the primary of its slot, if that one's service is kept.
    #[inline]
    pub(super) fn begin(
        &self,
        slot: Slot,
        command: &Command,
    ) -> Option<(NodeAddr, Begun<C::Node>)> {
        self.kept
            .as_ref()?
            .begin(&self.shared.current, slot, command)
    }

    /// Keeps the service of a node, after it was used for this slot.
    pub(super) fn keep(&self, slot: Slot, addr: &NodeAddr, node: C::Node) {
        if let Some(kept) = &self.kept {
            kept.keep(&self.shared.current, slot, addr, node);
        }
    }

    /// True if the nodes were asked for the topology lately. The time allowed is about that between two refreshes, so
    /// that to ask again means hardly a wait but that for the answer.
    pub(super) fn is_confirmed(&self) -> bool {
        let recent = self.shared.config.min_refresh_interval.saturating_mul(2);
        let confirmed = self.shared.progress.borrow().confirmed;
        confirmed.is_some_and(|at| at.elapsed() <= recent)
    }

    /// A make-service of nodes, for whoever has none.
    pub(super) fn nodes(&self) -> C {
        self.nodes.lock().clone()
    }

    /// Starts the refresh task, unless it runs. It may have ended: with the runtime that it was started on.
    pub(super) fn start(&self) {
        let mut task = self.task.lock();
        if !self.shared.is_running.swap(true, Ordering::AcqRel) {
            self.shared.wanted.notify_one();
            let run = refresh::run(Running(Arc::clone(&self.shared)), self.nodes());
            *task = Some(AbortOnDrop::new(self.shared.config.lifecycle.spawn(run)));
        }
    }

    /// Asks for a refresh.
    pub(super) fn trigger(&self) {
        // Without seeds nobody can be asked.
        if self.shared.config.seeds.is_ok() {
            self.shared.wanted.notify_one();
            self.start();
        }
    }

    /// Takes note of an exchange with this node that failed, for the topology's sake. `deadline` is that of the command.
    pub(super) fn failed(
        &self,
        addr: &NodeAddr,
        error: &Error,
        deadline: Option<Instant>,
        was_connecting: bool,
    ) {
        let now = Instant::now();
        let overdue = deadline.and_then(|deadline| now.checked_duration_since(deadline));
        let evidence = Evidence::of(error, overdue, was_connecting);
        // No other nodes: it is for the successors of primaries that a doubt has the map looked at.
        let doubts = || Some(&self.shared.doubts).filter(|_| self.shared.current.is_primary(addr));
        let is_reason = match evidence {
            Evidence::None => false,
            Evidence::Change => true,
            Evidence::Timeout { is_connecting } => {
                let has_begun = doubts().is_some_and(|doubts| doubts.timed_out(addr, now));
                has_begun || is_connecting
            }
            Evidence::Failure => {
                if let Some(doubts) = doubts() {
                    doubts.failed(addr, now);
                }
                true
            }
        };
        if is_reason {
            self.trigger();
        }
    }

    /// Asks for a refresh, and waits for one that starts from now on.
    pub(super) fn refresh(&self) -> Refreshed {
        let progress = self.shared.progress.subscribe();
        let after = progress.borrow().started;
        self.trigger();
        outcome(progress, after)
    }

    /// Waits for the discovery under way, or asks for one.
    pub(super) fn discovery(&self) -> Refreshed {
        let progress = self.shared.progress.subscribe();
        let Progress {
            started, finished, ..
        } = *progress.borrow();
        if started == finished {
            self.trigger();
        } else {
            self.start();
        }
        outcome(progress, finished)
    }

    /// Waits for what may tell of a node that is not known, the first discovery or a refresh, and says which.
    pub(super) fn missing(&self) -> (Refreshed, Cow<'static, str>) {
        if self.shared.current.is_known() {
            (self.refresh(), REFRESHING.into())
        } else {
            let seeds = self.shared.config.seeds.as_deref().unwrap_or_default();
            (self.discovery(), discovering(seeds).into())
        }
    }
}

/// The outcome of the refreshes after the one with this number.
fn outcome(mut progress: watch::Receiver<Progress>, after: u64) -> Refreshed {
    Box::pin(async move {
        match progress
            .wait_for(|progress| progress.finished > after)
            .await
        {
            Ok(progress) => progress.outcome.clone(),
            Err(_) => unreachable!("whoever waits holds the handle, and with it the sender"),
        }
    })
}
