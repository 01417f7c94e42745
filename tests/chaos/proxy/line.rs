//! One connection through a proxy.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::state::{Direction, State};

/// Carries bytes both ways until one end closes or a fault ends it.
pub(super) async fn run(client: TcpStream, server: TcpStream, mut state: watch::Receiver<State>) {
    // What adds a delay of its own would be taken for one of the client.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pump(from_client, to_server, Direction::ToServer, state.clone());
    let down = pump(from_server, to_client, Direction::ToClient, state.clone());
    let opened = state.borrow_and_update().closed;
    tokio::select! {
        // Both ways ended in order, or one was torn.
        _ = async { tokio::try_join!(up, down) } => {}
        _ = until(&mut state, |state| state.closed != opened) => {}
    }
}

/// Waits until this is true, or until the proxy ends.
async fn until(state: &mut watch::Receiver<State>, is_so: impl FnMut(&State) -> bool) {
    let _ = state.wait_for(is_so).await;
}

/// Carries bytes one way.
///
/// # Errors
///
/// If the line is to be closed as a whole.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let index = direction as usize;
    let opened = state.borrow().half_closed[index];
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            _ = until(&mut state, |state| state.half_closed[index] != opened) => {
                return to.shutdown().await;
            }
        };
        if read == 0 {
            return to.shutdown().await;
        }
        until(&mut state, |state| !state.holds[index]).await;
        let (delay, budget) = {
            let state = state.borrow();
            (state.delay, state.budget.clone())
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let passes = match direction {
            Direction::ToServer => read,
            Direction::ToClient => budget.take(read),
        };
        to.write_all(&buffer[..passes]).await?;
        if passes < read {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}
