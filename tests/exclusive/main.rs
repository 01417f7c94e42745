//! Exclusive connections: blocking commands, leases, and `WATCH`.

mod fake;
mod real;
#[path = "../support/mod.rs"]
mod support;
mod watch;
