//! One request of the load: with a deadline of its own or not, by a caller that waits for its reply or leaves.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tower_redis_cluster::{Command, Delivery, Error, Pipeline};

use crate::faults::{is_passing, is_wait_on_replica};
use crate::journal::Event;
use crate::load::Load;

/// The timeout of the client under test, which is the default.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// How much later than its deadline a request may come back, with this many worker threads: 50 ms, in which the client's own
/// lateness is contained, or what nobody could overlook; see [`pulse`](crate::pulse).
pub(crate) fn grace(workers: usize) -> Duration {
    match workers {
        1 => Duration::from_millis(50),
        _ => Duration::from_millis(500),
    }
}

/// With less time than this, a request may fail without any fault: by one retry, or a machine that does other things.
const AMPLE: Duration = Duration::from_millis(900);

/// How long its caller waits for a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The command's own timeout.
    timeout: Option<Duration>,
    leaves: Leaves,
}

#[derive(Clone, Copy, Debug)]
enum Leaves {
    Never,
    /// Drops the future after so many polls, 0 included.
    AfterPolls(u32),
    After(Duration),
}

impl Patience {
    /// With the client's timeout, to the end.
    pub(crate) const DEFAULT: Self = Self {
        timeout: None,
        leaves: Leaves::Never,
    };

    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let timeout = match rng.u8(..20) {
            0 => Some(1..10),
            1..=2 => Some(10..100),
            3..=4 => Some(100..900),
            5..=6 => Some(1000..4000),
            _ => None,
        };
        let leaves = match rng.u8(..40) {
            0 => Leaves::AfterPolls(0),
            1 => Leaves::AfterPolls(rng.u32(1..4)),
            2 => Leaves::After(Duration::from_micros(rng.u64(..3_000))),
            3 => Leaves::After(Duration::from_millis(rng.u64(..300))),
            _ => Leaves::Never,
        };
        Self {
            timeout: timeout.map(|range| Duration::from_millis(rng.u64(range))),
            leaves,
        }
    }

    pub(crate) fn of(self, command: Command) -> Command {
        match self.timeout {
            Some(timeout) => command.timeout(timeout),
            None => command,
        }
    }

    pub(crate) fn of_all(self, pipeline: Pipeline) -> Pipeline {
        match self.timeout {
            Some(timeout) => pipeline.timeout(timeout),
            None => pipeline,
        }
    }
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Done(T),
    Failed(Error),
    /// The caller left.
    Left {
        was_polled: bool,
    },
}

/// What is known of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Applied,
    Perhaps,
    Not,
}

impl Effect {
    pub(crate) fn of(error: &Error) -> Self {
        match error.delivery() {
            Delivery::NotSent | Delivery::NotApplied => Self::Not,
            Delivery::Unknown => Self::Perhaps,
        }
    }
}

impl<T> Outcome<T> {
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::Done(_) => Effect::Applied,
            Self::Failed(error) => Effect::of(error),
            Self::Left { was_polled: true } => Effect::Perhaps,
            Self::Left { was_polled: false } => Effect::Not,
        }
    }

    pub(crate) fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }
}

/// What a request is about, for the history.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) key: &'a str,
    pub(crate) what: &'a str,
    /// How long it may block by its own wish.
    pub(crate) blocks: Duration,
    /// Nobody tries it again: it is bound to one connection.
    pub(crate) is_bound: bool,
}

impl<'a> About<'a> {
    pub(crate) fn new(key: &'a str, what: &'a str) -> Self {
        Self {
            key,
            what,
            blocks: Duration::ZERO,
            is_bound: false,
        }
    }
}

impl Load {
    /// Makes a request, and checks what can be checked of any: that it comes back in time, and that its error is one that
    /// the faults excuse.
    pub(crate) async fn request<T>(
        &self,
        about: About<'_>,
        patience: Patience,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Outcome<T> {
        let start = Instant::now();
        let outcome = until_it_leaves(patience.leaves, future).await;
        let end = Instant::now();
        let allowed = patience.timeout.unwrap_or(TIMEOUT + about.blocks);
        self.tally.count(&outcome);
        if end - start > allowed + self.grace {
            self.late(about, start + allowed, end);
        }
        let shown = match &outcome {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Failed(error) => {
                self.judge(about, patience, error, start, end);
                let delivery = error.delivery();
                format!("{:?}, {delivery}: {error}", error.kind())
            }
            Outcome::Left { was_polled } => format!("left, polled: {was_polled}"),
        };
        self.journal.note(Event {
            key: about.key.to_owned(),
            what: about.what.to_owned(),
            start,
            end,
            outcome: shown,
        });
        outcome
    }

    /// Notes an error that no fault excuses.
    pub(crate) fn judge(
        &self,
        about: About<'_>,
        patience: Patience,
        error: &Error,
        start: Instant,
        end: Instant,
    ) {
        let is_hasty = patience.timeout.is_some_and(|timeout| timeout < AMPLE);
        let is_excused = self.faults.excuses(error, start, end)
            || (is_hasty || about.is_bound) && is_passing(error)
            || about.is_bound && is_wait_on_replica(error);
        if !is_excused {
            self.unexcused(about, error, start, end);
        }
    }
}

async fn until_it_leaves<T>(
    leaves: Leaves,
    future: impl Future<Output = Result<T, Error>>,
) -> Outcome<T> {
    let finished = |result| match result {
        Ok(value) => Outcome::Done(value),
        Err(error) => Outcome::Failed(error),
    };
    match leaves {
        Leaves::Never => finished(future.await),
        Leaves::AfterPolls(polls) => {
            let mut future = pin!(future);
            let mut left = polls;
            std::future::poll_fn(|cx| {
                if left == 0 {
                    let was_polled = polls > 0;
                    return Poll::Ready(Outcome::Left { was_polled });
                }
                left -= 1;
                match future.as_mut().poll(cx) {
                    Poll::Ready(result) => Poll::Ready(finished(result)),
                    // The last look was at a future that now waits for a waker: nobody comes back to it.
                    Poll::Pending if left == 0 => Poll::Ready(Outcome::Left { was_polled: true }),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }
        Leaves::After(time) => match tokio::time::timeout(time, future).await {
            Ok(result) => finished(result),
            Err(_) => Outcome::Left { was_polled: true },
        },
    }
}
