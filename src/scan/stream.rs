//! The stream: work under way, and when to give up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::stream::{FusedStream, FuturesUnordered};
use tokio::time::{Instant, Sleep, sleep};

use super::cursor::ScanCursor;
use super::filter::Filter;
use super::keys::ScanKeys;
use super::link::{Link, Peer};
use super::plan::Plan;
use super::progress::ScanProgress;
use super::task::{Done, NodeDone, NodeWork, Task, Work};
use super::{ask, repair};
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};

/// Some keys, and how far the scan is.
///
/// `Debug` shows how many keys there are, and none of them.
#[derive(Clone)]
#[non_exhaustive]
pub struct ScanBatch {
    /// Keys; often none, where a pattern matches few.
    pub keys: Vec<Bytes>,
    /// The node they came from.
    pub node: NodeAddr,
    /// How far the scan is, with these keys.
    pub progress: ScanProgress,
}

/// The keys of a whole cluster, batch by batch. From [`Cluster::scan`](crate::Cluster::scan); see the
/// [module docs](super).
///
/// The stream ends after the last key, or after its first error.
///
/// # Cancel safety
///
/// Waiting for the next batch can be given up and taken up again. Dropping the stream ends everything it does: it
/// has no tasks.
#[must_use = "streams do nothing unless polled"]
pub struct ScanStream {
    plan: Plan,
    jobs: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    link: Arc<dyn Link>,
    settings: Arc<Settings>,
    patience: Option<Patience>,
    is_over: bool,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) filter: Filter,
    pub(super) count: u32,
    pub(super) concurrency: usize,
    pub(super) patience: Duration,
}

/// Counts the time without progress that is spent waiting for the cluster, not for the consumer.
struct Patience {
    sleep: Pin<Box<Sleep>>,
    /// Since when the consumer has the last batch.
    resting: Option<Instant>,
}

// ===== impl ScanStream =====

impl ScanStream {
    pub(super) fn new(link: Arc<dyn Link>, settings: Settings, plan: Plan) -> Self {
        Self {
            plan,
            jobs: FuturesUnordered::new(),
            link,
            settings: Arc::new(settings),
            patience: None,
            is_over: false,
        }
    }

    /// Where the scan stands: behind the batch that was given last, also when that was an error.
    ///
    /// Save it when the keys of that batch are dealt with: what a scan resumes with does not give them again, unless
    /// it must. Costs a copy of 4 KiB and a few for each node under way.
    pub fn cursor(&self) -> ScanCursor {
        self.plan.cursor(self.settings.filter.fingerprint())
    }

    /// The keys one by one, without progress and cursor.
    pub fn keys(self) -> ScanKeys {
        ScanKeys::new(self)
    }

    fn begin_work(&mut self) {
        while self.jobs.len() < self.settings.concurrency
            && let Some(task) = self.plan.next()
        {
            let job = run(task, Arc::clone(&self.link), Arc::clone(&self.settings));
            self.jobs.push(Box::pin(job));
        }
    }

    fn give_up(&mut self) -> Error {
        let patience = self.settings.patience;
        let error = Error::not_sent(
            ErrorKind::Timeout,
            format!("the scan made no progress for {patience:?}"),
        )
        .with_command("SCAN");
        match self.plan.take_last_error() {
            Some(cause) => match cause.node().cloned() {
                Some(node) => error.with_node(node).with_source(cause),
                None => error.with_source(cause),
            },
            None => error,
        }
    }
}

impl Stream for ScanStream {
    type Item = Result<ScanBatch, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let patience = this.settings.patience;
        let timer = this.patience.get_or_insert_with(|| Patience::new(patience));
        timer.go_on();
        while !this.is_over {
            if this.plan.is_complete() {
                this.is_over = true;
                break;
            }
            this.begin_work();
            match this.jobs.poll_next_unpin(cx) {
                Poll::Ready(Some(done)) => {
                    let result = this.plan.done(done).transpose();
                    if let Some(timer) = &mut this.patience {
                        if this.plan.take_progress() {
                            timer.reset(patience);
                        }
                        if result.is_some() {
                            timer.rest();
                        }
                    }
                    if let Some(result) = result {
                        this.is_over = result.is_err();
                        return Poll::Ready(Some(result));
                    }
                }
                Poll::Ready(None) => this.plan.look_again(),
                Poll::Pending => {
                    let is_out = this
                        .patience
                        .as_mut()
                        .is_some_and(|timer| timer.is_over(cx));
                    if !is_out {
                        return Poll::Pending;
                    }
                    this.is_over = true;
                    return Poll::Ready(Some(Err(this.give_up())));
                }
            }
        }
        // What is still under way is of no use any more.
        this.jobs.clear();
        Poll::Ready(None)
    }
}

impl FusedStream for ScanStream {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl fmt::Debug for ScanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanBatch")
            .field("keys", &self.keys.len())
            .field("node", &self.node)
            .field("progress", &self.progress)
            .finish()
    }
}

impl fmt::Debug for ScanStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanStream")
            .field("jobs", &self.jobs.len())
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

async fn run(task: Task, link: Arc<dyn Link>, settings: Arc<Settings>) -> Done {
    if !task.delay.is_zero() {
        sleep(task.delay).await;
    }
    match task.work {
        Work::Layout(turn) => {
            let (addr, layout) = ask::layout(&link, &turn).await;
            Done::Layout(addr, layout)
        }
        Work::Node(id, addr, work) => {
            let peer = Peer::new(&link, addr.clone());
            let filter = &settings.filter;
            let result = match work {
                NodeWork::View => ask::view(&peer).await.map(NodeDone::View),
                NodeWork::Page(cursor) => {
                    let page = peer.query(filter.scan(cursor, settings.count)).await;
                    page.map(|(cursor, keys)| NodeDone::Page(cursor, keys))
                }
                NodeWork::Repair(slots) => {
                    let repaired = repair::repair(&peer, &id, slots, filter).await;
                    repaired.map(NodeDone::Repaired)
                }
            };
            Done::Node(id, addr, result)
        }
    }
}

// ===== impl Patience =====

impl Patience {
    fn new(patience: Duration) -> Self {
        Self {
            sleep: Box::pin(sleep(patience)),
            resting: None,
        }
    }

    /// The consumer has a batch.
    fn rest(&mut self) {
        self.resting = Some(Instant::now());
    }

    /// The consumer wants another.
    fn go_on(&mut self) {
        if let Some(since) = self.resting.take() {
            let deadline = self.sleep.deadline() + since.elapsed();
            self.sleep.as_mut().reset(deadline);
        }
    }

    fn reset(&mut self, patience: Duration) {
        self.sleep.as_mut().reset(Instant::now() + patience);
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.sleep.as_mut().poll(cx).is_ready()
    }
}
