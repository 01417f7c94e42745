//! The two ends of one reply: the driver keeps a [`Promise`], the caller waits for the [`Reply`].
//!
//! Unlike a oneshot channel, the pair also knows whether the command was taken for writing, and lets exactly
//! one side win: a caller that leaves before that is told that nothing was sent, and nothing will be.
//!
//! ```text
//!   phase   Queued ──take──▶ Taken
//!   state   Waiting ─────────────────────────────fulfil──▶ Done
//!              └──take of a pipeline──▶ Gathering ──fulfil──▶ Done
//!
//!   drop of the Reply   any phase ──▶ Withdrawn; a state before Done ──▶ Abandoned
//! ```
//!
//! The replies of a pipeline are gathered here until the last has come, under the same lock: whichever side ends
//! it early, the driver or the caller, finds them and knows that the other will not.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::command::{Batch, Outcome};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;
use crate::wakeup;

/// The driver's end. Dropping it answers the caller with an error.
#[derive(Debug)]
pub(super) struct Promise(Option<triomphe::Arc<Shared>>);

/// The caller's end, a future. It has let go of the state once it was ready: an answered request pays for no more
/// than that.
#[derive(Debug)]
pub(super) struct Reply(Option<triomphe::Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    deadline: Option<Instant>,
    /// Apart from the state, so that to take a command for writing is one atomic operation. `WITHDRAWN` is set under the lock
    /// of the state.
    phase: AtomicU8,
    state: Mutex<State>,
}

/// Not taken for writing yet.
const QUEUED: u8 = 0;
/// Taken for writing: it may be applied from then on.
const TAKEN: u8 = 1;
/// Its caller has gone, before it was taken or after.
const WITHDRAWN: u8 = 2;

#[derive(Debug)]
enum State {
    /// There is no reply yet.
    Waiting(Option<Waker>),
    /// Taken for writing, and a pipeline. In a box: commands by themselves are not to pay for it.
    Gathering(Box<Gathering>),
    /// Answered; `None` while the caller takes it.
    Done(Option<Result<Value, Error>>),
    /// The caller has gone.
    Abandoned,
}

#[derive(Debug)]
struct Gathering {
    waker: Option<Waker>,
    gathered: Gathered,
}

/// The replies of a pipeline that have come.
#[derive(Debug)]
pub(super) struct Gathered {
    batch: Arc<Batch>,
    replies: Vec<Value>,
}

#[inline]
pub(super) fn pair(deadline: Option<Instant>) -> (Promise, Reply) {
    let shared = triomphe::Arc::new(Shared {
        deadline,
        phase: AtomicU8::new(QUEUED),
        state: Mutex::new(State::Waiting(None)),
    });
    (
        Promise(Some(triomphe::Arc::clone(&shared))),
        Reply(Some(shared)),
    )
}

impl Promise {
    #[inline]
    fn shared(&self) -> &Shared {
        self.0.as_ref().expect("there until it is kept")
    }

    /// Takes the command for writing, once; false if its caller has gone, so that it must not be written.
    #[inline]
    pub(super) fn take(&self) -> bool {
        let phase = &self.shared().phase;
        let taken = phase.compare_exchange(QUEUED, TAKEN, Ordering::AcqRel, Ordering::Acquire);
        taken.is_ok()
    }

    /// As [`take`](Promise::take), for a pipeline.
    pub(super) fn take_to_gather(&self, batch: &Arc<Batch>) -> bool {
        let mut state = self.shared().state.lock();
        let State::Waiting(waker) = &mut *state else {
            return false;
        };
        if !self.take() {
            return false;
        }
        *state = State::Gathering(Box::new(Gathering {
            waker: waker.take(),
            gathered: Gathered {
                batch: Arc::clone(batch),
                replies: Vec::with_capacity(batch.commands().len()),
            },
        }));
        true
    }

    /// Keeps the next reply of a pipeline; dropped if the caller has gone.
    pub(super) fn gather(&self, reply: Value) {
        if let State::Gathering(gathering) = &mut *self.shared().state.lock() {
            gathering.gathered.replies.push(reply);
        }
    }

