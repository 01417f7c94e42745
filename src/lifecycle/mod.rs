//! The life of a client: [`Lifecycle`], by which it is shut down.

mod counted;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::counted::Leased;
use self::counted::Task;
use crate::error::{Error, ErrorKind};

/// For how long the end of tasks is waited for past the deadline. They end when they are next scheduled.
const GRACE: Duration = Duration::from_secs(1);

/// A deadline so far away that it is none.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The life of one stack, by which it is shut down. Cheap to clone.
///
/// The layers of one stack share it, as they share [`Counters`](crate::Counters), and
/// [`Cluster::shutdown`](crate::Cluster::shutdown) goes by it:
///
/// ```text
///             shutdown                  all done, or the deadline
///   Running ───────────▶ Draining ──────────────────────────────▶ Closed
/// ```
///
/// | layer | while it drains | when it is closed |
/// |---|---|---|
/// | [`InFlightLimitLayer`](crate::InFlightLimitLayer) | refuses new requests, and tells when the last is done | |
/// | [`ConnectionCacheLayer`](crate::ConnectionCacheLayer) | | lets go of all connections, ends its dials and refuses new ones |
/// | [`ExclusiveLaneLayer`](crate::ExclusiveLaneLayer) | tells when the last lease was given back | as the cache |
/// | [`RouteLayer`](crate::RouteLayer) | | ends the tasks that keep the topology and the nodes' services |
/// | [`Connector`](crate::Connector) | | ends the connections it made, leased ones included |
///
/// A layer that is not told of it goes on until the handles are dropped. A client that is simply dropped needs no
/// shutdown: with the last handle, response and lease its tasks end, and its connections are closed.
///
/// Each layer has one of its own unless given another; the builder's stack shares one. By hand:
///
/// ```
/// use std::time::Duration;
///
/// use tower::ServiceBuilder;
/// use tower_redis_cluster::{
///     Cluster, ConnectConfig, ConnectionCacheLayer, Connector, InFlightLimitLayer, Lifecycle, RouteLayer,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_redis_cluster::Error> {
/// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
/// # let urls = fake.urls();
/// let life = Lifecycle::new();
/// let stack = ServiceBuilder::new()
///     .layer(InFlightLimitLayer::new(1024).lifecycle(&life))
///     .layer(RouteLayer::new(&urls).lifecycle(&life))
///     .layer(ConnectionCacheLayer::new().lifecycle(&life))
///     .service(Connector::new(ConnectConfig::from_urls(&urls)?).lifecycle(&life));
/// let cluster = Cluster::new(stack).with_lifecycle(&life);
/// cluster.set("user:1", "Ann").await?;
///
/// cluster.shutdown(Duration::from_secs(10)).await?;
/// assert_eq!(cluster.set("user:1", "Eve").await.unwrap_err().kind(), tower_redis_cluster::ErrorKind::Shutdown);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Lifecycle {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Leases that were not given back.
    leases: AtomicUsize,
    /// Tasks that have not ended.
    tasks: AtomicUsize,
    /// Told when the phase changed, and when the last of what is counted has ended.
    changed: Notify,
}

#[derive(Default)]
struct State {
    phase: Phase,
    requests: Vec<Weak<dyn Requests>>,
    /// Tasks to be ended, and finished ones that were not forgotten yet.
    tasks: VecDeque<AbortHandle>,
    /// Forget the finished ones when there are so many.
    sweep_at: usize,
    on_close: Vec<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Running,
    Draining {
        until: Instant,
    },
    Closed {
        cut_off: usize,
    },
}

/// Where requests are let in.
pub(crate) trait Requests: Send + Sync {
    /// Lets no more in.
    fn refuse(&self);

    /// How many are inside. When the last leaves after `refuse`, [`Lifecycle::tell`] is to be called.
    fn in_flight(&self) -> usize;
}

impl Lifecycle {
    /// The life of a stack to come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shuts the stack down. From this call on, not only from the first poll, new requests are refused; see
    /// [`Cluster::shutdown`](crate::Cluster::shutdown).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if requests or leases were left at the deadline, with how many were cut off.
    ///
    /// # Panics
    ///
    /// The future, outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the stack refusing requests and its connections open. Call it again to go on.
    pub fn shutdown(
        &self,
        deadline: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        self.drain(deadline);
        let this = self.clone();
        async move {
            this.drained().await;
            let cut_off = this.close();
            this.ended().await;
            match cut_off {
                0 => Ok(()),
                _ => Err(Error::not_sent(
                    ErrorKind::Timeout,
                    format!(
                        "the client was shut down with {cut_off} requests and leases left at the deadline, which were cut off"
                    ),
                )),
            }
        }
    }

