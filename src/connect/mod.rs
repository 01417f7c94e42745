//! Connecting: from a [`NodeAddr`] to a [`Connection`], by TCP, TLS or a Unix socket.
//!
//! [`Connector`] stands at the bottom of the stack, below the connect seam. It makes one attempt per call: it has no
//! timeout, no retry and no backoff. Those are layers, and the connection cache's business.
//!
//! ```no_run
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_redis_cluster::connect::ConnectConfig;
//! use tower_redis_cluster::{Connector, NodeAddr};
//!
//! # async fn run() -> Result<(), tower::BoxError> {
//! let connect = ServiceBuilder::new()
//!     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(2)))
//!     .service(Connector::new(ConnectConfig::from_url("redis://:secret@10.0.0.1")?));
//! let connection = connect.oneshot(NodeAddr::new("10.0.0.1", 6379)).await?;
//! # drop(connection);
//! # Ok(())
//! # }
//! ```
//!
//! For another way to the servers, such as a proxy or a tunnel, write a `Service<NodeAddr>` that opens the stream
//! and hands it to [`handshake_io`].

mod config;
mod credentials;
pub mod future;
mod probe;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

pub use self::config::{ConnectConfig, Keepalive, Protocol};
pub use self::credentials::{
    Credentials, CredentialsChanged, CredentialsFuture, CredentialsProvider,
};
use self::future::ResponseFuture;
#[cfg(feature = "tls")]
pub use self::tls::{TlsConfig, TlsConfigBuilder};
pub use self::url::ConnectUrl;
use crate::addr::NodeAddr;
use crate::connection::handshake::{self, Introduction};
use crate::connection::{Connection, FailedWrites, Prober, Renewal};
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::route::Suspicions;

/// Connects to the node it is called with. See the [module docs](self).
///
/// Its connections find out by themselves whether their node still answers once they are
/// [suspect](crate::connection#suspicion). They connect to it beside the stack then: no layer sees that.
///
/// It is always ready. Its errors say at which step connecting failed, are [`NotSent`](crate::Delivery::NotSent) and
/// name the node; of kind [`Authentication`](ErrorKind::Authentication) if the server wants other credentials, and
/// [`Config`](ErrorKind::Config) if it does not have the database.
///
/// # Panics
///
/// Its futures, outside of a tokio runtime.
///
/// # Cancel safety
///
/// Dropping the response future closes whatever it has opened.
#[derive(Clone)]
pub struct Connector {
    config: Arc<ConnectConfig>,
}

impl Connector {
    /// A connector with these settings.
    pub fn new(config: ConnectConfig) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// Ends the connections it makes when this life ends, whoever holds them.
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        Arc::make_mut(&mut self.config).connection.lifecycle = lifecycle.clone();
        self
    }

    /// Where to tell of connections that are [suspect](crate::connection#suspicion), when they become so and each second
    /// that they stay so: [`RouteLayer::suspicions`](crate::RouteLayer::suspicions) has the topology looked at then, so
    /// that commands on their way to a node that was deposed do not wait for it until their deadline.
    #[must_use]
    pub fn report_to(mut self, suspicions: Suspicions) -> Self {
        Arc::make_mut(&mut self.config).connection.suspicions = Some(suspicions);
        self
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new(ConnectConfig::default())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("config", &self.config)
            .finish()
    }
}

impl Service<NodeAddr> for Connector {
    type Response = Connection;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, addr: NodeAddr) -> ResponseFuture {
        let config = Arc::clone(&self.config);
        let prober = probe::prober(addr.clone(), Arc::clone(&config));
        ResponseFuture::new(async move {
            let connected = connect(addr.clone(), &config, None, Some(prober)).await;
            connected.map_err(|error| error.with_node(addr))
        })
    }
}

/// Opens a stream, within `time` where it is over a network, and makes the handshake without hurry.
async fn connect(
    addr: NodeAddr,
    config: &ConnectConfig,
    time: Option<Duration>,
    prober: Option<Prober>,
) -> Result<Connection, Error> {
    if let Some(path) = addr.unix_path() {
        #[cfg(unix)]
        {
            let stream = socket::unix(path).await?;
            return handshake_with(stream, FailedWrites::WriteNothing, addr, config, prober).await;
        }
        #[cfg(not(unix))]
        return Err(Error::not_sent(
            ErrorKind::Config,
            format!("this system has no Unix sockets, such as {path}"),
        ));
    }
    let opening = socket::tcp(addr.host(), addr.port(), config.tcp, config.attempt_delay);
    let stream = match time {
        None => opening.await?,
        Some(time) => tokio::time::timeout(time, opening).await.map_err(|_| {
            let message = format!("nothing answered the attempt to connect within {time:?}");
            Error::not_sent(ErrorKind::Connect, message)
        })??,
    };
    #[cfg(feature = "tls")]
    if let Some(tls) = &config.tls {
        let stream = tls.connect(stream, &addr).await?;
        return handshake_with(stream, FailedWrites::MayWrite, addr, config, prober).await;
    }
    handshake_with(stream, FailedWrites::WriteNothing, addr, config, prober).await
}