    /// True if nobody waits for the reply any more.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(*self.shared().state.lock(), State::Abandoned)
    }

    /// By when the caller wanted the reply.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.shared().deadline
    }

    /// The same if the caller still wants it.
    pub(super) fn wanted_by(&self) -> Option<Instant> {
        let is_wanted = matches!(
            *self.shared().state.lock(),
            State::Waiting(_) | State::Gathering(_)
        );
        self.shared().deadline.filter(|_| is_wanted)
    }

    /// What wakes the caller, who is about to be woken; if it waits.
    pub(super) fn take_waker(&self) -> Option<Waker> {
        match &mut *self.shared().state.lock() {
            State::Waiting(waker) => waker.take(),
            State::Gathering(gathering) => gathering.waker.take(),
            State::Done(_) | State::Abandoned => None,
        }
    }

    /// Hands over the reply; dropped if the caller has gone.
    #[inline]
    pub(super) fn fulfil(mut self, result: Result<Value, Error>) {
        let Some(shared) = self.0.take() else { return };
        let mut state = shared.state.lock();
        let waker = match &mut *state {
            State::Waiting(waker) => waker.take(),
            State::Gathering(gathering) => gathering.waker.take(),
            State::Done(_) | State::Abandoned => return,
        };
        *state = State::Done(Some(result));
        drop(state);
        // Before the caller is woken: it then has the state for itself.
        drop(shared);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Hands over what `conclude` makes of the gathered replies; not called if the caller has gone.
    pub(super) fn fulfil_gathered(
        mut self,
        conclude: impl FnOnce(Gathered) -> Result<Value, Error>,
    ) {
        let Some(shared) = self.0.take() else { return };
        let mut state = shared.state.lock();
        if !matches!(*state, State::Gathering(_)) {
            return;
        }
        // The caller cannot leave in between, and record something else.
        let State::Gathering(gathering) = std::mem::replace(&mut *state, State::Done(None)) else {
            unreachable!("looked at under the same lock");
        };
        *state = State::Done(Some(conclude(gathering.gathered)));
        drop(state);
        drop(shared);
        if let Some(waker) = gathering.waker {
            waker.wake();
        }
    }
}

impl Reply {
    /// By when it is wanted.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.as_ref()?.deadline
    }

    /// Gives up. From here on a command that was not written will not be; says how far it had got, and hands
    /// over what has come of a pipeline.
    pub(super) fn abandon(&mut self) -> (Delivery, Option<Gathered>) {
        let Some(shared) = self.0.take() else {
            return (Delivery::Unknown, None);
        };
        let mut state = shared.state.lock();
        let delivery = match shared.phase.swap(WITHDRAWN, Ordering::AcqRel) {
            QUEUED => Delivery::NotSent,
            _ => Delivery::Unknown,
        };
        match std::mem::replace(&mut *state, State::Abandoned) {
            State::Waiting(_) => (delivery, None),
            State::Gathering(gathering) => (Delivery::Unknown, Some(gathering.gathered)),
            State::Done(_) | State::Abandoned => (Delivery::Unknown, None),
        }
    }
}

impl Gathered {
    /// The reply of a pipeline of which no more are due.
    pub(super) fn into_reply(self) -> Value {
        debug_assert_eq!(self.replies.len(), self.batch.commands().len());
        Value::Array(self.replies)
    }

    /// Records in the batch which replies have come, and what `error` says of each of the other commands, in order.
    pub(super) fn record(self, error: impl FnMut() -> Error) {
        let missing = self.batch.commands().len() - self.replies.len();
        let errors = std::iter::repeat_with(error).take(missing);
        let results = self.replies.into_iter().map(Ok).chain(errors.map(Err));
        self.batch.record(results.map(Outcome::Final).collect());
    }
}

