//! What a node knows of one of its clients.

use std::collections::BTreeSet;

use bytes::Bytes;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::commands::Queued;
use crate::resp::Version;

/// A client, from its connecting until it is dismissed. Dropping it ends its connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) peer: String,
    pub(super) since: Instant,
    pub(super) last_command: String,
    /// The names of the commands of the batch under way.
    pub(super) batch: BTreeSet<String>,
    pub(super) name: Bytes,
    pub(super) lib_name: Bytes,
    pub(super) lib_version: Bytes,
    pub(super) version: Version,
    pub(super) database: usize,
    pub(super) user: Option<String>,
    /// `READONLY` was sent: replicas may serve reads.
    pub(super) is_readonly: bool,
    /// `ASKING` was the last command.
    pub(super) is_asking: bool,
    pub(super) transaction: Option<Transaction>,
    /// Keys under `WATCH`, with their versions then.
    pub(super) watched: Vec<(Bytes, Option<u64>)>,
    /// The connection's task, once it is spawned.
    pub(super) task: Option<AbortHandle>,
}

/// What follows a `MULTI`.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) commands: Vec<Queued>,
    /// A command could not be queued: `EXEC` will refuse.
    pub(super) is_dirty: bool,
}

impl Client {
    pub(super) fn new(id: u64, peer: String, is_authenticated: bool) -> Self {
        Self {
            id,
            peer,
            since: Instant::now(),
            last_command: String::new(),
            batch: BTreeSet::new(),
            name: Bytes::new(),
            lib_name: Bytes::new(),
            lib_version: Bytes::new(),
            version: Version::Resp2,
            database: 0,
            user: is_authenticated.then(|| "default".to_owned()),
            is_readonly: false,
            is_asking: false,
            transaction: None,
            watched: Vec::new(),
            task: None,
        }
    }

    /// Back to how a client begins, as by `RESET`.
    pub(super) fn reset(&mut self, is_authenticated: bool) {
        let fresh = Self::new(self.id, std::mem::take(&mut self.peer), is_authenticated);
        let since = self.since;
        let task = self.task.take();
        *self = fresh;
        self.since = since;
        self.task = task;
    }

    /// Forgets the client without ending its connection.
    pub(super) fn spare(mut self) {
        self.task = None;
    }

    /// Takes note that a command was refused before it could be queued.
    pub(super) fn spoil_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.is_dirty = true;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
