//! What the process has used.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::peer::Failure;

pub(super) struct Usage {
    /// User and system time, in seconds.
    pub(super) cpu: f64,
    /// The most memory there ever was, in KiB.
    pub(super) peak_rss: u64,
    pub(super) threads: u64,
}

impl Usage {
    pub(super) fn now() -> Result<Self, Failure> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        // The peak that `getrusage` gives begins with that of the parent.
        let status = fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
            number.ok_or_else(|| format!("/proc/self/status has no {name}"))
        };
        Ok(Self {
            cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
            peak_rss: field("VmHWM:")?,
            threads: field("Threads:")?,
        })
    }
}
