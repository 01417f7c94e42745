//! How to connect to a node.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::credentials::{Credentials, CredentialsProvider};
use super::socket::TcpOptions;
#[cfg(feature = "tls")]
use super::tls::TlsConfig;
use super::url::ConnectUrl;
use crate::connection;
use crate::error::{Error, ErrorKind};
use crate::metrics::Counters;

/// How connections are made. The same for all nodes of a cluster.
///
/// How long connecting may take is not in here: that is a timeout layer at the connect seam.
///
/// ```
/// use tower_redis_cluster::connect::{ConnectConfig, Credentials};
///
/// let config = ConnectConfig::new()
///     .credentials(Credentials::new("app", "secret"))
///     .client_name("checkout");
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct ConnectConfig {
    pub(super) credentials: Option<Arc<dyn CredentialsProvider>>,
    pub(super) client_name: Option<Arc<str>>,
    pub(super) database: u32,
    pub(super) protocol: Protocol,
    pub(super) tcp: TcpOptions,
    pub(super) attempt_delay: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsConfig>,
    pub(super) connection: connection::Config,
    sets_connection: bool,
    pub(super) counters: Counters,
}

/// Which version of the protocol to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// RESP3, or RESP2 if the server does not have it.
    #[default]
    Resp3,
    /// RESP2 only: the server is not even asked, for the sake of proxies that close the connection then.
    Resp2,
}

/// When TCP asks a silent peer whether it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After how long without a byte from the peer; 15 seconds by default.
    pub idle: Duration,
    /// How long between one question and the next; 5 seconds by default.
    pub interval: Duration,
    /// After how many questions without an answer the connection is closed; 3 by default.
    pub retries: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15),
            interval: Duration::from_secs(5),
            retries: 3,
        }
    }
}

impl ConnectConfig {
    /// The defaults: plain TCP, no credentials, RESP3 where the server has it.
    pub fn new() -> Self {
        Self {
            credentials: None,
            client_name: None,
            database: 0,
            protocol: Protocol::default(),
            tcp: TcpOptions {
                nodelay: true,
                keepalive: Some(Keepalive::default()),
                user_timeout: Some(Duration::from_secs(30)),
            },
            attempt_delay: Duration::from_millis(250),
            #[cfg(feature = "tls")]
            tls: None,
            connection: connection::Config::default(),
            sets_connection: false,
            counters: Counters::new(),
        }
    }

    /// What a URL says of how to connect: TLS, credentials and parameters, but not the address. See
    /// [`ConnectUrl`] for its forms. TLS trusts what the system trusts, unless the method `tls` says otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the URL is not one, or asks for TLS and the feature `tls` is off, or the system has
    /// no trusted certificates.
    pub fn from_url(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::from_urls([url])
    }

    /// What several URLs say in common; see [`from_url`](Self::from_url).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] also if there is none, or if they differ in anything but the address, since the nodes
    /// that are discovered later need one answer.
    pub fn from_urls<I>(urls: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut first: Option<ConnectUrl> = None;
        for url in urls {
            let url: ConnectUrl = url.as_ref().parse()?;
            match &first {
                None => first = Some(url),
                Some(first) => {
                    if let Some(difference) = first.disagreement(&url) {
                        return Err(Error::not_sent(
                            ErrorKind::Config,
                            format!("the addresses must agree in how to connect: {difference}"),
                        )
                        .with_node(url.addr().clone()));
                    }
                }
            }
        }
        let first = first.ok_or_else(|| {
            Error::not_sent(
                ErrorKind::Config,
                "no address to connect to; give one at least",
            )
        })?;

        let mut this = Self::new();
        if let Some(credentials) = first.credentials() {
            this = this.credentials(credentials.clone());
        }
        if let Some(protocol) = first.protocol() {
            this = this.protocol(protocol);
        }
        if let Some(name) = first.client_name() {
            this = this.client_name(name);
        }
        this = this.database(first.database());
        if first.is_tls() {
            this = this.with_default_tls()?;
        }
        Ok(this)
    }

    #[cfg(feature = "tls")]
    fn with_default_tls(self) -> Result<Self, Error> {
        Ok(self.tls(TlsConfig::new()?))
    }

