//! The command line.

use crate::callgrind;

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench micro -- [--instructions | --compare | --update] [PART]

  (none)           times
  --instructions   counts: instructions, allocations, sizes of futures
  --compare        fails where counts are worse than in benches/micro/baseline.txt
  --update         writes that file, always as a whole
  PART             only rows with this in their names, and those they are compared with";

/// What is asked for.
pub(crate) struct Args {
    pub(crate) mode: Mode,
    /// What the names of rows must contain.
    pub(crate) part: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To run each row once, as cargo does for a test.
    Try,
    Time,
    Instructions,
    Compare,
    Update,
    /// To run one row under callgrind.
    RunOne,
    PrintCpu,
    Help,
}

/// The first of them that is given is the mode: cargo adds `--bench` to any other.
const MODES: [(&str, Mode); 9] = [
    (callgrind::RUN_ONE, Mode::RunOne),
    (callgrind::PRINT_CPU, Mode::PrintCpu),
    ("--help", Mode::Help),
    ("-h", Mode::Help),
    ("--test", Mode::Try),
    ("--instructions", Mode::Instructions),
    ("--compare", Mode::Compare),
    ("--update", Mode::Update),
    ("--bench", Mode::Time),
];

impl Args {
    /// # Errors
    ///
    /// Names the argument that is not understood. In a test all are, as they may be meant for other tests.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let is_given = |flag: &str| args.iter().any(|arg| arg == flag);
        let mode = MODES.into_iter().find(|(flag, _)| is_given(flag));
        let mode = mode.map_or(Mode::Try, |(_, mode)| mode);
        let mut parts = args.iter().filter(|arg| !arg.starts_with('-'));
        let part = parts.next().cloned();
        if mode == Mode::Try {
            return Ok(Self { mode, part });
        }
        let is_known =
            |arg: &str| !arg.starts_with('-') || MODES.iter().any(|(flag, _)| *flag == arg);
        if let Some(unknown) = args.iter().find(|arg| !is_known(arg)) {
            return Err(format!("unknown argument {unknown}\n\n{USAGE}"));
        }
        if let Some(second) = parts.next() {
            return Err(format!("one PART only, so not {second} too\n\n{USAGE}"));
        }
        if mode == Mode::Update && part.is_some() {
            return Err("the baseline is updated as a whole: give no part of a name".into());
        }
        Ok(Self { mode, part })
    }
}
