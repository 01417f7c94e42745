//! A leased connection in the hands of an application.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::leased::Leased;
use super::residue::{Residue, depends_on_reply};
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::lifecycle;
use crate::value::Value;

/// A leased connection that can be cloned. It goes back to its lane with the last clone and the last response.
pub(super) struct Held<S> {
    /// Dropped before `hold`, which gives the connection back.
    service: S,
    hold: Arc<Hold<S>>,
}

/// What the clones share.
struct Hold<S> {
    leased: Leased<S>,
    residue: Mutex<Residue>,
    /// The node was named by an `ASK`: until it owns the slot, it answers only behind an `ASKING`.
    is_asking: bool,
    /// A shutdown waits for it. Dropped last.
    _counted: lifecycle::Leased,
}

impl<S> Drop for Hold<S> {
    fn drop(&mut self) {
        self.leased.set_clean(self.residue.get_mut().is_none());
    }
}

impl<S: Clone> Held<S> {
    /// A connection whose commands all go behind an `ASKING`, or none.
    pub(super) fn new(mut leased: Leased<S>, is_asking: bool) -> Self {
        let service = leased.service().clone();
        let hold = Hold {
            _counted: leased.lifecycle().leased(),
            leased,
            residue: Mutex::default(),
            is_asking,
        };
        Self {
            service,
            hold: Arc::new(hold),
        }
    }
}

impl<S> Service<Command> for Held<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>>,
{
    type Response = Value;
    type Error = Error;
    type Future = HeldFuture<S::Future, S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = self.service.poll_ready(cx);
        ready.map_err(|error| Error::from(error.into()).with_delivery(Delivery::NotSent))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let mut command = command.blocking_within_deadline();
        command.set_exclusive();
        let depends_on_reply = depends_on_reply(&command);
        let outstanding = Outstanding {
            hold: Some(Arc::clone(&self.hold)),
        };
        // Noted in the order of the calls, which is that in which they are sent.
        let mut residue = self.hold.residue.lock();
        command.set_asking(self.hold.is_asking && residue.allows_asking(&command));
        residue.note(&command);
        let reply = self.service.call(command);
        drop(residue);
        HeldFuture {
            reply,
            depends_on_reply,
            outstanding,
        }
    }
}

impl<S: Clone> Clone for Held<S> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            hold: Arc::clone(&self.hold),
        }
    }
}

pin_project! {
    /// The response of a [`Held`] connection, which it keeps leased.
    pub(super) struct HeldFuture<F, S> {
        #[pin]
        reply: F,
        // What was noted of the command holds only if the server accepts it.
        depends_on_reply: bool,
        // Dropped after the reply's future.
        outstanding: Outstanding<S>,
    }
}

/// A reply that was not read yet. Dropped like that, the connection is not to be given to others.
struct Outstanding<S> {
    hold: Option<Arc<Hold<S>>>,
}

impl<S> Drop for Outstanding<S> {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.residue.lock().set_lasting();
        }
    }
}

impl<F, S, E> Future for HeldFuture<F, S>
where
    F: Future<Output = Result<Value, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Value, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.reply.poll(cx)).map_err(|error| Error::from(error.into()));
        let is_answered = match &result {
            Ok(reply) => !*this.depends_on_reply || is_accepted(reply),
            // A connection that is not ready is not for the next one.
            Err(error) => {
                !*this.depends_on_reply
                    && error.delivery() == Delivery::NotSent
                    && error.kind() != ErrorKind::Unavailable
            }
        };
        if is_answered {
            this.outstanding.hold = None;
        }
        Poll::Ready(result)
    }
}

/// True unless the reply, or one of a pipeline's, is an error.
fn is_accepted(reply: &Value) -> bool {
    match reply {
        Value::Error(_) => false,
        Value::Array(replies) => !replies.iter().any(|each| matches!(each, Value::Error(_))),
        _ => true,
    }
}
