//! The parts of the text.

use std::env;
use std::fmt::Write;

use super::figures::{Figure, Figures};
use super::promise::Verdict;
use crate::clients::Client;
use crate::outages::servers::{NODE_TIMEOUT, yes_or_no};
use crate::outages::trial::{AFTERMATH, FAULT_AT, TASKS, USUAL};
use crate::outages::{Plan, Results, Row, Series};
use crate::report::machine;

/// Where, when, with what, and how to do it again.
pub(super) fn head(plan: &Plan, results: &Results) -> String {
    format!(
        "# {} and other clients when servers fail\n\n\
         Written by `cargo run --release -- {}` in `benches/peers`. See the [README](README.md#outages) there for the method.\n\n\
         - machine: {}; servers and clients shared it, and the load average before was {}\n\
         - date: {}\n\
         - servers: 3 primaries with a replica each, of {}, on loopback, node timeout {} s, without persistence, \
         `cluster-require-full-coverage {}`; new ones for each trial\n\
         - {}, release build with cargo's defaults, tokio with 2 workers\n\
         - {TASKS} tasks, each with one request at a time, and with keys of its own, all of one shard: 6 of 8 requests are a GET, 1 \
         is a SET, 1 is an INCR; every reply is checked\n\
         - {} interleaved rounds of {} s; the fault comes after {} s; a process per trial\n\
         - errors are shown of all rounds, from the least to the most; all else are medians\n\
         - the outage ends {} s after all is done that is done to the servers; the usual is that of the {} s before the fault\n",
        machine::version(Client::This),
        env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine::machine(),
        results.load_before,
        machine::date(),
        results.server,
        NODE_TIMEOUT.as_secs(),
        yes_or_no(plan.full_coverage),
        machine::compiler(),
        plan.rounds,
        plan.duration.as_secs_f64(),
        FAULT_AT.as_secs(),
        AFTERMATH.as_secs(),
        USUAL.as_secs(),
    )
}

/// The clients side by side, where there are several.
pub(super) fn glance(plan: &Plan, results: &Results) -> String {
    if plan.clients.len() < 2 {
        return String::new();
    }
    let names = plan.clients.iter().map(|client| client.name());
    let mut text = format!(
        "## At a glance\n\n| |{}|\n|---|{}\n",
        names.collect::<Vec<_>>().join("|"),
        "--:|".repeat(plan.clients.len()),
    );
    for row in results.rows.iter().filter(|row| row.series.len() > 1) {
        let line = |what: &str, show: &dyn Fn(&Figures) -> String| {
            let mut line = format!("| {what} |");
            for client in &plan.clients {
                let series = row.series.iter().find(|series| series.client == *client);
                let figures = series.and_then(|series| Figures::of(row.scenario, series));
                let shown = figures.map_or_else(|| "–".to_owned(), |figures| show(&figures));
                line += &format!("{shown}|");
            }
            line + "\n"
        };
        let what = format!("**{}**: {}", row.scenario.title(), without_success(row));
        text += &line(&what, &|figures| figures.without_success.middle(seconds));
        text += &line("… errors", &|figures| figures.errors.to_string());
        if !row.scenario.fault.is_everywhere() {
            let errors = |figures: &Figures| figures.errors_healthy.to_string();
            text += &line("… errors on healthy shards", &errors);
        }
        text += &line("… tasks without success at the end", &|figures| {
            figures.stuck.to_string()
        });
    }
    text
}

/// What this crate promises; nothing if it did not run.
pub(super) fn promises(results: &Results) -> String {
    let mut text = String::new();
    for row in &results.rows {
        for verdict in Verdict::all(row, results.full_coverage) {
            let kept = match (verdict.is_kept, verdict.counts) {
                (true, _) => "kept",
                (false, true) => "**not kept**",
                (false, false) => "not kept, and not by the client alone",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {kept} |",
                row.scenario.title(),
                verdict.what,
                number(verdict.measured),
                verdict.bound,
            );
        }
    }
    match text.is_empty() {
        true => text,
        false => format!(
            "## Promises\n\nThis crate with its default settings and the timeout given. Counts are those of the worst round, times and \
             ratios medians.\n\n| scenario | measure | this | promise | |\n|---|---|--:|--:|---|\n{text}"
        ),
    }
}

