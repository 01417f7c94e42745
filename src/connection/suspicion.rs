//! What is done about a connection on which nothing arrives: is it the connection, or the node?
//!
//! ```text
//!   Probing ──the node answers──▶ Grace ──still nothing──▶ told, again and again
//!      │
//!      └──no prober, or it fails──▶ Waiting
//! ```
//!
//! A node that is stopped or busy does not answer on a new connection either: the probe hangs, and costs the node one
//! connection however long it takes. A node behind a connection whose packets are dropped does answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::addr::NodeAddr;
use crate::error::Error;
use crate::route::Suspicions;

/// How long the connection has to say something once the node has answered on another: what was stopped and goes on
/// may well answer there first.
const GRACE: Duration = Duration::from_millis(100);

/// The pause after the first failed attempt, which doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After so long without a probe, the next need not wait.
const CALM: Duration = Duration::from_secs(60);

/// How often a suspicion that lasts is told of.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Makes connections to the node of a connection, only to see whether it answers.
#[derive(Clone)]
pub(crate) struct Prober(Arc<dyn Fn() -> Attempt + Send + Sync>);

type Attempt = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What goes on while a connection is suspect. Its drop ends the probe.
pub(super) struct Suspicion {
    stage: Stage,
    /// Ends when the silence has lasted twice as long as it takes to be suspicious.
    patience: Pin<Box<Sleep>>,
    report: Option<Report>,
}

enum Stage {
    /// Nothing can be found out: time will tell.
    Waiting,
    /// A connection is being made beside the suspect one. In a task: it is the application's code in part.
    Probing(JoinSet<()>),
    /// The node has answered there.
    Grace(Pin<Box<Sleep>>),
}

impl Prober {
    /// `attempt` makes a connection, handshake and all, and lets go of it. It is not hurried: an attempt that hangs is
    /// the answer as long as it hangs.
    pub(crate) fn new<F>(attempt: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(attempt())))
    }

    /// Tries until the node has answered.
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = (self.0)().await {
            tracing::debug!(%error, "the node of a suspect connection does not take another");
            // Between half of it and all: many may have lost the node at once.
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
}

impl Suspicion {
    /// The probe begins at `start`, if there is a prober. Who waits has this much more time.
    pub(super) fn new(
        prober: Option<&Prober>,
        start: Instant,
        patience: Duration,
        report: Option<Report>,
    ) -> Self {
        let stage = match prober {
            None => Stage::Waiting,
            Some(prober) => {
                let prober = prober.clone();
                let mut probe = JoinSet::new();
                probe.spawn(async move {
                    sleep_until(start).await;
                    prober.run().await;
                });
                Stage::Probing(probe)
            }
        };
        Self {
            stage,
            patience: Box::pin(tokio::time::sleep(patience)),
            report,
        }
    }

    /// Ready once who waits has waited long enough.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.patience.as_mut().poll(cx)
    }

    /// Ready whenever the connection has had time again to show that it is as alive as its node.
    pub(super) fn poll_disproved(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(report) = &mut self.report {
            report.poll(cx);
        }
        loop {
            match &mut self.stage {
                Stage::Waiting => return Poll::Pending,
                Stage::Probing(probe) => {
                    let outcome = ready!(probe.poll_join_next(cx));
                    self.stage = match outcome {
                        Some(Ok(())) => Stage::Grace(Box::pin(tokio::time::sleep(GRACE))),
                        // It has panicked, or the runtime is shutting down.
                        _ => Stage::Waiting,
                    };
                }
                Stage::Grace(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    sleep.as_mut().reset(Instant::now() + GRACE);
                    return Poll::Ready(());
                }
            }
        }
    }
}

/// When probes of one connection may begin: a server that is slow again and again is not to be dialled each time.
#[derive(Default)]
pub(super) struct ProbePace {
    next: Option<Instant>,
    pause: Duration,
}

impl ProbePace {
    /// When the next probe is to begin: at once after a calm time, and after a pause that doubles otherwise.
    pub(super) fn take(&mut self, now: Instant) -> Instant {
        let start = match self.next {
            Some(next) if now < next + CALM => next.max(now),
            _ => {
                self.pause = LONGEST_PAUSE;
                now
            }
        };
        // Between half of it and all, since many clients find the same server slow.
        self.next = Some(start + self.pause.mul_f64(0.5 + fastrand::f64() / 2.0));
        self.pause = (2 * self.pause).min(CALM);
        start
    }
}

/// Tells of the suspicion, again and again.
pub(super) struct Report {
    to: Suspicions,
    addr: NodeAddr,
    next: Pin<Box<Sleep>>,
}

impl Report {
    pub(super) fn new(to: &Suspicions, addr: &NodeAddr) -> Self {
        Self {
            to: to.clone(),
            addr: addr.clone(),
            next: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        while self.next.as_mut().poll(cx).is_ready() {
            self.to.tell(&self.addr);
            self.next.as_mut().reset(Instant::now() + REPORT_INTERVAL);
        }
    }
}
