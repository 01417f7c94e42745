//! Settings of a connection.

use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::resp::Limits;

/// The bounds of a [`Connection`](super::Connection).
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) max_in_flight: usize,
    pub(super) max_bytes: usize,
    pub(super) stall_timeout: Option<Duration>,
    pub(super) limits: Limits,
    /// What ends the connection, if nothing else does before.
    pub(crate) lifecycle: Lifecycle,
}

impl Config {
    /// How many commands may wait for their replies; 16384 unless set.
    ///
    /// That is four times what a busy service keeps in flight on one node, and little enough (some 4 MiB) to
    /// wait in memory through an outage. While the bound is reached, the connection is not ready. A
    /// [batch](super#batches) counts with all its commands.
    #[must_use]
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.max_in_flight = commands.max(1);
        self
    }

    /// How many bytes the commands that wait for their replies may add up to; 64 MiB unless set.
    ///
    /// A single larger command or batch is sent when the bound is not reached. While the bound is reached, the connection is not
    /// ready.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.max(1);
        self
    }

    /// How long nothing may arrive while replies are due before the connection is given up; 10 seconds unless
    /// set, `None` for never.
    ///
    /// A node that is merely slow answers something in that time; a connection whose packets are dropped on
    /// the way never would, and TCP alone takes a quarter of an hour to notice. What is being taken by the server
    /// counts as much as what arrives, so that a large command may take its time. While the command whose turn it
    /// is blocks by its own wish, or has a [timeout of its own](crate::Command::timeout) that is longer than this,
    /// and its caller waits, the connection is not given up.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.stall_timeout = timeout.into();
        self
    }

    /// The bounds of what a reply may be.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_in_flight: 16 * 1024,
            max_bytes: 64 * 1024 * 1024,
            stall_timeout: Some(Duration::from_secs(10)),
            limits: Limits::default(),
            lifecycle: Lifecycle::new(),
        }
    }
}
