//! The parts of the Markdown text.

use std::env;
use std::fmt::Write;

use super::figures::{Figures, Metric, errors};
use super::format::{self, digits, in_unit, unit};
use super::machine;
use super::target::Target;
use crate::clients::Client;
use crate::run::{Plan, Results, Row, Series};
use crate::workload::{Group, Workload};

/// Where, when, with what, and how to do it again.
pub(super) fn head(plan: &Plan, results: &Results) -> String {
    let seconds = plan.measured.as_secs_f64();
    let warm_up = plan.warm_up.as_secs_f64();
    let mut text = format!(
        "# {} against other clients\n\n\
         Written by `cargo run --release -- {}` in `benches/peers`. See the [README](README.md) there for the method.\n\n\
         - machine: {}; servers and clients shared it, and the load average before was {}\n\
         - date: {}\n\
         - servers: 3 primaries of {} on loopback, without replicas and persistence\n\
         - {}, release build with cargo's defaults, tokio\n\
         - {} interleaved rounds; each cell a process of its own, {warm_up} s of warm-up, then {seconds} s measured; figures \
         are medians of the rounds\n\
         - keys over all slots, GET and SET 3 to 1 unless said otherwise; N tasks, each with one request at a time; every \
         reply is checked\n",
        machine::version(Client::This),
        env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine::machine(),
        results.load_before,
        machine::date(),
        results.server,
        machine::compiler(),
        plan.rounds,
    );
    for (millis, measured) in &results.round_trips {
        let measured = measured.as_secs_f64() * 1e3;
        let _ = writeln!(
            text,
            "- round trip of {millis} ms added: a PING takes {measured:.2} ms"
        );
    }
    text
}

/// What this crate is meant to reach, and whether it does; nothing if there is nothing to compare.
pub(super) fn targets(results: &Results) -> String {
    let rows = results.rows.iter();
    let lines = rows.flat_map(|row| {
        let targets = Target::of(&row.workload).into_iter();
        targets.filter_map(|target| target_line(row, target, results))
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return String::new();
    }
    let met = lines.iter().filter(|line| line.is_met).count();
    let table: String = lines.iter().map(|line| line.text.as_str()).collect();
    format!(
        "## Targets\n\nThis crate with its default settings, against the best of the others in each row: {met} of {} targets are \
         met. Client and servers share the machine, so that throughput goes by the CPU time of both; that of the servers is \
         under [all figures](#all-figures).\n\n\
         | workload | measure | this | best other | ratio | target | |\n|---|---|--:|--:|--:|--:|---|\n{table}",
        lines.len(),
    )
}

struct TargetLine {
    text: String,
    is_met: bool,
}

fn target_line(row: &Row, target: Target, results: &Results) -> Option<TargetLine> {
    let verdict = target.verdict(row, results.round_trip(row.workload.delay))?;
    let metric = target.metric();
    let shown = |figure| digits(in_unit(metric, &row.workload, figure));
    let (bound, measure) = match target {
        Target::AtLeast(_, bound) => (format!("≥ {bound}"), shown(verdict.measure)),
        Target::AtMost(_, bound) => (format!("≤ {bound}"), shown(verdict.measure)),
        Target::OfRoundTrips(bound) => (
            format!("≥ {bound} of tasks / round trip"),
            format!("{} possible", shown(verdict.measure)),
        ),
    };
    let text = format!(
        "| {} | {}, {} | {} | {measure} | {:.2} | {bound} | {} |\n",
        format::workload(&row.workload),
        format::metric(metric),
        unit(metric, row.workload.group),
        shown(verdict.this),
        verdict.this / verdict.measure,
        if verdict.is_met { "met" } else { "**missed**" },
    );
    Some(TargetLine {
        text,
        is_met: verdict.is_met,
    })
}

/// For each group a table per metric, with the clients side by side.
pub(super) fn groups(plan: &Plan, results: &Results) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let rows: Vec<_> = results
            .rows
            .iter()
            .filter(|row| row.workload.group == group)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "## {}\n", format::group(group));
        for metric in Metric::ALL {
            let _ = writeln!(
                text,
                "{}, {}:\n",
                format::metric(metric),
                unit(metric, group)
            );
            text += &by_client(plan, &rows, metric);
            text += "\n";
        }
        text += &missing(&rows);
    }
    text
}

