//! Measures rows in turns, and prints a Markdown table of them.

use std::time::{Duration, Instant};

use crate::OPERATIONS;
use crate::row::{Row, Run};

/// Rounds; each runs every row once, so that what slows the machine for a while slows all rows alike.
const ROUNDS: usize = 301;
/// How long one row runs in one round, about: long against the clock's resolution, short against a round.
const TURN: Duration = Duration::from_micros(250);

struct Timed {
    name: String,
    /// Where the row is that it is compared with.
    base: Option<usize>,
    run: Run,
    /// How many operations take a turn.
    turn: u32,
    /// Of one operation, in each round.
    nanos: Vec<f64>,
}

/// Measures all rows, and prints a table of them.
pub(crate) fn measure(rows: Vec<Row>) {
    let bases: Vec<Option<usize>> = rows
        .iter()
        .map(|row| rows.iter().position(|base| Some(base.name()) == row.base()))
        .collect();
    let mut rows: Vec<Timed> = rows
        .into_iter()
        .zip(bases)
        .map(|(row, base)| Timed::new(row, base))
        .collect();
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let elapsed = time(&mut row.run, row.turn).as_nanos() as f64;
            row.nanos.push(elapsed / f64::from(row.turn));
        }
    }
    println!("| operation | ns | adds, ns | x base |");
    println!("|---|--:|--:|--:|");
    for row in &rows {
        let (mut adds, mut ratio) = (String::new(), String::new());
        if let Some(base) = row.base.map(|base| &rows[base]) {
            // Compared within each round, before anything is said about all rounds.
            let compared = |with: fn(f64, f64) -> f64| {
                let pairs = row.nanos.iter().zip(&base.nanos);
                median(pairs.map(|(&time, &base)| with(time, base)).collect())
            };
            adds = format!("{:.1}", compared(|time, base| time - base));
            ratio = format!("{:.2}", compared(|time, base| time / base));
        }
        let nanos = median(row.nanos.clone());
        println!("| {} | {nanos:.1} | {adds} | {ratio} |", row.name);
    }
}

impl Timed {
    fn new(row: Row, base: Option<usize>) -> Self {
        let name = row.name().to_owned();
        let mut run = row.build();
        let turn = fit(&mut run);
        Self {
            name,
            base,
            run,
            turn,
            nanos: Vec::with_capacity(ROUNDS),
        }
    }
}

fn fit(run: &mut Run) -> u32 {
    // What the first operation has to do once, such as finding out the topology, says nothing about the others.
    run(OPERATIONS);
    let mut operations = 1;
    while time(run, operations) < TURN {
        operations *= 2;
    }
    operations
}

fn time(run: &mut Run, operations: u32) -> Duration {
    let start = Instant::now();
    run(operations);
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
