//! TLS against a real server: what is trusted, and what the errors advise.
//!
//! Needs `redis-server` (or the server named by the environment variable `REDIS_SERVER`) with TLS, and the `openssl`
//! command; without them the tests say so and pass.

#![cfg(feature = "tls")]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind::NotFound};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tower::ServiceExt;
use tower_redis_cluster::connect::{ConnectConfig, TlsConfig, TlsConfigBuilder};
use tower_redis_cluster::{Connector, Delivery, Error, ErrorKind, NodeAddr, Value, cmd};

#[tokio::test]
async fn a_trusted_server_is_connected_to() {
    let Some(server) = Server::start(&["--requirepass", "secret"]) else {
        return;
    };
    let config = server.trusting("ca").password("secret");
    server.connect("localhost", &config).await.expect("trusted");

    let error = server
        .connect("localhost", &server.trusting("ca"))
        .await
        .expect_err("the password is missing");
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[tokio::test]
async fn an_untrusted_server_is_refused_with_advice() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let config = server.trusting("stranger");
    let error = server.connect("localhost", &config).await;
    let error = error.expect_err("signed by another authority");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(error.node().map(NodeAddr::port), Some(server.tls_port));
    assert!(error.to_string().contains("ca_file"), "{error}");
}

#[tokio::test]
async fn a_certificate_must_be_for_the_host_or_the_name_that_is_set() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let error = server
        .connect("127.0.0.1", &server.trusting("ca"))
        .await
        .expect_err("the certificate is for localhost only");
    assert!(error.to_string().contains("server_name"), "{error}");

    let tls = server.tls("ca").server_name("localhost").build();
    let config = ConnectConfig::new().tls(tls.expect("readable"));
    let connection = server.connect("127.0.0.1", &config).await;
    connection.expect("the name that is set is the certificate's");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let Some(server) = Server::start(&["--tls-auth-clients", "yes"]) else {
        return;
    };
    let error = server.connect("localhost", &server.trusting("ca")).await;
    assert_eq!(
        error.expect_err("no certificate").kind(),
        ErrorKind::Connect
    );

    let tls = server.tls("ca");
    let tls = tls.client_certificate(server.file("client.crt"), server.file("client.key"));
    let config = ConnectConfig::new().tls(tls.build().expect("readable"));
    let connection = server.connect("localhost", &config).await;
    connection.expect("the certificate is signed by the server's authority");

    let mixed = server.tls("ca");
    let mixed = mixed.client_certificate(server.file("client.crt"), server.file("node.key"));
    let error = mixed
        .build()
        .expect_err("the key belongs to another certificate");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("node.key"), "{error}");
}

