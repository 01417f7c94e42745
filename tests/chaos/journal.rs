//! What was asked and what came of it, and what of that must not be.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;
use std::{env, fs, io};

use crate::faults::FaultLog;

/// How many violations are told of; all are counted.
const SHOWN: usize = 10;

/// One request, or one command of a pipeline.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) outcome: String,
}

struct Violation {
    key: String,
    what: String,
}

/// True if the event is about this key, or about several of which it is one: `pipeline:1` about `pipeline:1:0`.
fn is_about(event: &Event, key: &str) -> bool {
    let rest = key.strip_prefix(event.key.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// The history of a round.
pub(crate) struct Journal {
    pub(crate) zero: Instant,
    events: Mutex<Vec<Event>>,
    violations: Mutex<Vec<Violation>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            zero: Instant::now(),
            events: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    pub(crate) fn note(&self, event: Event) {
        self.events.lock().expect("no panic").push(event);
    }

    /// Notes that a rule was broken, seen at this key.
    pub(crate) fn violation(&self, key: &str, what: impl fmt::Display) {
        self.violations.lock().expect("no panic").push(Violation {
            key: key.to_owned(),
            what: what.to_string(),
        });
    }

    /// What was violated, and where the histories of the keys are to be read; `None` if nothing was.
    pub(crate) fn verdict(&self, seed: u64, faults: &FaultLog) -> Option<String> {
        let violations = self.violations.lock().expect("no panic");
        if violations.is_empty() {
            return None;
        }
        let mut text = format!("seed {seed}: {} violations", violations.len());
        for violation in violations.iter().take(SHOWN) {
            let _ = write!(text, "\n  {}: {}", violation.key, violation.what);
        }
        let _ = match self.write(seed, faults, &violations) {
            Ok(file) => write!(text, "\nthe history is in {}", file.display()),
            Err(error) => write!(text, "\nthe history could not be written: {error}"),
        };
        Some(text)
    }

    fn write(&self, seed: u64, faults: &FaultLog, violations: &[Violation]) -> io::Result<PathBuf> {
        let mut by_key: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for violation in violations {
            by_key.insert(&violation.key, Vec::new());
        }
        let events = self.events.lock().expect("no panic");
        for event in events.iter() {
            for (key, events) in &mut by_key {
                if is_about(event, key) {
                    events.push(event);
                }
            }
        }
        let mut text = format!("seed {seed}\n\nviolations\n");
        for violation in violations {
            let _ = writeln!(text, "  {}: {}", violation.key, violation.what);
        }
        text.push_str("\nfaults\n");
        for line in faults.lines(self.zero) {
            let _ = writeln!(text, "  {line}");
        }
        for (key, mut events) in by_key {
            let _ = writeln!(text, "\n{key}");
            events.sort_by_key(|event| event.start);
            for event in events {
                let at = |at: Instant| at.saturating_duration_since(self.zero).as_secs_f64();
                let (start, end) = (at(event.start), at(event.end));
                let _ = writeln!(
                    text,
                    "  {start:.4} to {end:.4} s: {}: {}",
                    event.what, event.outcome
                );
            }
        }
        let folder = env::temp_dir().join(format!("chaos-{seed}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let file = folder.join("history.txt");
        fs::write(&file, text)?;
        Ok(file)
    }
}
