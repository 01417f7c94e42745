//! What is said on a connection before its first command: protocol, credentials, database, names.
//!
//! ```text
//!            Resp3                      Resp2
//!              |                          |
//!          HELLO 3 [AUTH ..]              |
//!     map /      | no such command        |
//!        |       |   or no RESP3          |
//!        |       +-----------+------------+
//!        |              AUTH .. or PING
//!        +---------+---------+
//!  [SELECT], [CLIENT SETNAME], CLIENT SETINFO x 2
//!                  |
//!             established
//! ```
//!
//! Nothing is written behind `HELLO` or `AUTH` before their reply has come: a refusal may leave the server counting
//! replies otherwise than we do. Any step that fails ends the connection.
//!
//! There is no deadline in here. The one for connecting is a timeout layer at the connect seam, which drops all of it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Config;
use crate::connect::{Credentials, Protocol};
use crate::error::{Error, ErrorKind};
use crate::resp::{Decoder, Version, encode};
use crate::value::{ServerError, Value};

/// How many bytes the peer may send during the handshake. A server sends some 300.
const MAX_RECEIVED: usize = 64 * 1024;

/// The user a password belongs to that is given without one.
const DEFAULT_USER: &str = "default";

/// What the client has to say.
pub(crate) struct Introduction<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) credentials: Option<&'a Credentials>,
    /// 0 is where a connection is from the beginning.
    pub(crate) database: u32,
    pub(crate) client_name: Option<&'a str>,
}

/// What came out of it.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) version: Version,
    /// Has taken all replies of the handshake, and nothing of what comes after them.
    pub(crate) decoder: Decoder,
    /// What was read beyond them: pushes, if anything.
    pub(crate) unread: BytesMut,
}

/// Makes the handshake on a fresh connection.
///
/// # Errors
///
/// Kind `Authentication` if the server wants other credentials, `Config` if it does not have the database, `Protocol` if
/// it answers what makes no sense, and `Connect` for all else. Nothing was sent that a caller asked for.
///
/// # Cancel safety
///
/// None: `io` is of no use after the future was dropped.
pub(crate) async fn run<IO>(
    io: &mut IO,
    introduction: &Introduction<'_>,
    config: &Config,
) -> Result<Established, Error>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut handshake = Handshake {
        io,
        introduction,
        decoder: Decoder::new(config.limits.clone()),
        unread: BytesMut::with_capacity(1024),
        received: 0,
    };
    let version = match introduction.protocol {
        Protocol::Resp3 => handshake.hello().await?,
        Protocol::Resp2 => handshake.auth().await?,
    };
    handshake.introduce().await?;
    Ok(Established {
        version,
        decoder: handshake.decoder,
        unread: handshake.unread,
    })
}