/// Why some cells of a group's tables are empty.
fn missing(rows: &[&Row]) -> String {
    let mut text = String::new();
    for row in rows {
        for (client, why) in &row.unsupported {
            let what = format::workload(&row.workload);
            let _ = writeln!(text, "- {}, {what}: not supported: {why}", client.name());
        }
        for series in &row.series {
            if let (count @ 1.., first) = errors(series) {
                let what = format::workload(&row.workload);
                let first = first.unwrap_or_default();
                let _ = writeln!(
                    text,
                    "- {}, {what}: {count} errors: {first}",
                    series.client.name()
                );
            }
        }
    }
    text + "\n"
}

fn by_client(plan: &Plan, rows: &[&Row], metric: Metric) -> String {
    let names = plan.clients.iter().map(|client| client.name());
    let mut text = format!(
        "| |{}this / best other|\n|---|",
        names.fold(String::new(), |all, name| all + name + "|")
    );
    text += &"--:|".repeat(plan.clients.len() + 1);
    text += "\n";
    for row in rows {
        let _ = write!(text, "| {} |", format::workload(&row.workload));
        for client in &plan.clients {
            let figure = row
                .of(*client)
                .and_then(Figures::of)
                .map(|figures| figures.get(metric));
            let shown = figure.map(|figure| digits(in_unit(metric, &row.workload, figure)));
            let _ = write!(text, "{}|", shown.as_deref().unwrap_or("–"));
        }
        let ratio = metric.this(row).zip(metric.best_other(row));
        let ratio = ratio.map(|(this, other)| format!("{:.2}", this / other));
        let _ = writeln!(text, "{}|", ratio.as_deref().unwrap_or("–"));
    }
    text
}

/// The versions and settings of the clients, and what they cannot do.
pub(super) fn clients(plan: &Plan) -> String {
    let mut text = "## Clients\n\n| | version | configuration |\n|---|---|---|\n".to_owned();
    for client in &plan.clients {
        let version = machine::version(*client);
        let _ = writeln!(
            text,
            "| {} | {version} | {} |",
            client.name(),
            client.configuration()
        );
    }
    text
}

/// All figures of every client.
pub(super) fn details(results: &Results) -> String {
    let mut text = "## All figures\n\nPer request: a pipeline or an MGET is one. Latencies in µs, CPU in µs per request, the most \
                    memory the client's process had in MiB.\n"
        .to_owned();
    for row in &results.rows {
        let _ = write!(
            text,
            "\n### {}\n\n| | requests/s | client CPU | server CPU | p50 | p99 | p99.9 | connections | threads | memory | errors \
             |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
            heading(&row.workload),
        );
        for series in &row.series {
            text += &detail(series);
        }
        for (client, why) in &row.unsupported {
            let _ = writeln!(
                text,
                "| {} | not supported: {why} ||||||||||",
                client.name()
            );
        }
    }
    text
}

fn heading(workload: &Workload) -> String {
    let group = format::group(workload.group).to_lowercase();
    format!(
        "{} ({group}; `{}`)",
        format::workload(workload),
        workload.name()
    )
}

fn detail(series: &Series) -> String {
    let name = series.client.name();
    let errors = match errors(series) {
        (0, _) => "0".to_owned(),
        (count, first) => format!("{count}: {}", first.unwrap_or_default().replace('|', "/")),
    };
    let Some(figures) = Figures::of(series) else {
        return format!("| {name} | no figures |||||||||{errors}|\n");
    };
    format!(
        "| {name} | {:.0} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {} | {errors} |\n",
        figures.requests_per_second,
        digits(figures.cpu),
        digits(figures.server_cpu),
        digits(figures.p50),
        digits(figures.p99),
        digits(figures.p999),
        figures.connections,
        figures.threads,
        digits(figures.peak_memory),
    )
}
