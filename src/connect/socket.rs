//! Sockets: from an address to a stream of bytes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::config::Keepalive;
use crate::error::{Error, ErrorKind};

/// What is set on a TCP socket before it connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct TcpOptions {
    pub(super) nodelay: bool,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) user_timeout: Option<Duration>,
}

/// Resolves a host and connects to the first of its addresses that answers. Each attempt has a head start of `delay`
/// on the next: a dead address costs that, and not all the time there is for connecting.
///
/// # Cancel safety
///
/// Dropping the future closes whatever it has opened.
pub(super) async fn tcp(
    host: &str,
    port: u16,
    options: TcpOptions,
    delay: Duration,
) -> Result<TcpStream, Error> {
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|cause| failed("could not resolve the host name", cause))?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    first_of(&addresses, delay, |address| open(address, options)).await
}

async fn first_of<F, T>(
    addresses: &[SocketAddr],
    delay: Duration,
    open: impl Fn(SocketAddr) -> F,
) -> Result<T, Error>
where
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut left = addresses.iter().copied();
    let mut failures = Vec::new();
    // The set ends its tasks when it is dropped.
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = left.next() {
            let attempt = open(address);
            attempts.spawn(async move { attempt.await.map_err(|cause| (address, cause)) });
        }
        tokio::select! {
            attempt = attempts.join_next() => match attempt {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(failure))) => failures.push(failure),
                // The runtime is shutting down: nothing ever follows.
                Some(Err(cause)) => return Err(failed("could not connect", cause)),
                None => return Err(none_of(&failures)),
            },
            () = sleep(delay), if left.len() > 0 => {}
        }
    }
}

async fn open(address: SocketAddr, options: TcpOptions) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    options.set(SockRef::from(&socket))?;
    socket.connect(address).await
}

impl TcpOptions {
    fn set(&self, socket: SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(keepalive) = self.keepalive {
            let params = TcpKeepalive::new()
                .with_time(keepalive.idle)
                .with_interval(keepalive.interval);
            #[cfg(not(windows))]
            let params = params.with_retries(keepalive.retries);
            socket.set_tcp_keepalive(&params)?;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_user_timeout(self.user_timeout)?;
        Ok(())
    }
}

/// Connects to a Unix socket.
#[cfg(unix)]
pub(super) async fn unix(path: &str) -> Result<tokio::net::UnixStream, Error> {
    tokio::net::UnixStream::connect(path)
        .await
        .map_err(|cause| failed("could not connect", cause))
}

/// The error for a host none of whose addresses answered.
fn none_of(failures: &[(SocketAddr, io::Error)]) -> Error {
    let message = match failures {
        [] => "the host name has no address".to_owned(),
        [(_, cause)] => format!("could not connect: {cause}"),
        several => {
            let reasons: Vec<_> = several
                .iter()
                .map(|(address, cause)| format!("{address}: {cause}"))
                .collect();
            format!("could not connect: {}", reasons.join("; "))
        }
    };
    Error::not_sent(ErrorKind::Connect, message)
}

fn failed(what: &str, cause: impl fmt::Display) -> Error {
    Error::not_sent(ErrorKind::Connect, format!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    fn options() -> TcpOptions {
        TcpOptions {
            nodelay: true,
            keepalive: Some(Keepalive::default()),
            user_timeout: Some(Duration::from_secs(30)),
        }
    }

    const NEVER: Duration = Duration::from_secs(3600);

    /// Addresses whose last number says how they behave.
    fn addresses(kinds: &[u8]) -> Vec<SocketAddr> {
        kinds
            .iter()
            .map(|kind| SocketAddr::from(([10, 0, 0, *kind], 1)))
            .collect()
    }

    const ANSWERS: u8 = 1;
    const REFUSES: u8 = 2;
    const IS_SILENT: u8 = 3;

    async fn attempt(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.to_string().as_str() {
            "10.0.0.1:1" => Ok(address),
            "10.0.0.2:1" => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => std::future::pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_the_delay() {
        let start = Instant::now();
        let addresses = addresses(&[IS_SILENT, IS_SILENT, ANSWERS]);
        let delay = Duration::from_millis(250);
        let first = first_of(&addresses, delay, attempt);
        let first = tokio::time::timeout(NEVER, first).await;
        first.expect("in time").expect("the last one answers");
        assert_eq!(start.elapsed(), 2 * delay);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_gives_way_to_the_next_at_once() {
        let start = Instant::now();
        let addresses = addresses(&[REFUSES, REFUSES, ANSWERS]);
        first_of(&addresses, NEVER, attempt)
            .await
            .expect("the last one answers");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_may_answer_after_the_next_was_tried() {
        let addresses = addresses(&[ANSWERS, IS_SILENT]);
        let slow = |address| async move {
            sleep(Duration::from_secs(1)).await;
            attempt(address).await
        };
        let first = first_of(&addresses, Duration::ZERO, slow);
        let first = tokio::time::timeout(NEVER, first).await;
        first
            .expect("not cancelled")
            .expect("the first one answers");
    }

    #[tokio::test]
    async fn all_refusals_are_told() {
        let error = first_of(&addresses(&[REFUSES, REFUSES]), NEVER, attempt).await;
        let error = error.expect_err("none answers");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(
            error
                .to_string()
                .matches("10.0.0.2:1: connection refused")
                .count(),
            2,
            "{error}"
        );
        let error = first_of(&[], NEVER, attempt)
            .await
            .expect_err("there is none");
        assert!(error.to_string().contains("no address"), "{error}");
    }

    #[tokio::test]
    async fn the_options_are_set() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let stream = tcp("127.0.0.1", port, options(), NEVER)
            .await
            .expect("it listens");
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("readable"));
        assert!(socket.keepalive().expect("readable"));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(
                socket.tcp_keepalive_time().expect("readable"),
                Duration::from_secs(15)
            );
            assert_eq!(socket.tcp_keepalive_retries().expect("readable"), 3);
            assert_eq!(
                socket.tcp_user_timeout().expect("readable"),
                Some(Duration::from_secs(30))
            );
        }
    }
}
