//! One metric: axes and lines.

use std::fmt::Write;

use super::axis::Axis;
use super::{BOTTOM, Line, Metric, TOP};

const WIDTH: f64 = 292.0;

pub(super) struct Panel {
    left: f64,
    title: &'static str,
    unit: &'static str,
    is_logarithmic: bool,
}

impl Panel {
    pub(super) fn of(metric: Metric, left: f64) -> Self {
        let (title, unit, is_logarithmic) = match metric {
            Metric::Throughput => (
                "Throughput",
                "thousand operations per second; more is better",
                false,
            ),
            Metric::Cpu => (
                "Client CPU",
                "µs per operation, logarithmic; less is better",
                true,
            ),
            Metric::P99 => (
                "99th percentile of latency",
                "ms, logarithmic; less is better",
                true,
            ),
        };
        Self {
            left,
            title,
            unit,
            is_logarithmic,
        }
    }

    pub(super) fn draw(&self, lines: &[Line]) -> String {
        let figures = || lines.iter().flat_map(|line| &line.points);
        let tasks: Vec<_> = lines
            .iter()
            .max_by_key(|line| line.points.len())
            .map(|line| line.points.iter().map(|point| point.0).collect())
            .unwrap_or_default();
        let y = match self.is_logarithmic {
            true => Axis::logarithmic(figures().map(|point| point.1), BOTTOM, TOP),
            false => Axis::linear(figures().map(|point| point.1), BOTTOM, TOP),
        };
        let (first, last) = (
            tasks.first().copied().unwrap_or(1.0),
            tasks.last().copied().unwrap_or(1.0),
        );
        let x = Axis::between(
            first,
            last.max(first * 2.0),
            self.left + 8.0,
            self.left + WIDTH - 8.0,
        );
        let mut svg = self.frame(&x, &y, &tasks);
        for line in lines {
            svg += &draw(line, &x, &y);
        }
        svg
    }

    fn frame(&self, x: &Axis, y: &Axis, tasks: &[f64]) -> String {
        let (left, right) = (self.left, self.left + WIDTH);
        let mut svg = format!(
            "<text x=\"{left:.0}\" y=\"84\" font-size=\"13\" font-weight=\"600\">{}</text>\n\
             <text x=\"{left:.0}\" y=\"101\">{}</text>\n",
            self.title, self.unit,
        );
        for tick in y.ticks() {
            let place = y.place(tick);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                place + 4.0,
                label(tick),
            );
        }
        for tick in tasks {
            let place = x.place(*tick);
            let _ = writeln!(
                svg,
                "<line class=\"axis\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>\
                 <text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.0}</text>",
                BOTTOM + 4.0,
                BOTTOM + 19.0,
            );
        }
        let _ = writeln!(
            svg,
            "<line class=\"axis\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">tasks, each with one request in flight</text>",
            f64::midpoint(left, right),
            BOTTOM + 42.0,
        );
        svg
    }
}

fn draw(line: &Line, x: &Axis, y: &Axis) -> String {
    let places: Vec<_> = line
        .points
        .iter()
        .map(|(tasks, figure)| (x.place(*tasks), y.place(*figure)))
        .collect();
    let path = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect::<Vec<_>>()
        .join(" ");
    let (width, radius) = if line.is_this { (3.5, 4.5) } else { (1.8, 3.2) };
    let colour = line.colour;
    let mut svg = format!(
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{path}\"/>\n"
    );
    for (x, y) in places {
        let _ = writeln!(
            svg,
            "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"
        );
    }
    svg
}

/// Without digits that say nothing.
fn label(tick: f64) -> String {
    match tick {
        t if t >= 1000.0 => format!("{t:.0}"),
        t => format!("{}", (t * 1000.0).round() / 1000.0),
    }
}
