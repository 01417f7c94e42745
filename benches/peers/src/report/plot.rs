//! The plot: throughput, client CPU and p99 over the number of tasks, with two worker threads.

mod axis;
mod panel;

use std::fmt::Write;

use self::panel::Panel;
use super::figures::{Figures, Metric};
use super::format::in_unit;
use super::machine;
use crate::clients::Client;
use crate::run::{Plan, Results, Row};
use crate::workload::Group;

const WIDTH: f64 = 1080.0;
const HEIGHT: f64 = 460.0;
const TOP: f64 = 118.0;
const BOTTOM: f64 = 398.0;

/// Mid tones, which can be told apart on white and on black, also by people who see fewer colours.
const COLOURS: [&str; 7] = [
    "#e4572e", "#3b82c4", "#6aa7e0", "#2a9d74", "#b07cc6", "#b8912a", "#8a8f98",
];

/// A line of one client: a point per row.
struct Line {
    colour: &'static str,
    is_this: bool,
    points: Vec<(f64, f64)>,
}

pub(super) fn svg(plan: &Plan, results: &Results) -> String {
    let rows: Vec<_> = results
        .rows
        .iter()
        .filter(|row| row.workload.group == Group::TwoWorkers)
        .collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>Clients for Redis Cluster: throughput, client CPU and p99 by tasks in flight</title>\n\
         <style>\n\
         text {{ fill: #24292f }} .axis {{ stroke: #57606a }} .grid {{ stroke: #d0d7de }}\n\
         .ground {{ fill: #ffffff }} .dot {{ stroke: #ffffff }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #d1d7e0 }} .axis {{ stroke: #8b949e }} .grid {{ stroke: #30363d }}\n\
         .ground {{ fill: #0d1117 }} .dot {{ stroke: #0d1117 }}\n\
         }}\n\
         </style>\n\
         <!-- A page's ground may be dark where the reader's system is set to light. -->\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"24\" font-size=\"15\" font-weight=\"600\">GET and SET 3:1, 64-byte values, 3 primaries, 2 worker \
         threads: medians of {} interleaved rounds, {}</text>",
        plan.rounds,
        machine::date(),
    );
    svg += &legend(&plan.clients);
    for (index, metric) in Metric::ALL.into_iter().enumerate() {
        let panel = Panel::of(metric, 56.0 + 352.0 * index as f64);
        svg += &panel.draw(&lines(&plan.clients, &rows, metric));
    }
    svg + "</svg>\n"
}

fn colour(client: Client) -> &'static str {
    let index = Client::ALL.iter().position(|each| *each == client);
    COLOURS[index.unwrap_or_default() % COLOURS.len()]
}

fn legend(clients: &[Client]) -> String {
    let mut svg = String::new();
    let mut x = 20.0;
    for client in clients {
        let version = machine::version(*client);
        let (weight, letter) = match client.is_this() {
            true => ("600", 7.3),
            false => ("400", 6.6),
        };
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.0}\" y=\"38\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{}\"/>\
             <text x=\"{:.0}\" y=\"48\" font-weight=\"{weight}\">{version}</text>",
            colour(*client),
            x + 17.0,
        );
        x += 34.0 + letter * version.len() as f64;
    }
    svg
}

/// This crate last, so that it is drawn above the others.
fn lines(clients: &[Client], rows: &[&Row], metric: Metric) -> Vec<Line> {
    let point = |client: Client, row: &Row| {
        let figures = Figures::of(row.of(client)?)?;
        let figure = match metric {
            // In milliseconds, as the panel says.
            Metric::P99 => figures.get(metric) / 1000.0,
            _ => in_unit(metric, &row.workload, figures.get(metric)),
        };
        Some((row.workload.tasks as f64, figure))
    };
    let line = |client: &Client| Line {
        colour: colour(*client),
        is_this: client.is_this(),
        points: rows.iter().filter_map(|row| point(*client, row)).collect(),
    };
    let mut lines: Vec<_> = clients.iter().map(line).collect();
    lines.sort_by_key(|line| line.is_this);
    lines
}
