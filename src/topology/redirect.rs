//! Redirects: what a node answers when another one serves the slot.

use std::fmt;

use super::announced::Announced;
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::ServerError;

/// A `MOVED` or `ASK` reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    kind: RedirectKind,
    slot: Slot,
    addr: NodeAddr,
}

/// What kind of redirect it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectKind {
    /// The slot is served elsewhere from now on.
    Moved,
    /// The slot is being migrated: this once, ask the other node, after `ASKING`.
    Ask,
}

impl Redirect {
    /// Reads an error reply of the node `answered_by`; `None` if it is no redirect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] if it is one, but names no slot or no node that can be dialled.
    pub fn parse(error: &ServerError, answered_by: &NodeAddr) -> Option<Result<Self, Error>> {
        Self::read(error, &super::AddrMap::default().answered_by(answered_by))
    }

    /// What kind of redirect it is.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// The slot it is about.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The node to go to.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    pub(crate) fn into_addr(self) -> NodeAddr {
        self.addr
    }

    /// As [`parse`](Self::parse); also [`ErrorKind::Topology`] if the node's address is not allowed.
    pub(crate) fn read(
        error: &ServerError,
        announced: &Announced<'_>,
    ) -> Option<Result<Self, Error>> {
        let kind = match error.code() {
            "MOVED" => RedirectKind::Moved,
            "ASK" => RedirectKind::Ask,
            _ => return None,
        };
        let parsed =
            parse_message(error.message(), announced).map(|(slot, addr)| Self { kind, slot, addr });
        Some(parsed.map_err(|what| {
            let error = match announced.refused() {
                Some(addr) => Error::not_sent(
                    ErrorKind::Topology,
                    format!("did not follow {kind}: the address {addr} is not allowed"),
                ),
                None => {
                    Error::not_sent(ErrorKind::Protocol, format!("cannot follow {kind}: {what}"))
                }
            };
            error.with_delivery(Delivery::NotApplied)
        }))
    }
}

/// Reads `3999 127.0.0.1:6381`. Fields after these two are left for later servers to use.
// cluster spec: MOVED redirection, ASK redirection
fn parse_message(message: &[u8], announced: &Announced<'_>) -> Result<(Slot, NodeAddr), String> {
    let text = std::str::from_utf8(message).map_err(|_| "it is not text")?;
    let mut fields = text.split_ascii_whitespace();
    let slot = fields
        .next()
        .and_then(|slot| slot.parse().ok())
        .and_then(Slot::new)
        .ok_or("it names no slot")?;
    // The last colon: IPv6 addresses come without brackets.
    let (host, port) = fields
        .next()
        .and_then(|endpoint| endpoint.rsplit_once(':'))
        .ok_or("it names no host and port")?;
    let port = port.parse().map_err(|_| "its port is no number")?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let addr = announced.addr(Some(host.as_bytes()), port)?.ok_or(
        "the server does not know the node's address, or it is not one that may be dialled",
    )?;
    Ok((slot, addr))
}

impl fmt::Display for RedirectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moved => "MOVED",
            Self::Ask => "ASK",
        })
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.slot, self.addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &'static str) -> Option<Result<Redirect, Error>> {
        Redirect::parse(&ServerError::new(line), &NodeAddr::new("seed", 7000))
    }

    #[test]
    fn redirects_name_kind_slot_and_node() {
        for (line, kind, host, port) in [
            (
                "MOVED 3999 127.0.0.1:6381",
                RedirectKind::Moved,
                "127.0.0.1",
                6381,
            ),
            (
                "ASK 3999 node-1.example:6381",
                RedirectKind::Ask,
                "node-1.example",
                6381,
            ),
            (
                "MOVED 3999 2001:db8::1:6381",
                RedirectKind::Moved,
                "2001:db8::1",
                6381,
            ),
            (
                "MOVED 3999 [2001:db8::1]:6381",
                RedirectKind::Moved,
                "2001:db8::1",
                6381,
            ),
            ("MOVED 3999 :6381", RedirectKind::Moved, "seed", 6381),
            (
                "MOVED 3999 10.0.0.1:6381 and more",
                RedirectKind::Moved,
                "10.0.0.1",
                6381,
            ),
        ] {
            let redirect = parse(line).expect(line).expect(line);
            assert_eq!(
                (redirect.kind(), redirect.slot().number()),
                (kind, 3999),
                "{line}"
            );
            assert_eq!(*redirect.addr(), NodeAddr::new(host, port), "{line}");
        }
    }

    #[test]
    fn redirects_to_nowhere_are_errors_and_not_applied() {
        for line in [
            "MOVED",
            "MOVED 3999",
            "MOVED 16384 10.0.0.1:1",
            "MOVED -1 10.0.0.1:1",
            "MOVED x 10.0.0.1:1",
            "MOVED 3999 10.0.0.1",
            "MOVED 3999 ?:6381",
            "ASK 3999 10.0.0.1:0",
            "ASK 3999 10.0.0.1:65536",
            "ASK 3999 10.0.0.1:",
        ] {
            let error = parse(line).expect(line).expect_err(line);
            assert_eq!(error.kind(), ErrorKind::Protocol, "{line}");
            assert_eq!(error.delivery(), Delivery::NotApplied, "{line}");
        }
    }

    #[test]
    fn other_errors_are_no_redirects() {
        assert!(parse("MOVEDX 1 a:1").is_none());
        assert!(parse("ERR MOVED 1 a:1").is_none());
    }
}
