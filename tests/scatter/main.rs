//! Commands for several nodes, over the whole stack: on the in-process cluster what is sent, and on real servers what
//! comes of it.

mod batches;
mod failures;
mod policies;
#[path = "../support/mod.rs"]
mod support;
