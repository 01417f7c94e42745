//! What goes wrong, and when.
//!
//! Two lanes of faults run side by side. One befalls [servers](servers), one at a time, and waits after each until all
//! nodes agree again; the other befalls the [lines](lines) between the client and them. Both draw from random numbers of
//! their own, whose seed is that of the round, so that the order of the faults depends on nothing else.

pub(crate) mod lines;
mod log;
mod nodes;
mod reshard;
pub(crate) mod servers;

use std::time::Duration;

pub(crate) use self::log::{Allows, FaultLog, is_passing, is_wait_on_replica};
pub(crate) use self::nodes::{SHARDS, settled};

/// What the faults of a round may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Servers lose nothing that they acknowledged.
    Lossless,
    /// Replication is behind what was acknowledged, and a replica takes over: servers may lose that.
    Lossy,
}

impl Kind {
    pub(crate) fn node_timeout(self) -> Duration {
        match self {
            // Nothing is to be taken for failed that is only paused or started again, also when the machine has much else
            // to do.
            Self::Lossless => Duration::from_secs(30),
            // Promotions are wanted.
            Self::Lossy => Duration::from_millis(1500),
        }
    }
}
