//! The address of a node: the key of the connection cache and the target of the connector.

mod hash;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

pub(crate) use self::hash::ByAddr;
use self::text::Text;
use crate::error::{Error, ErrorKind};

/// The address of one node, as the cluster or the application names it. Cheap to clone, compare and hash.
///
/// Host and port, or the path of a Unix socket. It carries neither scheme nor credentials: how to connect is
/// the [`ConnectConfig`](crate::ConnectConfig)'s business, since a cluster names its nodes without either.
///
/// ```
/// use tower_redis_cluster::NodeAddr;
///
/// let addr: NodeAddr = "[::1]:7000".parse()?;
/// assert_eq!((addr.host(), addr.port()), ("::1", 7000));
/// # Ok::<_, tower_redis_cluster::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct NodeAddr {
    /// Of the other fields. Addresses are looked up with every command and made once.
    hash: u32,
    port: u16,
    kind: Kind,
    /// The host or the path.
    text: Text,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Tcp,
    Unix,
}

impl NodeAddr {
    /// A host name or IP address (IPv6 without brackets), and a port.
    pub fn new(host: impl AsRef<str>, port: u16) -> Self {
        Self::of(Kind::Tcp, host.as_ref(), port)
    }

    /// A Unix socket.
    pub fn unix(path: impl AsRef<str>) -> Self {
        Self::of(Kind::Unix, path.as_ref(), 0)
    }

    fn of(kind: Kind, text: &str, port: u16) -> Self {
        Self {
            hash: hash::of(&(kind, text, port)),
            port,
            kind,
            text: Text::new(text),
        }
    }

    /// The host name or IP address; empty for a Unix socket.
    pub fn host(&self) -> &str {
        match self.kind {
            Kind::Tcp => self.text.as_str(),
            Kind::Unix => "",
        }
    }

    /// The port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, if this is a Unix socket.
    pub fn unix_path(&self) -> Option<&str> {
        match self.kind {
            Kind::Tcp => None,
            Kind::Unix => Some(self.text.as_str()),
        }
    }

    /// The host, or the path of a Unix socket: `server.address` in OpenTelemetry's words.
    pub(crate) fn server_address(&self) -> &str {
        self.text.as_str()
    }

    /// The port, which a Unix socket does not have: `server.port` in OpenTelemetry's words.
    pub(crate) fn server_port(&self) -> Option<u16> {
        (self.kind == Kind::Tcp).then_some(self.port)
    }

    fn sort_key(&self) -> (Kind, u16, &str) {
        (self.kind, self.port, self.text.as_str())
    }
}

impl FromStr for NodeAddr {
    type Err = Error;

    /// Parses `host:port` or `[ipv6]:port`. Whatever stands before the last colon is the host, since servers
    /// announce IPv6 addresses without brackets.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::not_sent(
                ErrorKind::Config,
                format!("invalid node address {text:?}: {why}"),
            )
        };
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| invalid("expected host:port"))?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(invalid("the port must be a number from 1 to 65535")),
            Ok(port) => port,
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() || host.contains(['[', ']', '/', '@', ' ']) {
            return Err(invalid(
                "expected a host name or an IP address before the port",
            ));
        }
        Ok(Self::new(host, port))
    }
}

impl Hash for NodeAddr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.hash);
    }
}

impl Ord for NodeAddr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl PartialOrd for NodeAddr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, port) = (self.text.as_str(), self.port);
        match self.kind {
            Kind::Tcp if text.contains(':') => write!(f, "[{text}]:{port}"),
            Kind::Tcp => write!(f, "{text}:{port}"),
            Kind::Unix => write!(f, "unix:{text}"),
        }
    }
}

impl fmt::Debug for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_last_colon() {
        for (text, host, port) in [
            ("10.0.0.1:7000", "10.0.0.1", 7000),
            ("[2001:db8::1]:7000", "2001:db8::1", 7000),
            ("2001:db8::1:7000", "2001:db8::1", 7000),
            ("node.example:65535", "node.example", 65535),
        ] {
            let addr: NodeAddr = text.parse().expect(text);
            assert_eq!((addr.host(), addr.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_dialled() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":7000",
            "[]:1",
            "a/b:1",
            "u@h:1",
        ] {
            text.parse::<NodeAddr>().expect_err(text);
        }
    }

    #[test]
    fn addresses_differ_in_kind_host_and_port() {
        let long = "node-1.a-cluster.eu-west-1.cache.example";
        let addrs = [
            NodeAddr::new("10.0.0.1", 7000),
            NodeAddr::new("10.0.0.1", 7001),
            NodeAddr::new("10.0.0.11", 7000),
            NodeAddr::new(long, 7000),
            NodeAddr::new(&long[1..], 7000),
            NodeAddr::unix("10.0.0.1"),
            NodeAddr::unix(""),
            NodeAddr::new("", 0),
        ];
        let distinct: std::collections::HashSet<_> = addrs.iter().cloned().collect();
        assert_eq!(distinct.len(), addrs.len());
        for addr in addrs {
            assert_eq!(distinct.get(&addr), Some(&addr));
        }
    }

    #[test]
    fn is_ordered_by_port_and_then_by_host_with_sockets_last() {
        let mut addrs = [
            NodeAddr::unix("/a"),
            NodeAddr::new("b", 2),
            NodeAddr::new("a", 2),
            NodeAddr::new("c", 1),
        ];
        addrs.sort();
        let sorted: Vec<_> = addrs.iter().map(NodeAddr::to_string).collect();
        assert_eq!(sorted, ["c:1", "a:2", "b:2", "unix:/a"]);
    }

    #[test]
    fn displays_what_it_parses() {
        for text in ["10.0.0.1:7000", "[::1]:7000"] {
            assert_eq!(text.parse::<NodeAddr>().expect(text).to_string(), text);
        }
    }
}