impl State {
    /// What a state says that nobody changes any more.
    fn into_result(self) -> Result<Value, Error> {
        match self {
            Self::Done(Some(result)) => result,
            Self::Done(None) | Self::Abandoned => {
                unreachable!("only the caller takes the reply or gives it up, and then lets go")
            }
            Self::Waiting(_) | Self::Gathering(_) => {
                unreachable!("each promise is kept")
            }
        }
    }
}

impl Future for Reply {
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.0.take().expect("polled after it was ready");
        // Mostly the driver has handed the reply over and let go of it.
        let shared = match triomphe::Arc::try_unwrap(shared) {
            Ok(alone) => return Poll::Ready(alone.state.into_inner().into_result()),
            Err(shared) => shared,
        };
        let mut state = shared.state.lock();
        match &mut *state {
            State::Waiting(waker) => register(waker, cx),
            State::Gathering(gathering) => register(&mut gathering.waker, cx),
            state => {
                let state = std::mem::replace(state, State::Done(None));
                return Poll::Ready(state.into_result());
            }
        }
        drop(state);
        self.0 = Some(shared);
        Poll::Pending
    }
}

/// The error of a command that the driver has forgotten, as when it panics.
fn dropped(delivery: Delivery) -> Error {
    Error::not_sent(
        ErrorKind::Connection,
        "the connection ended before the reply",
    )
    .with_delivery(delivery)
}

/// The error of a command that was written, and nobody waited for its reply.
fn given_up() -> Error {
    Error::not_sent(
        ErrorKind::Timeout,
        "the request was given up before the reply",
    )
    .with_delivery(Delivery::Unknown)
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let delivery = match shared.phase.load(Ordering::Acquire) {
                QUEUED => Delivery::NotSent,
                _ => Delivery::Unknown,
            };
            Self(Some(shared)).fulfil(Err(dropped(delivery)));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.0.is_none() {
            return;
        }
        wakeup::withdraw();
        if let (_, Some(gathered)) = self.abandon() {
            gathered.record(given_up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_that_was_taken_is_not_said_to_be_unsent() {
        let pipeline = crate::command::Command::pipeline([crate::cmd("GET").arg("k")]);
        let batch = pipeline.batch().expect("a batch");
        let (promise, reply) = pair(None);
        assert!(promise.take_to_gather(batch));
        // As when the driver panics.
        drop(promise);
        let error = tokio_test::assert_ready_err!(tokio_test::task::spawn(reply).poll());
        assert_eq!(error.delivery(), Delivery::Unknown);
    }

    #[test]
    fn an_abandoned_command_is_not_taken_for_writing() {
        let (promise, mut reply) = pair(None);
        assert_eq!(reply.abandon().0, Delivery::NotSent);
        assert!(!promise.take());
    }

    #[test]
    fn once_taken_its_fate_is_unknown() {
        let (promise, mut reply) = pair(None);
        assert!(promise.take());
        assert_eq!(reply.abandon().0, Delivery::Unknown);
        assert!(promise.is_abandoned());
        promise.fulfil(Ok(Value::Nil));
    }

    #[test]
    fn a_promise_that_is_dropped_is_kept() {
        for is_taken in [false, true] {
            let (promise, reply) = pair(None);
            let mut reply = tokio_test::task::spawn(reply);
            assert!(reply.poll().is_pending());
            assert!(!is_taken || promise.take());
            drop(promise);
            assert!(reply.is_woken());
            let error = tokio_test::assert_ready_err!(reply.poll());
            assert_eq!(error.delivery() == Delivery::NotSent, !is_taken);
        }
    }

    #[test]
    fn the_caller_is_woken_by_the_reply() {
        let (promise, reply) = pair(None);
        let mut reply = tokio_test::task::spawn(reply);
        assert!(reply.poll().is_pending());
        assert!(promise.take());
        promise.fulfil(Ok(Value::Integer(1)));
        assert!(reply.is_woken());
        assert_eq!(
            tokio_test::assert_ready!(reply.poll()).ok(),
            Some(Value::Integer(1))
        );
    }
}