    #[cfg(not(feature = "tls"))]
    fn with_default_tls(self) -> Result<Self, Error> {
        Err(Error::not_sent(
            ErrorKind::Config,
            "the address asks for TLS: enable the feature `tls` of tower-redis-cluster",
        ))
    }

    /// Who is asked for the credentials, at each handshake and when they end or change: [`Credentials`] that stay the
    /// same, or a provider of the application's. None unless set.
    #[must_use]
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.credentials = Some(Arc::new(provider));
        self
    }

    /// The password of the servers' `default` user: short for [`credentials`](Self::credentials).
    #[must_use]
    pub fn password(self, password: impl Into<String>) -> Self {
        self.credentials(Credentials::password_only(password))
    }

    /// The name of the connections in `CLIENT LIST`; none unless set. A name that the server refuses, such as one
    /// with spaces, is not set.
    #[must_use]
    pub fn client_name(mut self, name: impl AsRef<str>) -> Self {
        self.client_name = Some(name.as_ref().into());
        self
    }

    /// The number of the database; 0 unless set.
    ///
    /// Each connection selects it in its handshake, so that every command works in this database: give each database
    /// a client of its own. Numbers other than 0 need servers of Valkey 9 or later whose setting `cluster-databases` is
    /// greater than the number. Others refuse the connection, which is an error of kind [`ErrorKind::Config`]; a user
    /// whose ACL does not allow it makes one of kind [`ErrorKind::Authentication`].
    ///
    /// A key has the same slot in all databases. `MOVE` and `COPY` with `DB` reach another database of the same node,
    /// and `FLUSHALL` empties all; in cluster mode no server allows `SWAPDB`.
    ///
    /// ```
    /// use tower_redis_cluster::ConnectConfig;
    ///
    /// let config = ConnectConfig::new().database(3);
    /// let the_same = ConnectConfig::from_url("valkey://10.0.0.1:7000/3")?;
    /// # Ok::<_, tower_redis_cluster::Error>(())
    /// ```
    #[must_use]
    pub fn database(mut self, number: u32) -> Self {
        self.database = number;
        self
    }

    /// Which version of the protocol to ask for; [`Protocol::Resp3`] unless set.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Whether TCP sends at once what is written; true unless set. The connection gathers commands itself, so that
    /// false gains nothing except in measurements.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.tcp.nodelay = nodelay;
        self
    }

    /// When TCP asks a silent peer whether it is still there; [`Keepalive::default`] unless set, `None` for never.
    ///
    /// It finds out about a peer that vanished while nothing was asked of it, and keeps firewalls from forgetting the
    /// connection. Systems take whole seconds only.
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.tcp.keepalive = keepalive.into();
        self
    }

    /// How long data may be on its way without an acknowledgement before TCP closes the connection; 30 seconds
    /// unless set, `None` for the system's own patience of 15 minutes or so.
    ///
    /// Keepalive does not help while data is unacknowledged, which is why this has its default: what keepalive
    /// takes to give up, that is `idle + interval * retries`. On Linux this bounds keepalive too, so that it should
    /// not be set lower than that sum. Ignored where the system has no `TCP_USER_TIMEOUT`, which is outside of Linux
    /// and Android.
    #[must_use]
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.tcp.user_timeout = timeout.into();
        self
    }

    /// When a host name has several addresses: how long the next of them waits for the one before; 250 milliseconds
    /// unless set, as RFC 8305 has it.
    ///
    /// The attempts before go on meanwhile, and the first to succeed is taken. One that fails lets the next begin at
    /// once.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = delay;
        self
    }

    /// Uses TLS, in this way. Plain TCP unless set. Unix sockets never use it.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Option<TlsConfig>>) -> Self {
        self.tls = tls.into();
        self
    }

    /// The bounds of each connection. Unless set, those of [`Config::default`](connection::Config), of which
    /// [`ClusterBuilder`](crate::ClusterBuilder) adjusts the times to its timeout.
    #[must_use]
    pub fn connection(mut self, config: connection::Config) -> Self {
        self.connection = config;
        self.sets_connection = true;
        self
    }

    /// The bounds of each connection where none are set.
    pub(crate) fn connection_unless_set(self, config: connection::Config) -> Self {
        match self.sets_connection {
            true => self,
            false => self.connection(config),
        }
    }

    /// Refuses to leave out what URLs say of who connects, how safely, and where to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if a URL has TLS, a password or a database that this configuration has not.
    pub(crate) fn check_against(&self, urls: &[String]) -> Result<(), Error> {
        for url in urls {
            let url: ConnectUrl = url.parse()?;
            let missing = if url.is_tls() && !self.has_tls() {
                "asks for TLS"
            } else if url.credentials().is_some() && self.credentials.is_none() {
                "has a password"
            } else if url.database() != 0 && url.database() != self.database {
                "names a database"
            } else {
                continue;
            };
            return Err(Error::not_sent(
                ErrorKind::Config,
                format!(
                    "a URL {missing}, which the connect configuration has not: begin it with `ConnectConfig::from_urls`, or \
                     take that out of the URL"
                ),
            )
            .with_node(url.addr().clone()));
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    fn has_tls(&self) -> bool {
        false
    }

    /// Counts `reauthentications` and `reauthentications_failed` in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.counters = counters;
        self
    }
}