struct Handshake<'a, IO> {
    io: &'a mut IO,
    introduction: &'a Introduction<'a>,
    decoder: Decoder,
    unread: BytesMut,
    received: usize,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Handshake<'_, IO> {
    /// Asks for RESP3, and falls back to RESP2 where there is none.
    async fn hello(&mut self) -> Result<Version, Error> {
        let mut request = vec!["HELLO", "3"];
        if let Some(credentials) = self.introduction.credentials {
            let user = credentials.user().unwrap_or(DEFAULT_USER);
            request.extend(["AUTH", user, credentials.password()]);
        }
        match self.request(Step::Hello, &request).await? {
            Value::Map(facts) if proto(&facts) == Some(3) => Ok(Version::Resp3),
            Value::Error(error) if lacks_hello(&error) => self.auth().await,
            Value::Error(error) => Err(self.refused(Step::Hello, &error)),
            _ => Err(senseless(Step::Hello)),
        }
    }

    /// Authenticates and stays with RESP2. Without credentials, finds out whether the server wants any.
    async fn auth(&mut self) -> Result<Version, Error> {
        let Some(credentials) = self.introduction.credentials else {
            return match self.request(Step::Ping, &["PING"]).await? {
                Value::Error(error) if shuts_out(&error) => Err(self.refused(Step::Ping, &error)),
                // Such as LOADING: that is between the server and the commands to come.
                Value::SimpleString(_) | Value::Error(_) => Ok(Version::Resp2),
                _ => Err(senseless(Step::Ping)),
            };
        };
        let password = credentials.password();
        let request = match credentials.user() {
            Some(user) => vec!["AUTH", user, password],
            // Without the default user's name, so that servers without users understand it too.
            None => vec!["AUTH", password],
        };
        match self.request(Step::Auth, &request).await? {
            Value::SimpleString(_) => Ok(Version::Resp2),
            Value::Error(error) => Err(self.refused(Step::Auth, &error)),
            _ => Err(senseless(Step::Auth)),
        }
    }

    /// Selects the database, and says who connects, for `CLIENT LIST` and the servers' logs. A server that does not want
    /// to know who is fine.
    async fn introduce(&mut self) -> Result<(), Error> {
        let database = self.introduction.database;
        let number = database.to_string();
        let select = ["SELECT", number.as_str()];
        let name = self.introduction.client_name;
        let set_name = name.map(|name| ["CLIENT", "SETNAME", name]);
        // Redis 7.2 and later.
        let lib_name = ["CLIENT", "SETINFO", "LIB-NAME", env!("CARGO_PKG_NAME")];
        let lib_version = ["CLIENT", "SETINFO", "LIB-VER", env!("CARGO_PKG_VERSION")];
        let mut requests: Vec<&[&str]> = Vec::with_capacity(4);
        if database != 0 {
            requests.push(&select);
        }
        requests.extend(set_name.as_ref().map(|request| request.as_slice()));
        requests.extend([lib_name.as_slice(), lib_version.as_slice()]);

        let step = |request: &[&str]| match request[0] {
            "SELECT" => Step::Select,
            _ => Step::Client,
        };
        self.send(step(requests[0]), &requests).await?;
        for request in &requests {
            let step = step(request);
            match self.reply(step).await? {
                Value::SimpleString(_) => {}
                Value::Error(error) if matches!(step, Step::Select) => {
                    return Err(lacks_database(database, &error));
                }
                Value::Error(error) => {
                    tracing::debug!(what = request[1], %error, "the server refused to note who connects");
                }
                _ => return Err(senseless(step)),
            }
        }
        self.expect_silence(Step::Client)
    }

    /// One request, its reply, and nothing else.
    async fn request(&mut self, step: Step, request: &[&str]) -> Result<Value, Error> {
        self.send(step, &[request]).await?;
        let reply = self.reply(step).await?;
        self.expect_silence(step)?;
        Ok(reply)
    }

    async fn send(&mut self, step: Step, requests: &[&[&str]]) -> Result<(), Error> {
        let mut out = BytesMut::with_capacity(256);
        for request in requests {
            let arguments = request
                .iter()
                .map(|argument| Value::BulkString(Bytes::copy_from_slice(argument.as_bytes())))
                .collect();
            encode(&Value::Array(arguments), Version::Resp2, &mut out);
        }
        let written = async {
            self.io.write_all(&out).await?;
            self.io.flush().await
        };
        let Err(cause) = written.await else {
            return Ok(());
        };
        // A server that has no room for us says so and closes: that is the reason, not that we could not write.
        match self.reply(step).await {
            Ok(Value::Error(error)) => Err(self.refused(step, &error)),
            _ => Err(broken(step, &cause)),
        }
    }

    /// The next reply.
    async fn reply(&mut self, step: Step) -> Result<Value, Error> {
        loop {
            match self.decoder.decode(&mut self.unread) {
                // Nobody waits for it.
                Ok(Some(Value::Push(_))) => continue,
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) if self.received > MAX_RECEIVED => return Err(senseless(step)),
                Ok(None) => {}
                Err(error) => {
                    let mut message = format!("the peer's answer to {step} is not RESP");
                    // The first byte of a TLS alert: what a TLS server says to who speaks plainly.
                    if self.unread.first() == Some(&0x15) {
                        message.push_str("; it seems to expect TLS: use rediss://");
                    }
                    return Err(Error::not_sent(ErrorKind::Protocol, message).with_source(error));
                }
            }
            self.unread.reserve(1024);
            match self.io.read_buf(&mut self.unread).await {
                Ok(0) => {
                    return Err(Error::not_sent(
                        ErrorKind::Connect,
                        format!("the peer closed the connection instead of answering {step}"),
                    ));
                }
                Ok(bytes) => self.received += bytes,
                Err(cause) => return Err(broken(step, &cause)),
            }
        }
    }

    /// Between a reply and the next request, the peer has nothing to say but pushes. Were it an answer, all later
    /// answers would go to the wrong callers.
    fn expect_silence(&self, step: Step) -> Result<(), Error> {
        match self.unread.first() {
            None | Some(b'>') => Ok(()),
            Some(_) => Err(senseless(step)),
        }
    }

    /// The error for a refusal that ends the connection.
    fn refused(&self, step: Step, error: &ServerError) -> Error {
        let credentials = self.introduction.credentials;
        if error.code() == "NOAUTH" && credentials.is_none() {
            return Error::not_sent(
                ErrorKind::Authentication,
                "the server asks for a password; set one in the URL or the ConnectConfig",
            );
        }
        let is_about_credentials = match error.code() {
            "NOAUTH" | "WRONGPASS" | "NOPERM" => true,
            // No code of its own before Redis 6, nor for a password that the server does not want.
            _ => matches!(step, Step::Auth) && !shuts_out(error),
        };
        let text = without_password(error, credentials);
        if is_about_credentials {
            let message = format!("the server refused the user or the password: {text}");
            Error::not_sent(ErrorKind::Authentication, message)
        } else {
            let message = format!("the server refused {step}: {text}");
            Error::not_sent(ErrorKind::Connect, message)
        }
    }
}

