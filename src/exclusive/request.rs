//! The request for a lease, as it travels through the stack inside of a command.

use std::fmt;

use parking_lot::Mutex;
use tower::util::BoxCloneSyncService;

use crate::command::Command;
use crate::error::Error;
use crate::value::Value;

/// A leased connection, whatever its type.
pub(super) type Connection = BoxCloneSyncService<Command, Value, Error>;

/// Where the lane leaves the connection that it leased. All clones of the command share it.
#[derive(Default)]
pub(crate) struct LeaseRequest(Mutex<State>);

#[derive(Default)]
enum State {
    /// No lane has seen it.
    #[default]
    Unseen,
    /// A lane has seen it.
    Seen,
    /// The command was answered over this connection.
    Leased(Connection),
}

impl LeaseRequest {
    /// Takes note that there is a lane.
    pub(super) fn see(&self) {
        self.put(State::Seen);
    }

    /// Leaves the connection, which goes back to its lane if nobody takes it.
    pub(super) fn leave(&self, connection: Connection) {
        self.put(State::Leased(connection));
    }

    fn put(&self, state: State) {
        let before = std::mem::replace(&mut *self.0.lock(), state);
        // Without the lock: a connection that an earlier attempt has left goes back to its lane.
        drop(before);
    }

    /// True once there was a lane.
    pub(super) fn was_seen(&self) -> bool {
        !matches!(*self.0.lock(), State::Unseen)
    }

    pub(super) fn take(&self) -> Option<Connection> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Seen) {
            State::Leased(connection) => Some(connection),
            before => {
                *state = before;
                None
            }
        }
    }
}

impl fmt::Debug for LeaseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseRequest")
    }
}
