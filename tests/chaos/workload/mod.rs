//! What the application does meanwhile: a file per kind of task. All values are unique, and name the key they belong to.

mod counters;
mod durable;
mod echoes;
mod ledgers;
mod queues;
mod registers;
mod transactions;

use std::sync::Arc;

use fastrand::Rng;
use tokio::task::JoinSet;

pub(crate) use self::echoes::{PRESETS, preset};
use crate::load::Load;

/// Starts all tasks. They run until the load is over.
pub(crate) fn start(load: &Arc<Load>, rng: &mut Rng) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    macro_rules! start {
        ($count:literal of $run:path) => {
            for task in 0..$count {
                tasks.spawn($run(Arc::clone(load), rng.fork(), task));
            }
        };
    }
    start!(12 of ledgers::append);
    start!(4 of ledgers::add_idempotently);
    start!(4 of durable::append);
    start!(6 of counters::count);
    start!(8 of registers::write_and_read);
    start!(6 of echoes::ask);
    start!(6 of echoes::ask_for_many);
    start!(4 of echoes::pipeline);
    start!(4 of transactions::append_twice);
    start!(2 of queues::produce);
    start!(4 of queues::consume);
    tasks
}