#[derive(Clone, Copy)]
enum Step {
    Hello,
    Auth,
    Ping,
    Select,
    Client,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "HELLO",
            Self::Auth => "AUTH",
            Self::Ping => "PING",
            Self::Select => "SELECT",
            Self::Client => "CLIENT",
        })
    }
}

/// What the server says of a refusal.
pub(super) fn without_password(error: &ServerError, credentials: Option<&Credentials>) -> String {
    // Servers do not repeat a password, but something between us may, in words of its own. Looked for in all that was
    // said, of which only the beginning is shown.
    let is_known = shuts_out(error) && error.code() != "DENIED";
    if !is_known && credentials.is_some_and(|it| error.repeats(it.password())) {
        return "its reason is not shown, since it repeats the password".to_owned();
    }
    error.to_string()
}

/// The protocol version that the reply to `HELLO` says is spoken from now on.
fn proto(facts: &[(Value, Value)]) -> Option<i64> {
    facts.iter().find_map(|(name, value)| match (name, value) {
        (Value::BulkString(name) | Value::SimpleString(name), Value::Integer(version)) => {
            (&name[..] == b"proto").then_some(*version)
        }
        _ => None,
    })
}

/// True if the server, or a proxy before it, knows no `HELLO` or no RESP3.
fn lacks_hello(error: &ServerError) -> bool {
    match error.code() {
        "NOPROTO" => true,
        "ERR" => starts_with(error, b"unknown command"),
        _ => false,
    }
}

/// True for refusals that are not about the command: whatever came first would have been refused.
fn shuts_out(error: &ServerError) -> bool {
    match error.code() {
        "NOAUTH" | "DENIED" => true,
        "ERR" => starts_with(error, b"max number of clients"),
        _ => false,
    }
}

/// The error for a server that refuses a database.
fn lacks_database(database: u32, error: &ServerError) -> Error {
    let (kind, advice) = match error.code() {
        "NOPERM" => (
            ErrorKind::Authentication,
            "let the user in by its ACL, or connect as another",
        ),
        "ERR" => (
            ErrorKind::Config,
            "in a cluster only Valkey 9 and later have more than database 0, as many as `cluster-databases` says",
        ),
        _ => (ErrorKind::Connect, "try again"),
    };
    let message = format!("the server refused to select database {database}: {error}; {advice}");
    Error::not_sent(kind, message)
}

fn starts_with(error: &ServerError, text: &[u8]) -> bool {
    let message = error.message();
    message.len() >= text.len() && message[..text.len()].eq_ignore_ascii_case(text)
}

fn senseless(step: Step) -> Error {
    let message = format!("the peer's answer to {step} makes no sense");
    Error::not_sent(ErrorKind::Protocol, message)
}

fn broken(step: Step, cause: &io::Error) -> Error {
    let message = format!("the connection broke at {step}: {cause}");
    Error::not_sent(ErrorKind::Connect, message)
}
