//! Counts instructions: each row runs by itself under valgrind, in a process of its own.
//!
//! The process is this program again. Callgrind collects only while [`counted_by_callgrind`] runs, so that neither
//! building the row nor what its first operations do once is in the count.

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::OPERATIONS;
use crate::row::{Row, Run};

/// The argument with which this program runs the row that is named, and does nothing else.
pub(crate) const RUN_ONE: &str = "--run-one";

/// The argument with which this program says what the processor can do, and does nothing else.
pub(crate) const PRINT_CPU: &str = "--print-cpu";

/// What the processor can do under valgrind; none if there is no valgrind.
pub(crate) fn cpu() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let valgrind = Command::new("valgrind")
        .arg("--tool=none")
        .arg(program)
        .arg(PRINT_CPU)
        .output();
    let output = valgrind.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Instructions of one operation, for each name of a row.
///
/// # Errors
///
/// What went wrong with the first row that cannot be counted.
pub(crate) fn instructions(names: &[&str]) -> Result<Vec<f64>, String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || {
            let at = next.fetch_add(1, Ordering::Relaxed);
            Some((at, count(names.get(at)?)))
        };
        std::iter::from_fn(take).collect::<Vec<_>>()
    };
    let mut counts = thread::scope(|scope| {
        // The counts are the same however busy the machine is.
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter();
        done.flat_map(|worker| worker.join().expect("counting does not panic"))
            .collect::<Vec<_>>()
    });
    counts.sort_by_key(|&(at, _)| at);
    counts.into_iter().map(|(_, count)| count).collect()
}

fn count(name: &str) -> Result<f64, String> {
    let failed = |why: &str| format!("cannot count the instructions of {name}: {why}");
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted_by_callgrind*")
        .arg(program)
        .args([RUN_ONE, name])
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.and_then(|(_, count)| count.trim().parse::<u64>().ok());
    match collected {
        Some(collected @ 1..) if output.status.success() => {
            Ok(collected as f64 / f64::from(OPERATIONS))
        }
        _ => Err(failed(&log)),
    }
}

/// Runs the row of this name, to be counted.
///
/// # Errors
///
/// If there is none.
pub(crate) fn run_one(name: &str, rows: fn() -> Vec<Row>) -> Result<(), String> {
    let run = move || {
        let row = rows().into_iter().find(|row| row.name() == name)?;
        let mut run = row.build();
        // The allocator has less to do where it need not count.
        allocation_counter::opt_out(|| {
            run(OPERATIONS);
            counted_by_callgrind(&mut run);
        });
        Some(())
    };
    // The stack of a thread is aligned to pages. What is above the main thread's, such as the environment, changes how
    // values on it are aligned, and that changes how many instructions it takes to copy and search them.
    let done = thread::scope(|scope| scope.spawn(run).join());
    let done = done.expect("no row panics");
    done.ok_or_else(|| format!("there is no row {name}"))
}

/// Known to callgrind by this name.
#[inline(never)]
fn counted_by_callgrind(run: &mut Run) {
    run(OPERATIONS);
    // Something after the call, or it might be a jump, of which callgrind sees no end.
    black_box(run);
}
