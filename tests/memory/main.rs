//! What the client takes in memory: for requests in flight, for large values, and in an outage.
//!
//! An allocation counts for the thread that makes it. The client has one thread, and the servers are in others or in
//! processes of their own. What is told of the whole process needs tests that do not run side by side.

mod in_flight;
#[cfg(target_os = "linux")]
mod outage;
mod servers;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod values;

use std::sync::{Mutex, MutexGuard, PoisonError};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn one_at_a_time() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime")
}
