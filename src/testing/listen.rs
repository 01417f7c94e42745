//! The listening socket of a node.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::session;
use super::state::Shared;

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// How long to wait after a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(10);

/// A port of 127.0.0.1 that is ours until dropped, whether somebody listens on it or not: while it refuses
/// connections no other process can come by it.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    /// Bound, and never listening. Only Linux lets a listening socket join a bound one.
    _reservation: Option<Socket>,
}

/// A task that accepts connections. Dropping it ends the task, and refuses connections from then on.
#[derive(Debug)]
pub(super) struct Listening {
    task: AbortHandle,
    /// The task's socket: the task ends only when the runtime comes to it.
    socket: Socket,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = bound_socket(0)?;
        let addr = socket.local_addr()?.as_socket();
        let number = addr.map_or(0, |addr| addr.port());
        Ok(Self {
            number,
            _reservation: cfg!(target_os = "linux").then_some(socket),
        })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Accepts connections for `node`.
    pub(super) fn listen(&self, shared: &Arc<Shared>, node: usize) -> io::Result<Listening> {
        let socket = bound_socket(self.number)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let _runtime = shared.runtime.enter();
        let listener = TcpListener::from_std(socket.try_clone()?.into())?;
        let task = shared
            .runtime
            .spawn(accept(listener, Arc::clone(shared), node));
        Ok(Listening {
            task: task.abort_handle(),
            socket,
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Where this is not possible for a listening socket (not on Linux), the end of the task closes it.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.task.abort();
    }
}

fn bound_socket(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Connections of an earlier listener may linger on the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, node: usize) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A failure shows at the next read or write.
                let _ = stream.set_nodelay(true);
                session::spawn(&shared, node, peer.to_string(), stream);
            }
            // A client that left before it was accepted, or no more file descriptors: not the listener's end.
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}
