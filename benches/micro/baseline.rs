//! The file of what each row took when it was last accepted.

use std::fmt;
use std::fs;

use crate::counts::{Count, Counts};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/micro/baseline.txt");

/// How to write the file.
pub(crate) const UPDATE: &str = "cargo bench --bench micro -- --update";

/// Begins what is meant for who opens the file.
const COMMENT: char = '#';
/// Stands between the two sides of a fact about the environment.
const FACT: &str = " = ";
/// Stands where a row has no such number.
const NONE: &str = "-";

/// What the file says.
///
/// # Errors
///
/// Says what is wrong with it, or that there is none.
pub(crate) fn read() -> Result<Counts, String> {
    let text = fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(COMMENT));
    let (facts, rows): (Vec<_>, Vec<_>) = lines.partition(|(_, line)| line.contains(FACT));
    let facts = facts.into_iter();
    let rows = rows.into_iter().map(|(at, line)| {
        parse(line).ok_or_else(|| format!("{PATH}:{}: this is no row: {line}", at + 1))
    });
    Ok(Counts {
        environment: facts
            .filter_map(|(_, line)| line.split_once(FACT))
            .collect(),
        rows: rows.collect::<Result<_, _>>()?,
    })
}

/// Writes the file.
///
/// # Errors
///
/// If instructions were not counted, or the file cannot be written.
pub(crate) fn update(counts: &Counts) -> Result<(), String> {
    if !counts.have_instructions() {
        return Err(
            "the baseline needs instructions, and there is no valgrind to count them".to_owned(),
        );
    }
    let text = Text(counts).to_string();
    fs::write(PATH, text).map_err(|error| format!("{PATH}: {error}"))
}

/// The text of the file.
struct Text<'a>(&'a Counts);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(counts) = self;
        writeln!(
            f,
            "{COMMENT} What one operation takes. Written by `{UPDATE}`.\n"
        )?;
        writeln!(f, "{}", counts.environment)?;
        writeln!(
            f,
            "{COMMENT} instructions  allocations      bytes   future  row"
        )?;
        for row in &counts.rows {
            let instructions = row.instructions.map(|count| format!("{count:.1}"));
            let future = row.future.map(|bytes| bytes.to_string());
            writeln!(
                f,
                "{:>14} {:>12.3} {:>10.1} {:>8}  {}",
                instructions.as_deref().unwrap_or(NONE),
                row.allocations,
                row.bytes,
                future.as_deref().unwrap_or(NONE),
                row.name,
            )?;
        }
        Ok(())
    }
}

/// A row: its name comes last, since it may have spaces in it.
fn parse(line: &str) -> Option<Count> {
    fn next<'a>(line: &mut &'a str) -> Option<&'a str> {
        let (word, rest) = line.trim_start().split_once(' ')?;
        *line = rest;
        Some(word)
    }
    let mut rest = line;
    let optional = |word: &str| match word {
        NONE => Some(None),
        number => number.parse().ok().map(Some),
    };
    let instructions = optional(next(&mut rest)?)?;
    let allocations = next(&mut rest)?.parse().ok()?;
    let bytes = next(&mut rest)?.parse().ok()?;
    let future = optional(next(&mut rest)?)?.map(|bytes: f64| bytes as usize);
    Some(Count {
        name: rest.trim().to_owned(),
        base: None,
        instructions,
        allocations,
        bytes,
        future,
    })
}
