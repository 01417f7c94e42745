//! From what a server announces as an address to one that can be dialled, and may be.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use crate::addr::NodeAddr;

/// The longest host name DNS knows; a longer one is malformed.
const MAX_HOST_LEN: usize = 255;

/// What the application makes of announced addresses: their translation, for networks that translate addresses too,
/// and which of them may be dialled.
#[derive(Clone, Default)]
pub(crate) struct AddrMap {
    map: Option<Arc<Translation>>,
    allows: Option<Arc<Restriction>>,
    /// Allowed in any case.
    seeds: Arc<[NodeAddr]>,
}

type Translation = dyn Fn(NodeAddr) -> NodeAddr + Send + Sync;

type Restriction = dyn Fn(&NodeAddr) -> bool + Send + Sync;

impl AddrMap {
    pub(crate) fn mapping(
        mut self,
        map: impl Fn(NodeAddr) -> NodeAddr + Send + Sync + 'static,
    ) -> Self {
        self.map = Some(Arc::new(map));
        self
    }

    pub(crate) fn allowing(
        mut self,
        allows: impl Fn(&NodeAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.allows = Some(Arc::new(allows));
        self
    }

    pub(crate) fn with_seeds(mut self, seeds: &[NodeAddr]) -> Self {
        self.seeds = seeds.into();
        self
    }

    /// A reader of what the node `answered_by` announces.
    pub(crate) fn answered_by<'a>(&'a self, answered_by: &'a NodeAddr) -> Announced<'a> {
        Announced {
            answered_by,
            map: self,
            refused: OnceCell::new(),
        }
    }
}

impl fmt::Debug for AddrMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddrMap")
            .field("maps", &self.map.is_some())
            .field("restricts", &self.allows.is_some())
            .finish()
    }
}

/// Reads the addresses that one node announces.
pub(crate) struct Announced<'a> {
    answered_by: &'a NodeAddr,
    map: &'a AddrMap,
    /// The first address read that may not be dialled.
    refused: OnceCell<NodeAddr>,
}

impl Announced<'_> {
    /// The address for an announced host (`None` for a null) and port.
    ///
    /// `Ok(None)` if the server says that it does not know, or if the application does not allow it: such a node is
    /// never dialled.
    pub(super) fn addr(&self, host: Option<&[u8]>, port: i64) -> Result<Option<NodeAddr>, String> {
        let port = match u16::try_from(port) {
            // A node without a port for this kind of client, such as a TLS-only node seen by a plain one.
            Ok(0) => return Ok(None),
            Ok(port) => port,
            Err(_) => return Err(format!("port {port} is out of range")),
        };
        let host = match host {
            // cluster-preferred-endpoint-type unknown-endpoint: null. A node that has not yet learned its own
            // address: an empty string. Both mean "where you have reached me".
            None | Some(b"") => self.answered_by.host(),
            // cluster-preferred-endpoint-type hostname, and the node has none.
            Some(b"?") => return Ok(None),
            Some(host) => std::str::from_utf8(host)
                .ok()
                .filter(|host| is_host(host))
                .ok_or_else(|| {
                    format!(
                        "{:?} is no host",
                        String::from_utf8_lossy(&host[..host.len().min(64)])
                    )
                })?,
        };
        // Empty when the answer came over a Unix socket: there is no host to reuse.
        if host.is_empty() {
            return Ok(None);
        }
        let addr = NodeAddr::new(host, port);
        let addr = match &self.map.map {
            Some(map) => map(addr),
            None => addr,
        };
        if self
            .map
            .allows
            .as_ref()
            .is_some_and(|allows| !allows(&addr) && !self.map.seeds.contains(&addr))
        {
            // For the error, should one be due; the first will do.
            let _ = self.refused.set(addr);
            return Ok(None);
        }
        Ok(Some(addr))
    }

    /// An address that was read and may not be dialled.
    pub(super) fn refused(&self) -> Option<&NodeAddr> {
        self.refused.get()
    }
}

fn is_host(host: &str) -> bool {
    host.len() <= MAX_HOST_LEN
        && host.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte) || !byte.is_ascii()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: Option<&[u8]>, port: i64) -> Result<Option<NodeAddr>, String> {
        AddrMap::default()
            .answered_by(&NodeAddr::new("seed", 6379))
            .addr(host, port)
    }

    #[test]
    fn missing_host_is_the_answering_nodes() {
        let expected = Ok(Some(NodeAddr::new("seed", 7001)));
        assert_eq!(read(None, 7001), expected);
        assert_eq!(read(Some(b""), 7001), expected);
    }

    #[test]
    fn unknown_host_and_port_zero_are_never_dialled() {
        assert_eq!(read(Some(b"?"), 7001), Ok(None));
        assert_eq!(read(Some(b"10.0.0.1"), 0), Ok(None));
        let socket = NodeAddr::unix("/run/redis.sock");
        let map = AddrMap::default();
        assert_eq!(map.answered_by(&socket).addr(None, 7001), Ok(None));
    }

    #[test]
    fn malformed_hosts_and_ports_are_refused() {
        for host in [
            &b"a b"[..],
            b"a/b",
            b"u@h",
            b"[::1]",
            b"a\r\n",
            b"\xff\xfe",
            &[b'a'; 256],
        ] {
            read(Some(host), 1).expect_err("a malformed host");
        }
        for port in [-1, 65536, i64::MAX] {
            read(Some(b"host"), port).expect_err("a port out of range");
        }
    }

    #[test]
    fn map_applies_to_every_announced_address() {
        let map = AddrMap::default().mapping(|addr| NodeAddr::new("nat", addr.port() + 1));
        let seed = NodeAddr::new("seed", 1);
        let read = |host| map.answered_by(&seed).addr(host, 7000);
        assert_eq!(
            read(Some(b"10.0.0.1")),
            Ok(Some(NodeAddr::new("nat", 7001)))
        );
        assert_eq!(read(None), Ok(Some(NodeAddr::new("nat", 7001))));
    }

    #[test]
    fn what_is_allowed_is_asked_of_the_translated_address() {
        let map = AddrMap::default()
            .mapping(|addr| NodeAddr::new("nat", addr.port()))
            .allowing(|addr| addr.host() == "nat" && addr.port() < 8000);
        let seed = NodeAddr::new("seed", 1);
        let announced = map.answered_by(&seed);
        let read = |port| announced.addr(Some(b"10.0.0.1"), port);
        assert_eq!(read(7000), Ok(Some(NodeAddr::new("nat", 7000))));
        assert_eq!(announced.refused(), None);
        assert_eq!((read(8001), read(8002)), (Ok(None), Ok(None)));
        assert_eq!(announced.refused(), Some(&NodeAddr::new("nat", 8001)));
    }
}
