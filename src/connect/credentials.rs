//! Who the client is to the servers: [`Credentials`], and the [`CredentialsProvider`] that is asked for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tower::BoxError;

use crate::addr::NodeAddr;

/// A password, and the user it belongs to.
///
/// `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Option<String>,
    password: String,
    lifetime: Option<Duration>,
}

impl Credentials {
    /// A user of the servers' access control list, and the password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: Some(user.into()),
            password: password.into(),
            lifetime: None,
        }
    }

    /// A password alone: that of the user `default`, which `requirepass` sets.
    pub fn password_only(password: impl Into<String>) -> Self {
        Self {
            user: None,
            password: password.into(),
            lifetime: None,
        }
    }

    /// How long they are valid from now on; for ever unless set.
    ///
    /// Each connection asks its provider again when between 75% and 90% of that time has passed, at random and not
    /// before one second, and sends what it is given as `AUTH`. See [`CredentialsProvider`].
    #[must_use]
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The user, `None` for the servers' `default` user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// How long they are valid, counted from when the provider gave them; `None` if they do not end.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token service's user names may be as secret as its passwords.
        f.write_str("Credentials(..)")
    }
}

/// What [`CredentialsProvider::credentials`] returns.
pub type CredentialsFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Credentials>, BoxError>> + Send + 'a>>;

/// What [`CredentialsProvider::changed`] returns.
pub type CredentialsChanged = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is asked for the credentials at each handshake, so that passwords and tokens can change while the client runs.
///
/// Connections that are established follow, each by itself: it asks again before what it was given ends
/// ([`Credentials::valid_for`]), and when the provider says that something has [`changed`](Self::changed). What it is
/// given then goes out as `AUTH`, ahead of what is queued; nothing is sent behind it until the server has answered,
/// and no caller notices but by that round trip. A provider with neither is asked at handshakes only.
///
/// If the provider fails, takes more than 30 seconds, or the server refuses, the connection stays as it was: there is
/// a warning without secrets, [`Metrics::reauthentications_failed`](crate::Metrics::reauthentications_failed) counts
/// it, and the provider is asked again after 1 to 60 seconds, for as long as the connection lives. If the server puts
/// an end to it first, and answers with `NOAUTH`, the connection takes no more commands, and its successor makes the
/// handshake anew.
///
/// ```
/// use std::time::Duration;
/// use tower_redis_cluster::NodeAddr;
/// use tower_redis_cluster::connect::{
///     ConnectConfig, Credentials, CredentialsChanged, CredentialsFuture, CredentialsProvider,
/// };
///
/// /// Tokens that last for 15 minutes, as cloud providers issue them.
/// struct Tokens;
///
/// impl CredentialsProvider for Tokens {
///     fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
///         Box::pin(async {
///             let token = sign_a_token().await?;
///             Ok(Some(Credentials::new("app", token).valid_for(Duration::from_secs(15 * 60))))
///         })
///     }
/// }
/// # async fn sign_a_token() -> Result<String, std::io::Error> { Ok("token".into()) }
///
/// /// A password that whoever watches a file, or a vault, sends here.
/// struct Watched(tokio::sync::watch::Receiver<String>);
///
/// impl CredentialsProvider for Watched {
///     fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
///         let password = self.0.borrow().clone();
///         Box::pin(async { Ok(Some(Credentials::new("app", password))) })
///     }
///
///     fn changed(&self) -> Option<CredentialsChanged> {
///         let mut password = self.0.clone();
///         password.mark_unchanged();
///         Some(Box::pin(async move {
///             if password.changed().await.is_err() {
///                 std::future::pending::<()>().await; // nobody sends any more
///             }
///         }))
///     }
/// }
///
/// let config = ConnectConfig::new().credentials(Tokens);
/// ```
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials for this node; `None` to go without.
    ///
    /// # Errors
    ///
    /// Whatever keeps the provider from telling. The connection attempt fails with it, and a later one asks again.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the time for connecting is up.
    fn credentials<'a>(&'a self, node: &'a NodeAddr) -> CredentialsFuture<'a>;

    /// A future that is ready once the credentials have changed since it was made; `None`, the default, if they never
    /// change but by ending.
    ///
    /// Each connection has one of its own, which is made and polled before it asks for the credentials, so that no
    /// change falls in between. However often it is ready, a connection asks at most once a second.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped with its connection.
    fn changed(&self) -> Option<CredentialsChanged> {
        None
    }
}

impl CredentialsProvider for Credentials {
    fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }
}
