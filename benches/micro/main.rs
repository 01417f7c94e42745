//! What each part of a request costs, measured by itself and in its place, without any server.
//!
//!     cargo bench --bench micro                      # times: some seconds after the build
//!     cargo bench --bench micro -- Route             # only rows with this in their names, and those they are compared with
//!     cargo bench --bench micro -- --instructions    # counts: instructions, allocations, sizes of futures
//!     cargo bench --bench micro -- --compare         # fails where counts are worse than in baseline.txt
//!     cargo bench --bench micro -- --update          # writes baseline.txt
//!     cargo test --bench micro                       # only tries that each row runs
//!
//! **What it shows.** A Markdown table with a row per operation: decoding replies, hashing keys, building commands,
//! one request through each layer alone, through several, through the whole default stack, and over a connection. All
//! requests end at a node that answers at once, in the same thread; the row `bare mock` is that node with nothing above
//! it. The codec also has rows for the same work done by redis-protocol.
//!
//! | column | is |
//! |---|---|
//! | ns | the median time of one operation |
//! | adds | to what the row is compared with: for requests `bare mock`, for redis-protocol our own row |
//! | x base | the ratio to that; of times, the speed of the machine matters less to it |
//! | instructions, allocations, bytes | of one operation, counted over some thousand; bytes are those allocated |
//! | future | the size in bytes of the future that is the request |
//!
//! **How to read times.** Rows are measured in turns, some hundred times each, and compared within each round, so that a
//! machine that is busy with something else changes the times but hardly the order. Between two builds, differences
//! of less than 30 ns mean nothing: what the compiler inlines, and where it places code, makes as much. A layer
//! alone costs less than its share of a stack, where larger futures and commands are moved. The aim for the row
//! `timeout + retry + route + cache` is to add at most 150 ns.
//!
//! **How to read counts.** They are the same however busy the machine is, so that a small change shows. Each row runs by
//! itself under valgrind's callgrind, in a process of its own. An instruction is not a time: an atomic one takes as long as
//! twenty others, and of reading the clock only a part is seen.
//!
//! **The baseline.** Instructions are compared only where compiler, C library and processor features are those of the
//! file, and there is a valgrind; otherwise only allocations are, with a warning. For where the instructions go:
//!
//!     valgrind --tool=callgrind '--toggle-collect=*counted_by_callgrind*' target/release/deps/micro-... --run-one '`Route`'
//!     callgrind_annotate callgrind.out.*             # of 4096 operations
//!
//! **What it does not show.** Sockets, other threads, contention, cold caches. The allocator counts, so
//! that what allocates is a little slower here.

mod args;
mod baseline;
mod callgrind;
mod codec;
mod compare;
mod connection;
mod counts;
mod environment;
mod layers;
mod mock;
mod parts;
mod peer_codec;
mod row;
mod stack;
mod time;

use std::process::ExitCode;

use self::args::{Args, Mode};
use self::row::Row;

/// Operations over which is counted, so that what happens now and then shows as a fraction. A power of two, so that
/// batches and buffers come out even.
const OPERATIONS: u32 = 4096;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let Args { mode, part } = Args::parse(args)?;
    let part = part.as_deref();
    let chosen = || match part {
        Some(part) => row::chosen(rows(), part),
        None => rows(),
    };
    let ours = || chosen().into_iter().filter(Row::is_ours).collect();
    let counts_or_times = !matches!(mode, Mode::Try | Mode::RunOne);
    if let Some(part) = part.filter(|_| counts_or_times && chosen().is_empty()) {
        return Err(format!(
            "no row has {part} in its name, as it is written in the table"
        ));
    }
    match mode {
        Mode::Try => try_once(chosen()),
        Mode::Time => time::measure(chosen()),
        Mode::Instructions => counts::count(chosen())?.print(),
        Mode::Compare => compare::compare(&counts::count(ours())?, part.is_none())?,
        Mode::Update => baseline::update(&counts::count(ours())?)?,
        Mode::RunOne => callgrind::run_one(part.ok_or("which row?")?, rows)?,
        Mode::PrintCpu => println!("{}", environment::cpu()),
        Mode::Help => println!("{}", args::USAGE),
    }
    Ok(())
}

fn try_once(rows: Vec<Row>) {
    let tried = rows.len();
    for row in rows {
        row.build()(1);
    }
    println!("{tried} benches ran once each");
}

fn rows() -> Vec<Row> {
    let mut rows = codec::rows();
    rows.extend(parts::rows());
    rows.extend(peer_codec::encoding());
    rows.extend(layers::rows());
    rows.extend(stack::rows());
    rows.extend(connection::rows());
    rows
}