/// All figures, a table for each scenario.
pub(super) fn scenarios(results: &Results) -> String {
    results.rows.iter().map(scenario).collect()
}

fn scenario(row: &Row) -> String {
    let mut text = format!(
        "## {}\n\n`{}`; clients are told a timeout of {} s.{}\n\n\
         | | errors on healthy shards | on the affected one | wrong replies | {} | stuck at the end | errors in the last 2 s | healthy \
         p99, usual → outage | connections | load | thousand requests/s before |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        row.scenario.title(),
        row.scenario.name(),
        row.scenario.timeout.as_secs(),
        servers(row),
        without_success(row),
    );
    let mut notes = String::new();
    for series in &row.series {
        text += &line(row, series);
        let mut failed = series
            .rounds
            .iter()
            .filter_map(|round| round.as_ref().err());
        if let Some(error) = failed.next() {
            let count = 1 + failed.count();
            let name = series.client.name();
            let _ = writeln!(
                notes,
                "- {name}: {count} of {} rounds did not come to their end: {}",
                series.rounds.len(),
                plain(error)
            );
        }
        let figures = Figures::of(row.scenario, series);
        if let Some(error) = figures.and_then(|figures| figures.first_error) {
            let _ = writeln!(
                notes,
                "- {}, for one: {}",
                series.client.name(),
                plain(&error)
            );
        }
    }
    text + "\n" + &notes + "\n"
}

fn line(row: &Row, series: &Series) -> String {
    let name = series.client.name();
    let Some(figures) = Figures::of(row.scenario, series) else {
        return format!("| {name} | no figures ||||||||||\n");
    };
    let healthy = match row.scenario.fault.is_everywhere() {
        true => ["–".to_owned(), "–".to_owned()],
        false => [
            figures.errors_healthy.to_string(),
            format!(
                "{} → {} ms",
                figures.usual_p99.middle(number),
                figures.outage_p99.middle(number)
            ),
        ],
    };
    let [errors, p99] = healthy;
    format!(
        "| {name} | {errors} | {} | {} | {} | {} of {} | {} | {p99} | {} | {} | {} |\n",
        figures.errors_affected,
        figures.wrong,
        figures.without_success.middle(seconds),
        figures.stuck.middle(number),
        figures.tasks,
        figures.last_errors,
        figures.connections.middle(number),
        figures.load.middle(number),
        figures.usual_rate.middle(|rate| number(rate / 1e3)),
    )
}

/// How long the servers themselves took.
fn servers(row: &Row) -> String {
    let figures = row
        .series
        .iter()
        .filter_map(|series| Figures::of(row.scenario, series));
    let figures: Vec<_> = figures.collect();
    let range = |figure: fn(&Figures) -> &Figure| {
        let medians = figures
            .iter()
            .filter_map(|figures| figure(figures).median());
        let least = medians.clone().reduce(f64::min)?;
        let most = medians.reduce(f64::max)?;
        Some(match most - least < 0.05 {
            true => format!("{least:.1} s"),
            false => format!("{least:.1} to {most:.1} s"),
        })
    };
    let took = match row.scenario.fault.needs_election() {
        true => range(|figures| &figures.election).map(|took| ("had promoted the replica", took)),
        false => range(|figures| &figures.action).map(|took| ("were done with it", took)),
    };
    took.map_or_else(String::new, |(what, took)| {
        format!(" The servers {what} after {took}.")
    })
}

fn without_success(row: &Row) -> &'static str {
    match row.scenario.fault.needs_election() {
        true => "from the promotion to the first success",
        false => "longest time without success on the affected shard",
    }
}

/// The versions and settings of the clients.
pub(super) fn clients(plan: &Plan) -> String {
    let mut text = "## Clients\n\n| | version | configuration |\n|---|---|---|\n".to_owned();
    for client in &plan.clients {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            client.name(),
            machine::version(*client),
            client.in_outages()
        );
    }
    text
}

pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        f64::INFINITY => "never".to_owned(),
        seconds => format!("{seconds:.3} s"),
    }
}

/// Whole, or with two decimals at least.
fn number(number: f64) -> String {
    match number {
        f64::INFINITY => "never".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole:.0}"),
        part if part < 1.0 => format!("{part:.3}"),
        part => format!("{part:.2}"),
    }
}

/// As fits in a line of Markdown.
fn plain(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "/")
}
