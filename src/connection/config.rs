//! Settings of a connection.

use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::resp::Limits;
use crate::route::Suspicions;

/// The bounds of a [`Connection`](super::Connection).
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) max_in_flight: usize,
    pub(super) max_bytes: usize,
    pub(super) suspect_after: Option<Duration>,
    pub(super) stall_timeout: Option<Duration>,
    pub(super) ping_interval: Option<Duration>,
    pub(super) limits: Limits,
    /// What ends the connection, if nothing else does before.
    pub(crate) lifecycle: Lifecycle,
    /// Who is told when it is suspect.
    pub(crate) suspicions: Option<Suspicions>,
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

    /// How long nothing may arrive while replies are due before the connection is [suspect](super#suspicion); 1 second
    /// unless set, `None` for never.
    ///
    /// As long as a request usually may take is a good choice. What is being taken by the server counts as much as what
    /// arrives. While the command whose turn it is blocks by its own wish, or has a
    /// [timeout of its own](crate::Command::timeout) that is longer than this, and its caller waits, the connection is
    /// not suspect. Without effect unless it is shorter than the [stall timeout](Self::stall_timeout).
    #[must_use]
    pub fn suspect_after(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.suspect_after = time.into();
        self
    }

    /// How long nothing may arrive while replies are due before the connection is given up; 10 seconds unless
    /// set, `None` for never.
    ///
    /// A node that is merely slow answers something in that time; a connection whose packets are dropped on
    /// the way never would, and TCP alone takes a quarter of an hour to notice. This is for what
    /// [suspicion](super#suspicion) cannot settle sooner, such as a node that takes no new connection either. What arrives
    /// counts if it is a reply or 4 KiB of one: a peer that only drips, or sends push messages and answers nothing, is given
    /// up too. The same excuses hold; without suspicion, a timeout of the command's own has to be longer than this.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.stall_timeout = timeout.into();
        self
    }

    /// How long nothing may be said on the connection before a `PING` asks whether the other side is still there; 30
    /// seconds unless set, `None` for never.
    ///
    /// It lets an idle connection become suspect, and be replaced, before a request needs it. Nobody is told of the
    /// reply, nor does it count as use of the connection. Where a command was sent that needs a connection to itself,
    /// as over a [lease](crate::Cluster::lease), there are no more such questions: they could end up in a transaction.
    #[must_use]
    pub fn ping_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.ping_interval = interval.into();
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
            suspect_after: Some(Duration::from_secs(1)),
            stall_timeout: Some(Duration::from_secs(10)),
            ping_interval: Some(Duration::from_secs(30)),
            limits: Limits::default(),
            lifecycle: Lifecycle::new(),
            suspicions: None,
        }
    }
}