    /// True once [`shutdown`](Self::shutdown) was called.
    pub fn is_shutting_down(&self) -> bool {
        !matches!(self.shared.state.lock().phase, Phase::Running)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.shared.state.lock().phase, Phase::Closed { .. })
    }

    /// Has these requests refused when the stack is shut down.
    pub(crate) fn bound(&self, requests: Weak<dyn Requests>) {
        let mut state = self.shared.state.lock();
        state.requests.retain(|known| known.strong_count() > 0);
        state.requests.push(requests.clone());
        let is_late = !matches!(state.phase, Phase::Running);
        drop(state);
        if is_late && let Some(requests) = requests.upgrade() {
            requests.refuse();
        }
    }

    /// Says that the last request has ended.
    pub(crate) fn tell(&self) {
        self.shared.changed.notify_waiters();
    }

    /// Runs when the stack is closed, or now if it is.
    pub(crate) fn on_close(&self, run: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state.lock();
        if matches!(state.phase, Phase::Closed { .. }) {
            drop(state);
            return run();
        }
        state.on_close.push(Box::new(run));
    }

    /// Counts a lease until this is dropped.
    pub(crate) fn leased(&self) -> Leased {
        Leased::new(self)
    }

    /// Starts a task of the stack on the current runtime. It ends when the stack is closed, as it would with its runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub(crate) fn spawn<F>(&self, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(&Handle::current(), future)
    }

    /// As [`spawn`](Self::spawn), on this runtime.
    pub(crate) fn spawn_on<F>(&self, runtime: &Handle, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = runtime.spawn(Task::new(future, self)).abort_handle();
        let mut state = self.shared.state.lock();
        if let Phase::Closed { .. } = state.phase {
            drop(state);
            task.abort();
            return task;
        }
        if state.tasks.len() >= state.sweep_at {
            state.tasks.retain(|task| !task.is_finished());
            state.sweep_at = (2 * state.tasks.len()).max(16);
        }
        state.tasks.push_back(task.clone());
        task
    }

    fn drain(&self, deadline: Duration) {
        let now = Instant::now();
        let until = now.checked_add(deadline).unwrap_or(now + FOREVER);
        let mut state = self.shared.state.lock();
        match &mut state.phase {
            Phase::Running => state.phase = Phase::Draining { until },
            Phase::Draining { until: earlier } => *earlier = until.min(*earlier),
            Phase::Closed { .. } => return,
        }
        let requests: Vec<_> = state.requests.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for requests in requests {
            requests.refuse();
        }
        self.shared.changed.notify_waiters();
    }

    /// Waits until all is done, or the deadline has passed, or another call has closed it.
    async fn drained(&self) {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let Some(until) = self.awaited_until() else {
                return;
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(until) => return,
            }
        }
    }

    /// Until when there is something to wait for.
    fn awaited_until(&self) -> Option<Instant> {
        let state = self.shared.state.lock();
        match state.phase {
            Phase::Draining { until } if self.in_flight(&state) > 0 => Some(until),
            _ => None,
        }
    }

    fn in_flight(&self, state: &State) -> usize {
        let requests = state.requests.iter().filter_map(Weak::upgrade);
        let requests: usize = requests.map(|requests| requests.in_flight()).sum();
        requests + self.shared.leases.load(Ordering::Relaxed)
    }

    /// Ends everything, unless that was done. Says how many were cut off by it.
    fn close(&self) -> usize {
        let mut state = self.shared.state.lock();
        if let Phase::Closed { cut_off } = state.phase {
            return cut_off;
        }
        let cut_off = self.in_flight(&state);
        state.phase = Phase::Closed { cut_off };
        let tasks = std::mem::take(&mut state.tasks);
        let on_close = std::mem::take(&mut state.on_close);
        drop(state);
        for run in on_close {
            run();
        }
        for task in tasks {
            task.abort();
        }
        self.shared.changed.notify_waiters();
        cut_off
    }

    /// Waits until the tasks have ended, though not for those of a runtime that nobody drives.
    async fn ended(&self) {
        let ended = async {
            loop {
                let mut changed = pin!(self.shared.changed.notified());
                changed.as_mut().enable();
                if self.shared.tasks.load(Ordering::Acquire) == 0 {
                    return;
                }
                changed.await;
            }
        };
        // Nothing depends on it any more.
        let _ = tokio::time::timeout(GRACE, ended).await;
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("phase", &self.shared.state.lock().phase)
            .field("leases", &self.shared.leases)
            .field("tasks", &self.shared.tasks)
            .finish_non_exhaustive()
    }
}

/// The error of what is refused.
pub(crate) fn shut_down() -> Error {
    Error::not_sent(ErrorKind::Shutdown, "the client was shut down")
}