/// Makes the handshake on a stream that is connected already, and a [`Connection`] of it.
///
/// For transports of the application's own, and for tests over in-memory pipes. Only the parts of `config` that are
/// about what is said count here, not those about sockets and TLS. `addr` is what the credentials provider is asked
/// about and what errors name.
///
/// Nothing in here ends by itself if the peer stays silent: have a timeout around it.
///
/// Where the stream fails to write, what it was offered may have been written, as far as we know: commands of which a
/// socket would have taken nothing are of [unknown delivery](crate::Delivery::Unknown).
///
/// There is no way from here to another stream to the node, so that a [suspect](crate::connection#suspicion) connection
/// waits for its [stall timeout](crate::connection::Config::stall_timeout).
///
/// # Errors
///
/// As those of [`Connector`].
///
/// # Cancel safety
///
/// Dropping the future drops the stream.
pub async fn handshake_io<IO>(
    io: IO,
    addr: NodeAddr,
    config: &ConnectConfig,
) -> Result<Connection, Error>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    handshake_with(io, FailedWrites::MayWrite, addr, config, None).await
}

/// As [`handshake_io`], for a node that can be reached again by the prober.
pub(crate) async fn handshake_with<IO>(
    mut io: IO,
    failed_writes: FailedWrites,
    addr: NodeAddr,
    config: &ConnectConfig,
    prober: Option<Prober>,
) -> Result<Connection, Error>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut renewal = config
        .credentials
        .as_ref()
        .map(|provider| Renewal::new(Arc::clone(provider), config.counters.clone()));
    let established = async {
        let credentials = match &mut renewal {
            None => None,
            // What the provider says is for `source`, not for our message: it may know secrets.
            Some(renewal) => renewal.ask(&addr).await.map_err(|cause| {
                Error::not_sent(ErrorKind::Connect, "the credentials provider failed")
                    .with_source(cause)
            })?,
        };
        let introduction = Introduction {
            protocol: config.protocol,
            credentials: credentials.as_ref(),
            database: config.database,
            client_name: config.client_name.as_deref(),
        };
        handshake::run(&mut io, &introduction, &config.connection).await
    };
    let established = established
        .await
        .map_err(|error| error.with_node(addr.clone()))?;
    tracing::debug!(
        server.address = addr.server_address(),
        server.port = addr.server_port(),
        version = ?established.version,
        "the handshake is done"
    );
    Ok(Connection::new(
        io,
        failed_writes,
        addr,
        established,
        &config.connection,
        prober,
        renewal,
    ))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tower::ServiceExt;

    use super::*;
    use crate::command::cmd;
    use crate::error::Delivery;
    use crate::value::Value;

    struct Tokens;

    impl CredentialsProvider for Tokens {
        fn credentials<'a>(&'a self, node: &'a NodeAddr) -> CredentialsFuture<'a> {
            Box::pin(async move {
                match node.port() {
                    1 => Ok(Some(Credentials::new("app", "token-for-1"))),
                    _ => Err("the vault is closed to token-2".into()),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_connection_over_any_stream_answers_commands() {
        let (client, mut server) = tokio::io::duplex(4096);
        let peer = tokio::spawn(async move {
            let mut request = [0; 1024];
            let length = server.read(&mut request).await.expect("HELLO");
            let hello = String::from_utf8_lossy(&request[..length]).into_owned();
            let replies: [&[u8]; 2] = [b"%1\r\n+proto\r\n:3\r\n", b"+OK\r\n+OK\r\n"];
            for reply in replies {
                server.write_all(reply).await.expect("the client listens");
                let length = server.read(&mut request).await.expect("a request");
                assert_ne!(length, 0);
            }
            server
                .write_all(b"+PONG\r\n")
                .await
                .expect("the client listens");
            hello
        });
        let config = ConnectConfig::new().credentials(Tokens);
        let connection = handshake_io(client, NodeAddr::new("node", 1), &config).await;
        let pong = connection.expect("welcome").oneshot(cmd("PING")).await;
        assert_eq!(pong.expect("a reply"), Value::SimpleString("PONG".into()));
        assert!(
            peer.await
                .expect("it played to its end")
                .contains("token-for-1")
        );
    }

    #[tokio::test]
    async fn a_provider_that_fails_is_the_source_of_an_error_that_names_the_node() {
        let (client, _server) = tokio::io::duplex(64);
        let config = ConnectConfig::new().credentials(Tokens);
        let addr = NodeAddr::new("node", 2);
        let error = handshake_io(client, addr.clone(), &config).await;
        let error = error.expect_err("there are no credentials");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(error.node(), Some(&addr));
        assert!(!error.to_string().contains("token-2"), "{error}");
        let source = error.source().expect("the provider's error");
        assert!(source.to_string().contains("vault"), "{source}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_failed_attempt_was_not_sent_and_names_the_node() {
        for addr in [
            NodeAddr::new("127.0.0.1", 1),
            NodeAddr::unix("/nowhere/redis.sock"),
        ] {
            let error = Connector::default().oneshot(addr.clone()).await;
            let error = error.expect_err("nothing listens there");
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert_eq!(error.delivery(), Delivery::NotSent);
            assert_eq!(error.node(), Some(&addr));
        }
    }
}
