//! The one error of the crate, and how far a failed command got.
//!
//! Inside the stack, services talk in [`BoxError`] as Tower services do, so that any layer fits between ours.
//! At the edge, [`Error::from`] finds our own error again inside whatever the layers between made of it.

mod delivery;
mod kind;
mod shown;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tower::BoxError;

pub use self::delivery::Delivery;
pub use self::kind::ErrorKind;
use self::shown::Shown;
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::scatter::PartialFailure;
use crate::value::ServerError;

/// The error of every fallible operation of this crate. Cheap to clone.
///
/// [`kind`](Error::kind) says what happened, [`delivery`](Error::delivery) whether the command may have been
/// applied, and the remaining accessors where: the [`node`](Error::node), the [`slot`](Error::slot), the
/// [`command`](Error::command) and the number of [`attempts`](Error::attempts).
///
/// `Display` is one line with all of that, and the reason for which the attempt before failed if this one only ran out of
/// time. What lies behind, such as the error of the operating system, is in [`source`](StdError::source).
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    delivery: Delivery,
    message: Cow<'static, str>,
    command: Option<Cow<'static, str>>,
    node: Option<NodeAddr>,
    slot: Option<Slot>,
    attempts: u32,
    note: Option<String>,
    server: Option<ServerError>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// The keys it is about, for people; not for spans.
    names: Option<Box<str>>,
    partial: Option<Arc<PartialFailure>>,
}

