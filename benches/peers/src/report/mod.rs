//! What the run showed: Markdown, and a plot beside it.

mod figures;
mod format;
pub(crate) mod machine;
mod plot;
mod tables;
mod target;

use std::fs;
use std::path::Path;

pub(crate) use self::figures::median;
use crate::peer::Failure;
use crate::run::{Plan, Results};

const PLOT: &str = "report.svg";

/// Everything, as Markdown.
pub(crate) fn markdown(plan: &Plan, results: &Results) -> String {
    [
        tables::head(plan, results),
        tables::targets(results),
        format!("![Throughput, client CPU and p99 by tasks in flight]({PLOT})\n"),
        tables::groups(plan, results),
        tables::clients(plan),
        tables::details(results),
    ]
    .join("\n")
}

/// Writes the report and its plot into a folder.
pub(crate) fn write(folder: &Path, plan: &Plan, results: &Results) -> Result<(), Failure> {
    fs::write(folder.join("REPORT.md"), markdown(plan, results))?;
    fs::write(folder.join(PLOT), plot::svg(plan, results))?;
    Ok(())
}
