//! Who the client is to the servers: [`Credentials`], and the [`CredentialsProvider`] that is asked for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tower::BoxError;

use crate::addr::NodeAddr;

/// A password, and the user it belongs to.
///
/// `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Option<String>,
    password: String,
}

impl Credentials {
    /// A user of the servers' access control list, and the password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: Some(user.into()),
            password: password.into(),
        }
    }

    /// A password alone: that of the user `default`, which `requirepass` sets.
    pub fn password_only(password: impl Into<String>) -> Self {
        Self {
            user: None,
            password: password.into(),
        }
    }

    /// The user, `None` for the servers' `default` user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
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

/// Is asked for the credentials at each handshake, so that passwords and tokens can change while the client runs.
///
/// A connection that is established keeps the credentials it was made with.
///
/// ```
/// use tower_redis_cluster::NodeAddr;
/// use tower_redis_cluster::connect::{ConnectConfig, Credentials, CredentialsFuture, CredentialsProvider};
///
/// /// A password in a file that the platform renews.
/// struct PasswordFile(std::path::PathBuf);
///
/// impl CredentialsProvider for PasswordFile {
///     fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
///         Box::pin(async {
///             let password = tokio::fs::read_to_string(&self.0).await?;
///             Ok(Some(Credentials::new("app", password.trim_end())))
///         })
///     }
/// }
///
/// let config = ConnectConfig::new().credentials(PasswordFile("/run/secrets/redis".into()));
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
}

impl CredentialsProvider for Credentials {
    fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }
}