impl Error {
    /// An error that says what happened. Its delivery is [`Delivery::Unknown`] until
    /// [`with_delivery`](Error::with_delivery) says otherwise: a layer that refuses a request says
    /// [`Delivery::NotSent`], with which every command may be retried.
    ///
    /// Messages are lower case without a full stop; node, slot and command belong in the fields made for
    /// them and are displayed from there.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::not_sent(kind, message).with_delivery(Delivery::Unknown)
    }

    /// The error of a command of which nothing was written.
    pub(crate) fn not_sent(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                kind,
                delivery: Delivery::NotSent,
                message: message.into(),
                command: None,
                node: None,
                slot: None,
                attempts: 0,
                note: None,
                server: None,
                source: None,
                names: None,
                partial: None,
            }),
        }
    }

    /// The error for a server's error reply.
    pub fn server(error: ServerError) -> Self {
        let mut this = Self::not_sent(ErrorKind::Server, "the server answered with an error");
        let inner = this.inner_mut();
        inner.delivery = error.delivery();
        inner.node = error.node().cloned();
        inner.slot = error.slot();
        inner.server = Some(error);
        this
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// How far the command got.
    pub fn delivery(&self) -> Delivery {
        self.inner.delivery
    }

    /// The server's error reply, if that is what this error is about.
    pub fn server_error(&self) -> Option<&ServerError> {
        self.inner.server.as_ref()
    }

    /// What became of each part of a command that concerned several nodes, and failed at some of them: which keys or
    /// nodes are done, not done, or unknown. The error itself then tells the first cause.
    pub fn partial(&self) -> Option<&PartialFailure> {
        self.inner.partial.as_deref()
    }

    /// The name of the command, such as `GET`.
    pub fn command(&self) -> Option<&str> {
        self.inner.command.as_deref()
    }

    /// The node that was involved last.
    pub fn node(&self) -> Option<&NodeAddr> {
        self.inner.node.as_ref()
    }

    /// The slot of the command's keys.
    pub fn slot(&self) -> Option<Slot> {
        self.inner.slot
    }

    /// How many times the command was tried, 0 if it did not come that far.
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// True if a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.inner.kind == ErrorKind::Timeout
    }

    /// True if a node could not be reached, refused the credentials, or a connection was lost.
    pub fn is_connection(&self) -> bool {
        matches!(
            self.inner.kind,
            ErrorKind::Connect | ErrorKind::Connection | ErrorKind::Authentication
        )
    }

    /// True if a bound on work in flight was reached: here, or in a `load_shed` layer of the application.
    pub fn is_overloaded(&self) -> bool {
        self.inner.kind == ErrorKind::Overloaded
    }

    /// True if the server does not let this user do it: the command, the key or the database (`NOPERM`), or that it
    /// wants other credentials. The message is the server's. Never retried, since only an operator can mend it.
    ///
    /// What a script was not permitted is an error of the script, which servers word in ways of their own.
    pub fn is_permission_denied(&self) -> bool {
        self.inner.kind == ErrorKind::Authentication
            || (self.server_error()).is_some_and(|error| error.code() == "NOPERM")
    }

    /// True if the server answered with an error reply.
    pub fn is_server(&self) -> bool {
        self.inner.kind == ErrorKind::Server
    }

    /// True if the caller asked for something that cannot work, whatever is in the cluster and whatever state it is in.
    pub fn is_caller(&self) -> bool {
        matches!(
            self.inner.kind,
            ErrorKind::InvalidCommand | ErrorKind::Config
        )
    }

    /// True if the cluster gave no usable answer, and may do so later: a deadline passed, a node could not be reached, was
    /// lost or is not answering, no node serves the slot, or one is not ready. Whether the command was applied all the same,
    /// [`delivery`](Error::delivery) tells.
    ///
    /// In one outage requests end in several of these ways, by what each waited for when its time was up. A web service
    /// answers all of them with 503.
    pub fn is_unavailable(&self) -> bool {
        match self.inner.kind {
            ErrorKind::Connect
            | ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::Topology
            | ErrorKind::TooManyRedirects
            | ErrorKind::Unavailable => true,
            ErrorKind::Server => self.server_error().is_some_and(ServerError::is_unready),
            _ => false,
        }
    }

    /// Sets how far the command got.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.inner_mut().delivery = delivery;
        self
    }

    /// Sets the name of the command, unless it is known already.
    #[must_use]
    pub fn with_command(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        if self.inner.command.is_none() {
            self.inner_mut().command = Some(name.into());
        }
        self
    }

    /// Sets the node, unless it is known already.
    #[must_use]
    pub fn with_node(mut self, node: NodeAddr) -> Self {
        if self.inner.node.is_none() {
            self.inner_mut().node = Some(node);
        }
        self
    }

    /// Sets the slot, unless it is known already.
    #[must_use]
    pub fn with_slot(mut self, slot: Slot) -> Self {
        if self.inner.slot.is_none() {
            self.inner_mut().slot = Some(slot);
        }
        self
    }

    /// Sets the number of attempts made.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.inner_mut().attempts = attempts;
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner_mut().source = Some(Arc::from(source.into()));
        self
    }

    /// Sets which keys it is about, as they are to be shown.
    #[must_use]
    pub(crate) fn with_names(mut self, names: impl Into<Box<str>>) -> Self {
        self.inner_mut().names = Some(names.into());
        self
    }

    /// Sets what became of each part.
    #[must_use]
    pub(crate) fn with_partial(mut self, partial: PartialFailure) -> Self {
        self.inner_mut().partial = Some(Arc::new(partial));
        self
    }

    /// As it is displayed, but without the names of keys: for spans.
    pub(crate) fn without_names(&self) -> impl fmt::Display + '_ {
        Shown {
            error: self,
            with_names: false,
        }
    }

    /// Sets what else is to be said of it, in place of its delivery: which of several commands it is, and what became
    /// of the others.
    pub(crate) fn with_note(mut self, note: String) -> Self {
        self.inner_mut().note = Some(note);
        self
    }

    /// What went wrong in one word without contents: the code of the server's reply, or else the kind.
    pub(crate) fn cause(&self) -> &str {
        match &self.inner.server {
            Some(error) => error.code(),
            None => self.inner.kind.as_str(),
        }
    }

    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
    }

    /// Looks for an error of ours in `error` and behind it, and failing that for tower's own errors.
    pub(crate) fn find(error: &(dyn StdError + Send + Sync + 'static)) -> Option<Self> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(ours) = error.downcast_ref::<Self>() {
                return Some(ours.clone());
            }
            if error.is::<tower::timeout::error::Elapsed>() {
                // tower's timeout cannot know how far the command got.
                return Some(
                    Self::not_sent(ErrorKind::Timeout, "a timeout layer's time was up")
                        .with_delivery(Delivery::Unknown),
                );
            }
            if error.is::<tower::load_shed::error::Overloaded>() {
                return Some(Self::not_sent(
                    ErrorKind::Overloaded,
                    "a load shed layer refused the request",
                ));
            }
            if error.is::<tower::buffer::error::Closed>() {
                return Some(
                    Self::not_sent(ErrorKind::Shutdown, "a buffer's worker has ended")
                        .with_delivery(Delivery::Unknown),
                );
            }
            next = error.source();
        }
        None
    }
}

impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return *ours,
            Err(other) => other,
        };
        Self::find(&*error).unwrap_or_else(|| {
            Self::not_sent(ErrorKind::Other, "a layer of the application failed")
                .with_delivery(Delivery::Unknown)
                .with_source(error)
        })
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::server(error)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("delivery", &self.inner.delivery)
            .field("message", &format_args!("{self}"))
            .field("source", &self.inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
