//! The one error of the crate, and how far a failed command got.
//!
//! Inside the stack, services talk in [`BoxError`] as Tower services do, so that any layer fits between ours.
//! At the edge, [`Error::from`] finds our own error again inside whatever the layers between made of it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tower::BoxError;

use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::scatter::PartialFailure;
use crate::value::ServerError;

/// How far a command got before it failed: what decides whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// No byte of it was written. Every command may be retried.
    NotSent,
    /// The server refused it without applying it (`TRYAGAIN`, `CLUSTERDOWN`, `LOADING`, ...).
    /// Every command may be retried.
    NotApplied,
    /// It was written, and then the connection or the deadline went: it may have been applied or not.
    /// Only read-only or explicitly idempotent commands may be retried. Also for a reply of another type than asked
    /// for, and for error replies that do not tell ([`ServerError::delivery`]).
    Unknown,
}

impl Delivery {
    /// How far the command got at most, of what is known from two sources.
    pub(crate) fn at_most(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::NotApplied, _) | (_, Self::NotApplied) => Self::NotApplied,
            (Self::NotSent, Self::NotSent) => Self::NotSent,
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "not sent",
            Self::NotApplied => "not applied",
            Self::Unknown => "may have been applied",
        })
    }
}

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A node could not be reached, or did not complete the handshake.
    Connect,
    /// The server refused the credentials.
    Authentication,
    /// An established connection was lost or closed.
    Connection,
    /// The deadline passed.
    Timeout,
    /// The peer sent something that is not RESP, or an answer that makes no sense.
    Protocol,
    /// The server answered with an error reply; see [`Error::server_error`].
    Server,
    /// The command was redirected more often than allowed.
    TooManyRedirects,
    /// No known node serves the command's slot, or the topology could not be discovered.
    Topology,
    /// A bound on commands or bytes in flight was reached.
    Overloaded,
    /// The command was held back: its node is not answering, and is being looked after meanwhile.
    Unavailable,
    /// The command cannot be sent as it is: no name, keys in different slots, too large.
    InvalidCommand,
    /// The reply could not be converted to the type asked for.
    Conversion,
    /// The transaction was not executed: a key that it watched has changed.
    Aborted,
    /// A URL or a setting is wrong.
    Config,
    /// The client was shut down.
    Shutdown,
    /// A layer that is not part of this crate failed; see [`source`](StdError::source).
    Other,
}

impl ErrorKind {
    /// The kind in lower case with underscores, for spans and events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Authentication => "authentication",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Server => "server",
            Self::TooManyRedirects => "too_many_redirects",
            Self::Topology => "topology",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::InvalidCommand => "invalid_command",
            Self::Conversion => "conversion",
            Self::Aborted => "aborted",
            Self::Config => "config",
            Self::Shutdown => "shutdown",
            Self::Other => "other",
        }
    }
}

/// The error of every fallible operation of this crate. Cheap to clone.
///
/// [`kind`](Error::kind) says what happened, [`delivery`](Error::delivery) whether the command may have been
/// applied, and the remaining accessors where: the [`node`](Error::node), the [`slot`](Error::slot), the
/// [`command`](Error::command) and the number of [`attempts`](Error::attempts).
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
    /// An error that says what happened. Its delivery is [`Delivery::NotSent`] until
    /// [`with_delivery`](Error::with_delivery) says otherwise.
    ///
    /// Messages are lower case without a full stop; node, slot and command belong in the fields made for
    /// them and are displayed from there.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
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
        let mut this = Self::new(ErrorKind::Server, "the server answered with an error");
        let inner = this.inner_mut();
        inner.delivery = error.delivery();
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

    /// True if a node could not be reached or a connection was lost.
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

    /// True if the caller asked for something that cannot work, whatever the state of the cluster.
    pub fn is_caller(&self) -> bool {
        matches!(
            self.inner.kind,
            ErrorKind::InvalidCommand | ErrorKind::Config | ErrorKind::Conversion
        )
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
                    Self::new(ErrorKind::Timeout, "a timeout layer's time was up")
                        .with_delivery(Delivery::Unknown),
                );
            }
            if error.is::<tower::load_shed::error::Overloaded>() {
                return Some(Self::new(
                    ErrorKind::Overloaded,
                    "a load shed layer refused the request",
                ));
            }
            if error.is::<tower::buffer::error::Closed>() {
                return Some(
                    Self::new(ErrorKind::Shutdown, "a buffer's worker has ended")
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
            Self::new(ErrorKind::Other, "a layer of the application failed")
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_names = true;
        Shown {
            error: self,
            with_names,
        }
        .fmt(f)
    }
}

/// An error as it is displayed, with or without the names of keys.
struct Shown<'a> {
    error: &'a Error,
    with_names: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.error.inner;
        match &inner.server {
            Some(error) => write!(f, "{error}")?,
            None => f.write_str(&inner.message)?,
        }
        if let Some(names) = inner.names.as_deref().filter(|_| self.with_names) {
            write!(f, ": {names}")?;
        }
        let mut separator = " (";
        let mut fact = |f: &mut fmt::Formatter<'_>, args: fmt::Arguments<'_>| {
            f.write_str(std::mem::replace(&mut separator, ", "))?;
            f.write_fmt(args)
        };
        if let Some(command) = &inner.command {
            fact(f, format_args!("command {command}"))?;
        }
        if let Some(slot) = inner.slot {
            fact(f, format_args!("slot {slot}"))?;
        }
        if let Some(node) = &inner.node {
            fact(f, format_args!("node {node}"))?;
        }
        if inner.attempts > 1 {
            fact(f, format_args!("{} attempts", inner.attempts))?;
        }
        let is_known = matches!(inner.kind, ErrorKind::Conversion | ErrorKind::Server);
        if let Some(note) = &inner.note {
            fact(f, format_args!("{note}"))?;
        } else if !is_known && inner.command.is_some() {
            fact(f, format_args!("{}", inner.delivery))?;
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        match inner.partial.as_deref() {
            None => Ok(()),
            Some(partial) if self.with_names => write!(f, "; {partial}"),
            Some(partial) => write!(f, "; {}", partial.counts()),
        }
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
