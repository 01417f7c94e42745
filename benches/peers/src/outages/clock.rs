//! The time, alike in all processes of the machine.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::peer::Failure;

/// A point in time, in microseconds since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn now() -> Result<Self, Failure> {
        let time = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
        Ok(Self(time.as_micros().try_into()?))
    }

    /// So much later.
    pub(crate) fn plus(self, time: Duration) -> Self {
        let micros = time.as_micros().try_into().unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// So much earlier.
    pub(crate) fn minus(self, time: Duration) -> Self {
        let micros = time.as_micros().try_into().unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// Seconds from then to this; less than nothing if this is earlier.
    pub(crate) fn since(self, then: Self) -> f64 {
        (self.0 as f64 - then.0 as f64) / 1e6
    }

    /// Whole milliseconds from then to this; 0 if this is earlier.
    pub(crate) fn millis_since(self, then: Self) -> usize {
        let millis = self.0.saturating_sub(then.0) / 1000;
        millis.try_into().unwrap_or(usize::MAX)
    }
}
