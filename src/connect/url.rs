//! Addresses as applications write them.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::config::Protocol;
use super::credentials::Credentials;
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};

/// The port of an address without one.
const DEFAULT_PORT: u16 = 6379;

/// An address and how to connect to it, parsed from a URL.
///
/// | form | meaning |
/// |---|---|
/// | `redis://[[user]:password@]host[:port][/database][?...]` | TCP; `valkey://` is the same |
/// | `rediss://...` | TLS over TCP; `valkeys://` is the same |
/// | `unix://[[user]:password@]/path/of/socket[?...]` | a Unix socket; also `redis+unix://`, `valkey+unix://` and `unix:/path` |
/// | `host[:port]` | as with `redis://` |
///
/// The port is 6379 unless given; an IPv6 address stands in brackets. User and password are percent-decoded: `/`, `?`,
/// `#` and `%` have to be encoded in them. After `?` may stand `protocol=resp2` or `protocol=resp3`, `client_name=...`
/// and `db=...`, the number of the database, for a Unix socket too. Anything else there is an error, not ignored: timeouts
/// and pools are layers of the stack.
///
/// The database is 0 unless given. Most clusters have no other; see [`ConnectConfig::database`](crate::ConnectConfig::database).
///
/// ```
/// use tower_redis_cluster::connect::ConnectUrl;
///
/// let url: ConnectUrl = "rediss://app:s%2Fcret@cache.example:7000".parse()?;
/// assert_eq!(url.addr().to_string(), "cache.example:7000");
/// assert!(url.is_tls());
/// assert_eq!(url.credentials().map(|it| it.password()), Some("s/cret"));
/// assert!(!format!("{url:?}").contains("cret"));
/// # Ok::<_, tower_redis_cluster::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectUrl {
    addr: NodeAddr,
    is_tls: bool,
    credentials: Option<Credentials>,
    protocol: Option<Protocol>,
    client_name: Option<String>,
    database: Option<u32>,
}

impl ConnectUrl {
    /// The address.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// True if the scheme asks for TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// User and password, if the URL has them.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The `protocol` parameter.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// The `client_name` parameter.
    pub fn client_name(&self) -> Option<&str> {
        self.client_name.as_deref()
    }

    /// The number of the database; 0 unless given.
    pub fn database(&self) -> u32 {
        self.database.unwrap_or(0)
    }

    /// What this URL and `other` say differently of how to connect.
    pub(super) fn disagreement(&self, other: &Self) -> Option<&'static str> {
        if self.is_tls != other.is_tls {
            Some("some use TLS and some do not")
        } else if self.credentials != other.credentials {
            Some("they differ in user or password")
        } else if self.protocol != other.protocol {
            Some("they differ in the parameter protocol")
        } else if self.client_name != other.client_name {
            Some("they differ in the parameter client_name")
        } else if self.database() != other.database() {
            Some("they differ in the database")
        } else {
            None
        }
    }
}

