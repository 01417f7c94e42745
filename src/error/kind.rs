//! [`ErrorKind`].

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
    /// The server answered with an error reply; see [`Error::server_error`](crate::Error::server_error).
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
    /// A layer that is not part of this crate failed; see [`source`](std::error::Error::source).
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
