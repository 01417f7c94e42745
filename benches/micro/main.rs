//! What each part of a request costs, measured by itself and in its place, without any server.
//!
//!     cargo bench --bench micro               # measures: some seconds after the build
//!     cargo bench --bench micro -- Route      # only rows with this in their names, and the one they are compared with
//!     cargo test --bench micro                # only tries that each row runs
//!
//! **What it shows.** A Markdown table with a row per operation: decoding replies, hashing keys, building commands,
//! one request through each layer alone, through the whole default stack, and over a connection. All requests end
//! at a node that answers at once, in the same thread; the row `bare mock` is that node with nothing above it.
//!
//! | column | is |
//! |---|---|
//! | ns | the median time of one operation |
//! | adds | for requests: what is above the node, the median of the differences from `bare mock` |
//! | x bare | the ratio to `bare mock`, the median of the ratios: the speed of the machine matters less to it |
//! | allocations | counted over a thousand operations |
//!
//! **How to read it.** Rows are measured in turns, some hundred times each, and compared within each round, so that a
//! machine that is busy with something else changes the times but hardly the order. Between two builds, differences
//! of less than 30 ns mean nothing: what the compiler inlines, and where it places code, makes as much. A layer
//! alone costs less than its share of a stack, where larger futures and commands are moved. The aim for the row
//! `default stack` is to add at most 150 ns.
//!
//! **What it does not show.** Sockets, other threads, contention, cold caches. The allocator counts, so
//! that what allocates is a little slower here.

mod connection;
mod harness;
mod mock;
mod parts;
mod services;

use std::rc::Rc;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = Rc::new(runtime.expect("a runtime"));
    // Layers may spawn tasks when they are built.
    let _entered = runtime.enter();

    let mut rows = parts::rows();
    rows.extend(services::rows(&runtime));
    rows.extend(connection::rows(&runtime));
    harness::main(rows);
}
