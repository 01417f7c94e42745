//! The error reply of a server.

use std::fmt;

use bytes::Bytes;

use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::Delivery;

/// An error reply, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
///
/// Its first word, the [`code`](ServerError::code), is what programs look at; the rest is for people. Two are equal if
/// their texts are, whoever sent them.
#[derive(Clone)]
pub struct ServerError {
    // In a box: values are as large as the largest of them, and errors are rare.
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    line: Bytes,
    node: Option<NodeAddr>,
    slot: Option<Slot>,
}

impl ServerError {
    /// An error reply with this text, code first, without the leading `-`.
    pub fn new(line: impl Into<Bytes>) -> Self {
        Self {
            inner: Box::new(Inner {
                line: line.into(),
                node: None,
                slot: None,
            }),
        }
    }

    /// The node that answered so, if a [`Route`](crate::route::Route) passed the reply on.
    pub fn node(&self) -> Option<&NodeAddr> {
        self.inner.node.as_ref()
    }

    /// The slot of the command that was answered so, from the same source.
    pub fn slot(&self) -> Option<Slot> {
        self.inner.slot
    }

    /// Notes where it comes from.
    #[cold]
    pub(crate) fn set_origin(&mut self, node: &NodeAddr, slot: Option<Slot>) {
        self.inner.node = Some(node.clone());
        self.inner.slot = slot;
    }

    /// The first word, such as `WRONGTYPE`; empty if it is not text.
    pub fn code(&self) -> &str {
        let end = memchr::memchr(b' ', &self.inner.line).unwrap_or(self.inner.line.len());
        std::str::from_utf8(&self.inner.line[..end]).unwrap_or_default()
    }

    /// True if this text is part of it.
    pub(crate) fn repeats(&self, text: &str) -> bool {
        !text.is_empty() && memchr::memmem::find(&self.inner.line, text.as_bytes()).is_some()
    }

    /// True if a server refused a command that it, or another node, will serve later.
    pub(crate) fn is_unready(&self) -> bool {
        let is_not_yet = matches!(
            self.code(),
            "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING"
        );
        is_not_yet || self.is_misdirected() || self.is_forced_unblock()
    }

    /// True if a server refused a command because it is for another one.
    pub(crate) fn is_misdirected(&self) -> bool {
        matches!(self.code(), "MOVED" | "ASK" | "READONLY")
    }

    /// True if a server no longer knows who is at the other end of the connection.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        self.code() == "NOAUTH" && self.delivery() == Delivery::NotApplied
    }

    /// True if a node let go of a client that blocked on it because it lost its role. An operator's `CLIENT UNBLOCK` has
    /// the same code.
    pub(crate) fn is_forced_unblock(&self) -> bool {
        self.code() == "UNBLOCKED" && self.message().starts_with(b"force unblock")
    }

    /// The bytes after the code.
    pub fn message(&self) -> &[u8] {
        memchr::memchr(b' ', &self.inner.line).map_or(&[], |space| &self.inner.line[space + 1..])
    }

    /// The whole text, as sent.
    pub fn as_bytes(&self) -> &Bytes {
        &self.inner.line
    }

    /// [`Delivery::NotApplied`] where the code says that the server refused the command before it touched any
    /// data; [`Delivery::Unknown`] for all others, and for every error out of a script or function, which may
    /// have failed halfway.
    pub fn delivery(&self) -> Delivery {
        // Redis 7 and Valkey pass on the code of the call that failed, and add where: the script had been running.
        if memchr::memmem::find(&self.inner.line, b" script: ").is_some() {
            return Delivery::Unknown;
        }
        match self.code() {
            "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING"
            | "READONLY" | "CROSSSLOT" | "NOAUTH" | "NOPERM" | "WRONGPASS" | "NOPROTO" | "BUSY"
            | "OOM" | "MISCONF" | "NOREPLICAS" | "NOSCRIPT" | "EXECABORT" | "WRONGTYPE"
            | "UNBLOCKED" => Delivery::NotApplied,
            _ => Delivery::Unknown,
        }
    }
}

impl PartialEq for ServerError {
    fn eq(&self, other: &Self) -> bool {
        self.inner.line == other.inner.line
    }
}

impl Eq for ServerError {}

impl std::error::Error for ServerError {}

/// No more of an error than this many bytes is for people to read, and for logs to hold.
const SHOWN: usize = 1024;

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Servers repeat the first arguments of a command they do not know: a value, perhaps.
        let text = String::from_utf8_lossy(&self.inner.line[..self.inner.line.len().min(SHOWN)]);
        let (text, is_whole) = match text.split_once(", with args beginning with:") {
            Some((text, _)) => (text, true),
            None => (&*text, self.inner.line.len() <= SHOWN),
        };
        f.write_str(text)?;
        f.write_str(if is_whole { "" } else { "..." })
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_out_of_a_script_may_have_been_applied() {
        let refused = ServerError::new("WRONGTYPE Operation against a key");
        assert_eq!(refused.delivery(), Delivery::NotApplied);
        let halfway = ServerError::new(
            "WRONGTYPE Operation against a key script: 6f0a3c, on @user_script:1.",
        );
        assert_eq!(halfway.delivery(), Delivery::Unknown);
    }

    #[test]
    fn an_unknown_command_does_not_show_its_arguments() {
        let error = ServerError::new(
            "ERR unknown command 'SETT', with args beginning with: 'key' 'secret'",
        );
        assert_eq!(error.to_string(), "ERR unknown command 'SETT'");
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn an_error_without_end_is_not_shown_in_full() {
        let error = ServerError::new(vec![b'x'; 1024 * 1024]);
        assert_eq!(error.to_string().len(), SHOWN + 3);
        assert!(format!("{error:?}").len() < 2 * SHOWN);
    }

    #[test]
    fn the_code_is_the_first_word() {
        let error = ServerError::new("MOVED 12182 10.0.0.1:7000");
        assert_eq!(error.code(), "MOVED");
        assert_eq!(error.message(), b"12182 10.0.0.1:7000");
        assert_eq!(ServerError::new("BUSY").code(), "BUSY");
        assert_eq!(ServerError::new("BUSY").message(), b"");
        assert_eq!(ServerError::new("").code(), "");
        assert_eq!(ServerError::new(&b"\xff x"[..]).code(), "");
    }
}