impl Default for ConnectConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ConnectConfig");
        debug
            .field("has_credentials", &self.credentials.is_some())
            .field("client_name", &self.client_name)
            .field("database", &self.database)
            .field("protocol", &self.protocol)
            .field("tcp", &self.tcp)
            .field("attempt_delay", &self.attempt_delay);
        #[cfg(feature = "tls")]
        debug.field("tls", &self.tls);
        debug.field("connection", &self.connection).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_is_not_left_out() {
        let check = |config: ConnectConfig, url: &str| config.check_against(&[url.to_owned()]);
        for (url, missing) in [
            ("rediss://a", "asks for TLS"),
            ("redis://:secret@a", "has a password"),
            ("valkey://a/3", "names a database"),
        ] {
            let error = check(ConnectConfig::new(), url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(missing), "{error}");
            assert!(!error.to_string().contains("secret"));
        }
        check(ConnectConfig::new().password("other"), "redis://:secret@a").expect("its own");
        check(ConnectConfig::new().database(3), "valkey://a/3").expect("the same");
        check(ConnectConfig::new(), "redis://a?client_name=x").expect("no matter");
    }

    #[test]
    fn urls_must_agree_and_the_error_says_in_what() {
        for (urls, difference) in [
            (["redis://a", "rediss://b"], "some use TLS"),
            (
                ["redis://:secret@a", "redis://b"],
                "differ in user or password",
            ),
            (
                ["redis://:secret@a", "redis://:secret2@b"],
                "differ in user or password",
            ),
            (
                ["redis://a?protocol=resp2", "redis://b"],
                "parameter protocol",
            ),
            (
                ["redis://a?client_name=x", "redis://b?client_name=y"],
                "parameter client_name",
            ),
            (["redis://a/1", "redis://b/2"], "differ in the database"),
            (["redis://a/1", "redis://b"], "differ in the database"),
        ] {
            let error = ConnectConfig::from_urls(urls).expect_err(difference);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert_eq!(error.node().map(|node| node.host()), Some("b"));
            assert!(error.to_string().contains(difference), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
        ConnectConfig::from_urls(["redis://:p@a:1/0", "valkey://:p@b:2"]).expect("they agree");
        let third = ConnectConfig::from_urls(["redis://a/3", "b?db=3"]);
        let third = third.err();
        assert!(third.is_none(), "{third:?}");
        ConnectConfig::from_urls([""; 0]).expect_err("there is none");
    }

    #[test]
    fn debug_hides_the_credentials() {
        let config =
            ConnectConfig::from_url("redis://app:secret@node?client_name=me").expect("valid");
        let debug = format!("{config:?}");
        assert!(
            !debug.contains("secret") && !debug.contains("app"),
            "{debug}"
        );
        assert!(
            debug.contains("has_credentials: true") && debug.contains("\"me\""),
            "{debug}"
        );
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_without_the_feature_says_which_to_enable() {
        let error = ConnectConfig::from_url("rediss://node").expect_err("no TLS compiled in");
        assert!(error.to_string().contains("feature `tls`"), "{error}");
    }
}
