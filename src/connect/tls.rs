//! TLS, by rustls.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, InvalidMessage, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};

/// Whom to trust, and how to show who we are. Cheap to clone.
///
/// Everything is read when it is made, so that a missing file shows at start-up and not at the next reconnect.
///
/// Certificates are always verified: that an authority which is trusted has signed them, that they are valid now, and
/// that they are for the [name](TlsConfigBuilder::server_name) of the node. TLS 1.2 and 1.3 are spoken.
///
/// # Files that are renewed
///
/// [`reload`](Self::reload) reads all files again, those of authorities too; every clone shows and trusts from then on
/// what they hold now. The application decides when: by a timer well before a certificate ends, or when whoever
/// renews it says so. Connections that are established stay as they are, since a certificate is shown once.
///
/// ```no_run
/// # use std::time::Duration;
/// # use tower_redis_cluster::connect::{ConnectConfig, TlsConfig};
/// # async fn run(tls: TlsConfig) {
/// let config = ConnectConfig::new().tls(tls.clone());
/// tokio::spawn(async move {
///     loop {
///         tokio::time::sleep(Duration::from_secs(60 * 60)).await;
///         if let Err(error) = tls.reload() {
///             eprintln!("going on with the certificates from before: {error}");
///         }
///     }
/// });
/// # }
/// ```
///
/// # Example
///
/// ```no_run
/// use tower_redis_cluster::connect::{ConnectConfig, TlsConfig};
///
/// let tls = TlsConfig::builder()
///     .ca_file("/etc/redis/ca.crt")
///     .client_certificate("/etc/redis/client.crt", "/etc/redis/client.key")
///     .build()?;
/// let config = ConnectConfig::new().tls(tls);
/// # Ok::<_, tower_redis_cluster::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    shared: Arc<Shared>,
}

struct Shared {
    rustls: ArcSwap<rustls::ClientConfig>,
    settings: TlsConfigBuilder,
    server_name: Option<ServerName<'static>>,
}

/// Settings of a [`TlsConfig`].
#[derive(Clone, Debug, Default)]
pub struct TlsConfigBuilder {
    ca_files: Vec<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
}

impl TlsConfig {
    /// Trusts the authorities that the system trusts, and shows no certificate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the system has no trusted certificates.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// For other settings.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Reads the files again. Handshakes from now on are made with what they hold, also by clones of this; sessions
    /// from before are not resumed. It blocks for as long as reading takes.
    ///
    /// # Errors
    ///
    /// As [`TlsConfigBuilder::build`]; then all stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        let rustls = self.shared.settings.read()?;
        self.shared.rustls.store(Arc::new(rustls));
        Ok(())
    }

    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        addr: &NodeAddr,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let name = match &self.shared.server_name {
            Some(name) => name.clone(),
            None => server_name(addr.host())?,
        };
        TlsConnector::from(self.shared.rustls.load_full())
            .connect(name, stream)
            .await
            .map_err(|cause| {
                let advice = advice(&cause);
                let message = format!("the TLS handshake failed: {cause}{advice}");
                Error::not_sent(ErrorKind::Connect, message)
            })
    }
}

impl TlsConfigBuilder {
    /// A PEM file with the certificates of the authorities to trust, in place of those that the system trusts. May be
    /// given several times.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// PEM files with our certificate, which the certificates between it and the authority may follow, and with its
    /// private key: for servers with `tls-auth-clients yes`.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// The name that the certificates of all nodes must be for. Unless set, it is the host a node is known by: often
    /// an IP address in a cluster, which certificates seldom mention.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if a file cannot be read or used, which is then named, or if there is no `ca_file` and the
    /// system has no trusted certificates.
    pub fn build(self) -> Result<TlsConfig, Error> {
        let rustls = self.read()?;
        let server_name = self.server_name.as_deref().map(server_name).transpose()?;
        Ok(TlsConfig {
            shared: Arc::new(Shared {
                rustls: ArcSwap::from_pointee(rustls),
                settings: self,
                server_name,
            }),
        })
    }

    fn read(&self) -> Result<rustls::ClientConfig, Error> {
        let mut roots = RootCertStore::empty();
        if self.ca_files.is_empty() {
            trust_the_systems(&mut roots)?;
        }
        for path in &self.ca_files {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|cause| unusable("CA certificate", path, cause))?;
            }
        }
        // The provider is named, since one chosen by the process may be missing or another.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        Ok(match &self.client_certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let private_key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|cause| unusable("private key", key, cause))?;
                builder
                    .with_client_auth_cert(chain, private_key)
                    .map_err(|cause| unusable("private key", key, cause))?
            }
        })
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("server_name", &self.shared.server_name)
            .finish_non_exhaustive()
    }
}

fn trust_the_systems(roots: &mut RootCertStore) -> Result<(), Error> {
    let mut found = rustls_native_certs::load_native_certs();
    // Systems carry certificates that rustls has no use for; the others still count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let error = Error::not_sent(
            ErrorKind::Config,
            "no trusted certificates were found on this system; set a `ca_file`",
        );
        return Err(match found.errors.pop() {
            Some(cause) => error.with_source(cause),
            None => error,
        });
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| unusable("certificate", path, cause))?;
    if certificates.is_empty() {
        let message = format!("there is no PEM certificate in {}", path.display());
        return Err(Error::not_sent(ErrorKind::Config, message));
    }
    Ok(certificates)
}

fn unusable(what: &str, path: &Path, cause: impl fmt::Display) -> Error {
    let message = format!("cannot use the {what} file {}: {cause}", path.display());
    Error::not_sent(ErrorKind::Config, message)
}

fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    // What follows '%' is the zone of a link-local address: no certificate has it.
    let name = host.split('%').next().unwrap_or_default();
    ServerName::try_from(name.to_owned()).map_err(|cause| {
        let message = format!("{host:?} is not a name that a certificate could be for");
        Error::not_sent(ErrorKind::Config, message).with_source(cause)
    })
}

/// What to do about it, where that is clear.
fn advice(cause: &io::Error) -> &'static str {
    let cause = cause.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; if the authority is to be trusted, set its certificate by `TlsConfigBuilder::ca_file`"
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "; if all nodes have a name in common, set it by `TlsConfigBuilder::server_name`",
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
        )) => {
            "; the server may want a certificate: set one by `TlsConfigBuilder::client_certificate`"
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "; the peer does not seem to speak TLS at this port"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named() {
        // This source file is no PEM file.
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/connect/tls.rs");
        for builder in [
            TlsConfig::builder().ca_file("/nowhere/tls.rs"),
            TlsConfig::builder().ca_file(&source),
        ] {
            let error = builder.build().expect_err("no certificates in there");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("tls.rs"), "{error}");
        }
    }

    #[test]
    fn names_and_addresses_are_server_names() {
        for host in ["node-1.example", "10.0.0.1", "::1", "fe80::1%eth0"] {
            server_name(host).expect(host);
        }
        server_name("not a name").expect_err("spaces");
    }
}
