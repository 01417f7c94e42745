//! The two ends of one reply: the driver keeps a [`Promise`], the caller waits for the [`Reply`].
//!
//! Unlike a oneshot channel, the pair also knows whether the command was taken for writing, and lets exactly
//! one side win: a caller that leaves before that is told that nothing was sent, and nothing will be.
//!
//! ```text
//!   Queued ──take──▶ Written ──fulfil──▶ Done
//!      │                │
//!      └──────drop of the Reply──────▶ Abandoned
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::{Delivery, Error};
use crate::value::Value;

/// The driver's end.
#[derive(Debug)]
pub(super) struct Promise(Arc<Mutex<State>>);

/// The caller's end, a future.
#[derive(Debug)]
pub(super) struct Reply(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    /// Waits to be written.
    Queued(Option<Waker>),
    /// Taken for writing: from here on it may be applied.
    Written(Option<Waker>),
    /// Answered, and perhaps taken by the caller already.
    Done(Option<Result<Value, Error>>),
    /// The caller has gone.
    Abandoned,
}

pub(super) fn pair() -> (Promise, Reply) {
    let state = Arc::new(Mutex::new(State::Queued(None)));
    (Promise(Arc::clone(&state)), Reply(state))
}

impl Promise {
    /// Takes the command for writing; false if its caller has gone, so that it must not be written.
    pub(super) fn take(&self) -> bool {
        let mut state = self.0.lock();
        match &mut *state {
            State::Queued(waker) => {
                *state = State::Written(waker.take());
                true
            }
            State::Written(_) => true,
            State::Done(_) | State::Abandoned => false,
        }
    }

    /// True if nobody waits for the reply any more.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(*self.0.lock(), State::Abandoned)
    }

    /// Hands over the reply; dropped if the caller has gone.
    pub(super) fn fulfil(self, result: Result<Value, Error>) {
        let mut state = self.0.lock();
        let waker = match &mut *state {
            State::Queued(waker) | State::Written(waker) => waker.take(),
            State::Done(_) | State::Abandoned => return,
        };
        *state = State::Done(Some(result));
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Reply {
    /// Gives up. From here on a command that was not written will not be; says how far it had got.
    pub(super) fn abandon(&self) -> Delivery {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Abandoned) {
            State::Queued(_) => Delivery::NotSent,
            State::Written(_) | State::Done(_) | State::Abandoned => Delivery::Unknown,
        }
    }
}

impl Future for Reply {
    type Output = Result<Value, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        match &mut *state {
            State::Queued(waker) | State::Written(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            State::Done(result) => Poll::Ready(result.take().expect("polled after it was ready")),
            State::Abandoned => {
                unreachable!("only the reply's own end abandons it, and does not poll again")
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_command_is_not_taken_for_writing() {
        let (promise, reply) = pair();
        assert_eq!(reply.abandon(), Delivery::NotSent);
        assert!(!promise.take());
    }

    #[test]
    fn once_taken_its_fate_is_unknown() {
        let (promise, reply) = pair();
        assert!(promise.take());
        assert_eq!(reply.abandon(), Delivery::Unknown);
        assert!(promise.is_abandoned());
        promise.fulfil(Ok(Value::Nil));
    }

    #[test]
    fn the_caller_is_woken_by_the_reply() {
        let (promise, reply) = pair();
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
