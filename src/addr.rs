//! The address of a node: the key of the connection cache and the target of the connector.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// The address of one node, as the cluster or the application names it. Cheap to clone.
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
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAddr(Repr);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    Tcp { port: u16, host: Arc<str> },
    Unix { path: Arc<str> },
}

impl NodeAddr {
    /// A host name or IP address (IPv6 without brackets), and a port.
    pub fn new(host: impl AsRef<str>, port: u16) -> Self {
        Self(Repr::Tcp {
            port,
            host: host.as_ref().into(),
        })
    }

    /// A Unix socket.
    pub fn unix(path: impl AsRef<str>) -> Self {
        Self(Repr::Unix {
            path: path.as_ref().into(),
        })
    }

    /// The host name or IP address; empty for a Unix socket.
    pub fn host(&self) -> &str {
        match &self.0 {
            Repr::Tcp { host, .. } => host,
            Repr::Unix { .. } => "",
        }
    }

    /// The port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self.0 {
            Repr::Tcp { port, .. } => port,
            Repr::Unix { .. } => 0,
        }
    }

    /// The path, if this is a Unix socket.
    pub fn unix_path(&self) -> Option<&str> {
        match &self.0 {
            Repr::Tcp { .. } => None,
            Repr::Unix { path } => Some(path),
        }
    }

    /// The host, or the path of a Unix socket: `server.address` in OpenTelemetry's words.
    pub(crate) fn server_address(&self) -> &str {
        self.unix_path().unwrap_or_else(|| self.host())
    }

    /// The port, which a Unix socket does not have: `server.port` in OpenTelemetry's words.
    pub(crate) fn server_port(&self) -> Option<u16> {
        self.unix_path().is_none().then(|| self.port())
    }
}

impl FromStr for NodeAddr {
    type Err = Error;

    /// Parses `host:port` or `[ipv6]:port`. Whatever stands before the last colon is the host, since servers
    /// announce IPv6 addresses without brackets.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(
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

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Repr::Tcp { host, port } => write!(f, "{host}:{port}"),
            Repr::Unix { path } => write!(f, "unix:{path}"),
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
    fn displays_what_it_parses() {
        for text in ["10.0.0.1:7000", "[::1]:7000"] {
            assert_eq!(text.parse::<NodeAddr>().expect(text).to_string(), text);
        }
    }
}
