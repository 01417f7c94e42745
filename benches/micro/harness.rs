//! Measures rows in turns, and prints a Markdown table of them.

use std::time::{Duration, Instant};

/// Rounds; each runs every row once, so that what slows the machine for a while slows all rows alike.
const ROUNDS: usize = 301;
/// How long one row runs in one round, about: long against the clock's resolution, short against a round.
const TURN: Duration = Duration::from_micros(250);
/// Operations over which allocations are counted, so that what is allocated now and then shows as a fraction.
const COUNTED: u32 = 1000;

/// Something to measure.
pub(crate) struct Row {
    name: &'static str,
    is_service: bool,
    /// Does the operation so many times.
    run: Box<dyn FnMut(u32)>,
}

impl Row {
    /// A part by itself.
    pub(crate) fn part(name: &'static str, run: impl FnMut(u32) + 'static) -> Self {
        Self {
            name,
            is_service: false,
            run: Box::new(run),
        }
    }

    /// A request through a service, which is compared with the first row of this kind.
    pub(crate) fn service(name: &'static str, run: impl FnMut(u32) + 'static) -> Self {
        Self {
            is_service: true,
            ..Self::part(name, run)
        }
    }
}

/// Does as the arguments say: measures if cargo runs it as a bench, and otherwise tries each row once. An argument
/// that is no flag chooses the rows with this text in their names.
///
/// # Panics
///
/// If there is no service among the rows.
pub(crate) fn main(mut rows: Vec<Row>) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if let Some(part) = args.iter().find(|arg| !arg.starts_with('-')) {
        let mut is_base = true;
        rows.retain(|row| {
            let is_first_service = row.is_service && std::mem::take(&mut is_base);
            is_first_service || row.name.contains(part.as_str())
        });
    }
    if has("--test") || !has("--bench") {
        for row in &mut rows {
            (row.run)(1);
        }
        println!("{} benches ran once each", rows.len());
        return;
    }
    let base = rows.iter().position(|row| row.is_service);
    measure(&mut rows, base.expect("a service to compare with"));
}

fn measure(rows: &mut [Row], base: usize) {
    let turns: Vec<u32> = rows.iter_mut().map(fit).collect();
    let mut nanos = vec![Vec::with_capacity(ROUNDS); rows.len()];
    for _ in 0..ROUNDS {
        for (at, row) in rows.iter_mut().enumerate() {
            let elapsed = time(row, turns[at]).as_nanos() as f64;
            nanos[at].push(elapsed / f64::from(turns[at]));
        }
    }

    println!("| operation | ns | adds, ns | x bare | allocations |");
    println!("|---|--:|--:|--:|--:|");
    for (row, times) in rows.iter_mut().zip(&nanos) {
        let allocations = allocations(row);
        // Compared within each round, before anything is said about all rounds.
        let compared = |with: fn(f64, f64) -> f64| {
            let pairs = times.iter().zip(&nanos[base]);
            median(pairs.map(|(&time, &base)| with(time, base)).collect())
        };
        let adds = match row.is_service {
            true => format!("{:.1}", compared(|time, base| time - base)),
            false => String::new(),
        };
        println!(
            "| {} | {:.1} | {adds} | {:.2} | {allocations:.2} |",
            row.name,
            median(times.clone()),
            compared(|time, base| time / base),
        );
    }
}

/// How many operations take a turn.
fn fit(row: &mut Row) -> u32 {
    // What the first operation has to do once, such as finding out the topology, says nothing about the others.
    (row.run)(COUNTED);
    let mut operations = 1;
    while time(row, operations) < TURN {
        operations *= 2;
    }
    operations
}

fn time(row: &mut Row, operations: u32) -> Duration {
    let start = Instant::now();
    (row.run)(operations);
    start.elapsed()
}

/// Allocations of one operation.
fn allocations(row: &mut Row) -> f64 {
    let counted = allocation_counter::measure(|| (row.run)(COUNTED));
    counted.count_total as f64 / f64::from(COUNTED)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
