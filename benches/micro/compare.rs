//! Holds counts against the baseline.

use crate::baseline::{self, UPDATE};
use crate::counts::{Count, Counts};

/// A number of a row, and by how much it may differ.
struct Metric {
    name: &'static str,
    of: fn(&Count) -> Option<f64>,
    /// Of what it was.
    percent: f64,
    /// Besides that, for small numbers.
    absolute: f64,
}

/// The same build gives the same count to within 0.1 %. A change elsewhere can make the compiler inline otherwise, which was
/// seen to move rows by up to 1.5 %.
const INSTRUCTIONS: Metric = Metric {
    name: "instructions",
    of: |row| row.instructions,
    percent: 2.0,
    absolute: 10.0,
};
/// A fraction is what is allocated now and then.
const ALLOCATIONS: Metric = Metric {
    name: "allocations",
    of: |row| Some(row.allocations),
    percent: 0.0,
    absolute: 0.05,
};
const BYTES: Metric = Metric {
    name: "bytes allocated",
    of: |row| Some(row.bytes),
    percent: 1.0,
    absolute: 4.0,
};
const FUTURE: Metric = Metric {
    name: "bytes of the future",
    of: |row| row.future.map(|bytes| bytes as f64),
    percent: 0.0,
    absolute: 0.0,
};

/// Prints what differs from the baseline. Rows are missed only if `all` there are were counted.
///
/// # Errors
///
/// Says how many rows are worse than the baseline allows, or not in it, or missing.
pub(crate) fn compare(counts: &Counts, all: bool) -> Result<(), String> {
    let baseline = baseline::read()?;
    let metrics = comparable(&baseline, counts);
    let (mut failures, mut better) = (0, 0);
    for now in &counts.rows {
        let Some(before) = baseline.find(&now.name) else {
            println!("NEW     {}: not in the baseline", now.name);
            failures += 1;
            continue;
        };
        for metric in metrics {
            match metric.judge(before, now) {
                Verdict::Worse => failures += 1,
                Verdict::Better => better += 1,
                Verdict::Same => {}
            }
        }
    }
    let gone = |before: &&Count| all && counts.find(&before.name).is_none();
    for before in baseline.rows.iter().filter(gone) {
        println!("GONE    {}: only in the baseline", before.name);
        failures += 1;
    }
    if failures > 0 {
        return Err(format!(
            "{failures} differences from the baseline. Mend what got worse. If it is meant to be so, accept it by \
             `{UPDATE}` and say why in the commit."
        ));
    }
    println!("{} rows, of which none got worse", counts.rows.len());
    if better > 0 {
        println!("better than the baseline: {better}. See that it stays so by `{UPDATE}`");
    }
    Ok(())
}

/// What can be compared. Says so if that is not everything.
fn comparable(baseline: &Counts, counts: &Counts) -> &'static [Metric] {
    let mut reasons = counts.environment.differences(&baseline.environment);
    if !counts.have_instructions() {
        reasons = vec!["there is no valgrind to count them".to_owned()];
    }
    if reasons.is_empty() {
        return &[INSTRUCTIONS, ALLOCATIONS, BYTES, FUTURE];
    }
    println!("WARNING: ONLY ALLOCATIONS ARE COMPARED, NOT INSTRUCTIONS:");
    for reason in reasons {
        println!("WARNING: {reason}");
    }
    &[ALLOCATIONS]
}

enum Verdict {
    Worse,
    Same,
    Better,
}

impl Metric {
    /// Prints what is not the same.
    fn judge(&self, before: &Count, now: &Count) -> Verdict {
        let (Some(was), Some(is)) = ((self.of)(before), (self.of)(now)) else {
            return Verdict::Same;
        };
        let allowed = was * self.percent / 100.0 + self.absolute;
        if (is - was).abs() <= allowed {
            return Verdict::Same;
        }
        let (label, verdict) = match is > was {
            true => ("WORSE", Verdict::Worse),
            false => ("better", Verdict::Better),
        };
        let percent = match is / was - 1.0 {
            ratio if ratio.is_finite() => format!("{:+.1} %, ", ratio * 100.0),
            _ => String::new(),
        };
        println!(
            "{label:<7} {}: {} {was:.2} -> {is:.2} ({percent}allowed +-{allowed:.2})",
            now.name, self.name,
        );
        verdict
    }
}