#[tokio::test]
async fn the_system_s_authorities_do_not_vouch_for_a_private_one() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let Ok(tls) = TlsConfig::new() else {
        eprintln!("skipped: the system trusts nobody");
        return;
    };
    let config = ConnectConfig::new().tls(tls);
    let error = server.connect("localhost", &config).await;
    let error = error.expect_err("signed by an authority of its own");
    assert!(error.to_string().contains("ca_file"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_refused() {
    let Some(server) = Server::with_certificate("ended", &[]) else {
        return;
    };
    let error = server.connect("localhost", &server.trusting("ca")).await;
    let error = error.expect_err("it was valid until yesterday");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        error.to_string().to_lowercase().contains("expired"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_certificate_of_strangers_is_refused() {
    let Some(server) = Server::start(&["--tls-auth-clients", "yes"]) else {
        return;
    };
    let tls = server.tls("ca");
    let tls = tls.client_certificate(server.file("stranger.crt"), server.file("stranger.key"));
    let config = ConnectConfig::new().tls(tls.build().expect("readable"));
    let error = server.connect("localhost", &config).await;
    let error = error.expect_err("signed by another authority");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Connect, Delivery::NotSent)
    );
}

#[tokio::test]
async fn renewed_files_are_used_once_they_are_read_again() {
    let Some(server) = Server::start(&["--tls-auth-clients", "yes"]) else {
        return;
    };
    let renew = |from: &str| {
        for kind in ["crt", "key"] {
            let (from, to) = (format!("{from}.{kind}"), format!("mine.{kind}"));
            fs::copy(server.file(&from), server.file(&to)).expect("writable");
        }
    };
    renew("stranger");
    let tls = server.tls("ca");
    let tls = tls.client_certificate(server.file("mine.crt"), server.file("mine.key"));
    let tls = tls.build().expect("readable");
    let config = ConnectConfig::new().tls(tls.clone());
    let shown = format!("{tls:?} {config:?}");
    let key = fs::read_to_string(server.file("mine.key")).expect("readable");
    assert!(key.lines().all(|line| !shown.contains(line)), "{shown}");
    server
        .connect("localhost", &config)
        .await
        .expect_err("a stranger");

    renew("client");
    server
        .connect("localhost", &config)
        .await
        .expect_err("read before");
    tls.reload().expect("readable");
    server.connect("localhost", &config).await.expect("known");

    fs::remove_file(server.file("mine.key")).expect("it is there");
    let error = tls.reload().expect_err("the key is missing");
    assert!(error.to_string().contains("mine.key"), "{error}");
    server
        .connect("localhost", &config)
        .await
        .expect("as before");
}

/// A server of the test's own, with certificates made for it. Both are gone when it is dropped.
struct Server {
    process: Child,
    /// Kept open, so that the server can go on writing its log.
    _log: BufReader<ChildStdout>,
    files: Files,
    tls_port: u16,
}

impl Server {
    /// `None`, with a message, if this machine lacks something.
    fn start(options: &[&str]) -> Option<Self> {
        Self::with_certificate("node", options)
    }

    fn with_certificate(certificate: &str, options: &[&str]) -> Option<Self> {
        let files = Files::make()?;
        let tls_port = free_port();
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        command
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--tls-auth-clients",
                "no",
            ])
            .args(["--port", "0"])
            .args(["--tls-port", &tls_port.to_string()])
            .arg("--tls-ca-cert-file")
            .arg(files.path("ca.crt"))
            .arg("--tls-cert-file")
            .arg(files.path(&format!("{certificate}.crt")))
            .arg("--tls-key-file")
            .arg(files.path(&format!("{certificate}.key")))
            .args(options)
            .current_dir(&files.directory)
            .stdout(Stdio::piped());
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == NotFound => {
                eprintln!("skipped: there is no {program}");
                return None;
            }
            Err(error) => panic!("{program}: {error}"),
        };
        let log = process.stdout.take().expect("it is piped");
        let mut server = Self {
            process,
            _log: BufReader::new(log),
            files,
            tls_port,
        };
        let mut log = String::new();
        while !log.contains("Ready to accept connections") {
            if server._log.read_line(&mut log).expect("text") == 0 {
                if log.contains("Bad directive") || log.contains("without TLS") {
                    eprintln!("skipped: {program} is built without TLS");
                    return None;
                }
                panic!("{program} did not start:\n{log}");
            }
        }
        Some(server)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    fn tls(&self, authority: &str) -> TlsConfigBuilder {
        TlsConfig::builder().ca_file(self.file(&format!("{authority}.crt")))
    }

    fn trusting(&self, authority: &str) -> ConnectConfig {
        let tls = self.tls(authority).build().expect("the file was just made");
        ConnectConfig::new().tls(tls)
    }

    /// Connects, and sees that commands are answered.
    async fn connect(&self, host: &str, config: &ConnectConfig) -> Result<(), Error> {
        let connector = Connector::new(config.clone());
        let connection = connector
            .oneshot(NodeAddr::new(host, self.tls_port))
            .await?;
        let pong = connection.oneshot(cmd("PING")).await?;
        assert_eq!(pong, Value::SimpleString("PONG".into()));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two authorities, and certificates for the node and the client signed by the first.
struct Files {
    directory: PathBuf,
}

impl Files {
    fn make() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tower-redis-cluster-tls-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let this = Self {
            directory: std::env::temp_dir().join(name),
        };
        fs::create_dir_all(&this.directory).expect("a writable temporary directory");
        for leaf in ["node.ext", "ended.ext"] {
            fs::write(this.path(leaf), "subjectAltName=DNS:localhost\n").expect("writable");
        }
        fs::write(this.path("client.ext"), "keyUsage=digitalSignature\n").expect("writable");

        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for authority in ["ca", "stranger"] {
            this.openssl(&format!(
                "req -x509 {new_key} -days 2 -subj /CN={authority} -keyout {authority}.key -out {authority}.crt"
            ))?;
        }
        for (leaf, days) in [("node", 2), ("ended", -1), ("client", 2)] {
            this.openssl(&format!(
                "req {new_key} -subj /CN={leaf} -keyout {leaf}.key -out {leaf}.csr"
            ))?;
            this.openssl(&format!(
                "x509 -req -in {leaf}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -extfile {leaf}.ext -out {leaf}.crt"
            ))?;
        }
        Some(this)
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.directory).join(name)
    }

    fn openssl(&self, arguments: &str) -> Option<()> {
        let mut command = Command::new("openssl");
        command
            .args(arguments.split(' '))
            .current_dir(&self.directory);
        match command.output() {
            Ok(output) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "openssl {arguments}: {errors}");
                Some(())
            }
            Err(error) if error.kind() == NotFound => {
                eprintln!("skipped: there is no openssl");
                None
            }
            Err(error) => panic!("openssl: {error}"),
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