impl FromStr for ConnectUrl {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::Config`]; the text says what is wrong, and does not repeat a URL that may hold a password.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| {
            let message = if text.contains(['@', '?']) {
                format!("invalid address (not shown, since it may hold a password): {reason}")
            } else {
                format!("invalid address {text:?}: {reason}")
            };
            Error::not_sent(ErrorKind::Config, message)
        })
    }
}

/// What is wrong with a URL. Quotes nothing that could be a secret.
type Reason = Cow<'static, str>;

enum Scheme {
    Tcp,
    Tls,
    Unix,
}

impl Scheme {
    /// Splits the scheme off; without one, it is TCP.
    fn split(text: &str) -> Result<(Self, &str), Reason> {
        if let Some(path) = text.strip_prefix("unix:")
            && path.starts_with('/')
            && !path.starts_with("//")
        {
            return Ok((Self::Unix, path));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok((Self::Tcp, text));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => Self::Tcp,
            "rediss" | "valkeys" => Self::Tls,
            "unix" | "redis+unix" | "valkey+unix" => Self::Unix,
            _ => {
                return Err(
                    "unknown scheme; expected redis, rediss, valkey, valkeys or unix".into(),
                );
            }
        };
        Ok((scheme, rest))
    }
}

fn parse(text: &str) -> Result<ConnectUrl, Reason> {
    let (scheme, rest) = Scheme::split(text)?;
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let (userinfo, host_and_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_and_port)) => (Some(userinfo), host_and_port),
        None => (None, authority),
    };

    let mut database = None;
    let addr = if matches!(scheme, Scheme::Unix) {
        if !host_and_port.is_empty() {
            return Err("the path of a Unix socket must be absolute: unix:///path".into());
        }
        if path.len() < 2 {
            return Err("the path of the Unix socket is missing".into());
        }
        NodeAddr::unix(decode(path)?)
    } else {
        if userinfo.is_none() && rest.contains('@') || rest.contains('#') {
            return Err("'/', '?' and '#' must be percent-encoded in user and password".into());
        }
        database = parse_database(path.strip_prefix('/').unwrap_or_default())?;
        tcp_addr(host_and_port)?
    };

    let mut url = ConnectUrl {
        addr,
        is_tls: matches!(scheme, Scheme::Tls),
        credentials: userinfo.map(credentials).transpose()?.flatten(),
        protocol: None,
        client_name: None,
        database,
    };
    for parameter in query.into_iter().flat_map(|query| query.split('&')) {
        url.set_parameter(parameter)?;
    }
    Ok(url)
}

impl ConnectUrl {
    fn set_parameter(&mut self, parameter: &str) -> Result<(), Reason> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "" => {}
            "protocol" => {
                self.protocol = Some(match value {
                    "2" | "resp2" => Protocol::Resp2,
                    "3" | "resp3" => Protocol::Resp3,
                    _ => return Err("the parameter protocol must be resp2 or resp3".into()),
                });
            }
            "client_name" => self.client_name = Some(decode(value)?),
            "db" => {
                let database = parse_database(value)?;
                if let (Some(path), Some(parameter)) = (self.database, database)
                    && path != parameter
                {
                    return Err(format!("it names two databases, {path} and {parameter}").into());
                }
                self.database = database.or(self.database);
            }
            _ => {
                return Err(
                    "unknown parameter; known are protocol, client_name and db, and all other \
                     settings are made in code"
                        .into(),
                );
            }
        }
        Ok(())
    }
}

fn parse_database(number: &str) -> Result<Option<u32>, Reason> {
    if number.is_empty() {
        return Ok(None);
    }
    match number.parse() {
        // The servers count databases with a signed number.
        Ok(number) if number <= i32::MAX as u32 => Ok(Some(number)),
        _ => Err("after the port, only the number of a database may stand, as in /1".into()),
    }
}

fn credentials(userinfo: &str) -> Result<Option<Credentials>, Reason> {
    match userinfo.split_once(':') {
        Some(("", "")) => Ok(None),
        Some(("", password)) => Ok(Some(Credentials::password_only(decode(password)?))),
        Some((user, password)) => Ok(Some(Credentials::new(decode(user)?, decode(password)?))),
        None if userinfo.is_empty() => Ok(None),
        // Clients disagree on whether this is a user or a password.
        None => Err("before '@', expected user:password or :password".into()),
    }
}

fn tcp_addr(text: &str) -> Result<NodeAddr, Reason> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or("a bracket is not closed")?;
        let host = decode(host)?;
        // What follows '%' is the zone of a link-local address.
        let ip = host.split('%').next().unwrap_or_default();
        if ip.parse::<Ipv6Addr>().is_err() {
            return Err("expected an IPv6 address in the brackets".into());
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("expected a port after the brackets".into()),
        }
    } else {
        if text.contains(',') {
            return Err("it names several hosts; give a list of URLs, one for each".into());
        }
        let (host, port) = match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address must stand in brackets: [::1]:6379".into());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let host = decode(host)?;
        if host.is_empty() {
            return Err("the host is missing".into());
        }
        if !host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        {
            return Err("the host has characters that no host name has".into());
        }
        (host, port)
    };
    let port = match port.map(str::parse) {
        None => DEFAULT_PORT,
        Some(Ok(port)) if port != 0 => port,
        Some(_) => return Err("the port must be a number from 1 to 65535".into()),
    };
    Ok(NodeAddr::new(host, port))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, Reason> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        decoded.push(match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err("after '%', two hexadecimal digits must follow".into()),
            },
            byte => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| "what is percent-encoded is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ConnectUrl {
        text.parse().expect(text)
    }

    #[test]
    fn addresses() {
        for (text, addr, is_tls) in [
            ("redis://10.0.0.1:7000", "10.0.0.1:7000", false),
            ("valkey://10.0.0.1:7000/", "10.0.0.1:7000", false),
            (
                "rediss://node-1.example_x:7000/0",
                "node-1.example_x:7000",
                true,
            ),
            ("VALKEYS://node", "node:6379", true),
            ("redis://[::1]:7000", "[::1]:7000", false),
            ("redis://[::1]", "[::1]:6379", false),
            (
                "redis://[fe80::1%25eth0]:7000",
                "[fe80::1%eth0]:7000",
                false,
            ),
            ("redis://node?db=0", "node:6379", false),
            ("node:7000", "node:7000", false),
            ("node", "node:6379", false),
            ("[::1]:7000", "[::1]:7000", false),
            ("unix:///run/redis.sock", "unix:/run/redis.sock", false),
            ("redis+unix:///run/a%20b", "unix:/run/a b", false),
            ("unix:/run/redis.sock", "unix:/run/redis.sock", false),
        ] {
            let url = url(text);
            assert_eq!(
                (url.addr().to_string().as_str(), url.is_tls()),
                (addr, is_tls),
                "{text}"
            );
            assert_eq!(url.credentials(), None, "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        for (text, user, password) in [
            ("redis://app:secret@node", Some("app"), "secret"),
            ("redis://:secret@node", None, "secret"),
            ("redis://a%40b:p%3Aw%2F%25@node:1", Some("a@b"), "p:w/%"),
            ("redis://app:p:w@node", Some("app"), "p:w"),
            ("redis://app:p@w@node", Some("app"), "p@w"),
            ("redis://app:@node", Some("app"), ""),
            ("unix://app:secret@/run/redis.sock", Some("app"), "secret"),
        ] {
            let url = url(text);
            let credentials = url.credentials().expect(text);
            assert_eq!(
                (credentials.user(), credentials.password()),
                (user, password),
                "{text}"
            );
        }
        for text in ["redis://:@node", "redis://@node"] {
            assert_eq!(url(text).credentials(), None, "{text}");
        }
    }

    #[test]
    fn parameters() {
        let url = url("redis://node/0?protocol=resp2&client_name=a%20b");
        assert_eq!(url.protocol(), Some(Protocol::Resp2));
        assert_eq!(url.client_name(), Some("a b"));
    }

    #[test]
    fn databases() {
        for (text, database) in [
            ("redis://node", 0),
            ("redis://node/", 0),
            ("redis://node/0", 0),
            ("valkeys://node:7000/15", 15),
            ("node:7000/3", 3),
            ("redis://node/3?db=3", 3),
            ("redis://node?db=4", 4),
            ("redis://node/4?db=", 4),
            ("unix:///run/valkey.sock?db=2", 2),
        ] {
            assert_eq!(url(text).database(), database, "{text}");
        }
    }

    #[test]
    fn refusals_say_why() {
        for (text, reason) in [
            ("", "host is missing"),
            ("redis://", "host is missing"),
            ("http://node", "unknown scheme"),
            ("redis://node:0", "port must be"),
            ("redis://node:", "port must be"),
            ("redis://node:65536", "port must be"),
            ("redis://node/1?db=3", "two databases, 1 and 3"),
            ("redis://node?db=1&db=2", "two databases, 1 and 2"),
            ("redis://node/x", "only the number of a database"),
            ("redis://node/-1", "only the number of a database"),
            ("redis://node/1/2", "only the number of a database"),
            (
                "redis://node?db=2147483648",
                "only the number of a database",
            ),
            ("redis://node?timeout=5", "unknown parameter"),
            ("redis://a:7000,b:7000", "give a list of URLs"),
            ("redis://::1:7000", "brackets"),
            ("redis://[::1", "bracket is not closed"),
            ("redis://[node]:1", "IPv6 address in the brackets"),
            ("redis://[::1]7000", "port after the brackets"),
            ("redis://no de", "no host name has"),
            ("redis://n%zz", "hexadecimal"),
            ("redis://:%ff@n", "not UTF-8"),
            ("redis://who@node", "user:password"),
            ("unix://run/redis.sock", "absolute"),
            ("unix:///", "path of the Unix socket is missing"),
        ] {
            let error = text.parse::<ConnectUrl>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn no_refusal_shows_a_secret() {
        for text in [
            "redis://:secret@",
            "redis://app:secret@node:0",
            "redis://secret@node",
            "redis://:se/secret@node",
            "redis://:se#secret@node",
            "redis://:se?secret@node",
            "redis://:secret%@node",
            "http://:secret@node",
            "app:secret://x@node",
            "redis://node?password=secret",
        ] {
            let error = text.parse::<ConnectUrl>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        assert!(!format!("{:?}", url("redis://app:secret@node")).contains("secret"));
    }
}
