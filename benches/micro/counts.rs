//! Counts, which come out the same however busy the machine is.

use crate::environment::Environment;
use crate::row::Row;
use crate::{OPERATIONS, callgrind};

/// What all rows take, and where.
pub(crate) struct Counts {
    pub(crate) environment: Environment,
    pub(crate) rows: Vec<Count>,
}

/// What one operation takes.
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) base: Option<String>,
    /// None where there is no valgrind to count them.
    pub(crate) instructions: Option<f64>,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
    /// The size of the future, in bytes.
    pub(crate) future: Option<usize>,
}

/// Counts all rows.
///
/// # Errors
///
/// Says which row cannot be counted.
pub(crate) fn count(rows: Vec<Row>) -> Result<Counts, String> {
    let cpu = callgrind::cpu();
    let instructions = match cpu {
        Some(_) => {
            let names: Vec<&str> = rows.iter().map(Row::name).collect();
            let counted = callgrind::instructions(&names)?;
            counted.into_iter().map(Some).collect()
        }
        None => vec![None; rows.len()],
    };
    let rows = rows.into_iter().zip(instructions);
    Ok(Counts {
        environment: Environment::here(cpu.as_deref()),
        rows: rows
            .map(|(row, instructions)| count_one(row, instructions))
            .collect(),
    })
}

fn count_one(row: Row, instructions: Option<f64>) -> Count {
    let name = row.name().to_owned();
    let base = row.base().map(str::to_owned);
    let future = row.future_size();
    let mut run = row.build();
    run(OPERATIONS);
    let counted = allocation_counter::measure(|| run(OPERATIONS));
    let each = |total: u64| total as f64 / f64::from(OPERATIONS);
    Count {
        name,
        base,
        instructions,
        allocations: each(counted.count_total),
        bytes: each(counted.bytes_total),
        future,
    }
}

impl Counts {
    pub(crate) fn find(&self, name: &str) -> Option<&Count> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Whether there was a valgrind to count them.
    pub(crate) fn have_instructions(&self) -> bool {
        self.rows.iter().any(|row| row.instructions.is_some())
    }

    /// Prints them as a Markdown table.
    pub(crate) fn print(&self) {
        println!("{}", self.environment);
        println!("| operation | instructions | adds | x base | allocations | bytes | future |");
        println!("|---|--:|--:|--:|--:|--:|--:|");
        for row in &self.rows {
            let base = row.base.as_ref().and_then(|base| self.find(base));
            let base = base
                .and_then(|base| base.instructions)
                .zip(row.instructions);
            println!(
                "| {} | {} | {} | {} | {:.2} | {:.0} | {} |",
                row.name,
                or_empty(row.instructions.map(|count| format!("{count:.1}"))),
                or_empty(base.map(|(base, count)| format!("{:.1}", count - base))),
                or_empty(base.map(|(base, count)| format!("{:.2}", count / base))),
                row.allocations,
                row.bytes,
                or_empty(row.future),
            );
        }
    }
}

fn or_empty(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
