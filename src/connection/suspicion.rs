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
use tokio::time::{Instant, Sleep};

use crate::error::Error;

/// How long the connection has to say something once the node has answered on another: what was stopped and goes on
/// may well answer there first.
const GRACE: Duration = Duration::from_millis(100);

/// The pause after the first failed attempt, which doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Makes connections to the node of a connection, only to see whether it answers.
#[derive(Clone)]
pub(crate) struct Prober(Arc<dyn Fn() -> Attempt + Send + Sync>);

type Attempt = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What goes on while a connection is suspect. Its drop ends the probe.
pub(super) struct Suspicion(Stage);

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
    pub(super) fn new(prober: Option<&Prober>) -> Self {
        Self(match prober {
            None => Stage::Waiting,
            Some(prober) => {
                let mut probe = JoinSet::new();
                probe.spawn(prober.clone().run());
                Stage::Probing(probe)
            }
        })
    }

    /// Ready whenever the connection has had time again to show that it is as alive as its node.
    pub(super) fn poll_disproved(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.0 {
                Stage::Waiting => return Poll::Pending,
                Stage::Probing(probe) => {
                    let outcome = ready!(probe.poll_join_next(cx));
                    self.0 = match outcome {
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
