//! Where and with what it was measured.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use crate::clients::Client;

/// The exact versions of everything this is built with.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Processor, cores, memory and kernel.
pub(crate) fn machine() -> String {
    let cpu =
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|memory| memory.split_whitespace().next()?.parse::<u64>().ok())
        .map_or_else(String::new, |kib| {
            format!(", {:.0} GiB", kib as f64 / f64::from(1 << 20))
        });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores{memory}, Linux {}", kernel.trim())
}

/// Today, in UTC.
pub(crate) fn date() -> String {
    said_by("date", &["-u", "+%Y-%m-%d"])
}

/// The compiler.
pub(crate) fn compiler() -> String {
    said_by("rustc", &["--version"])
}

/// Name and version of the crate that a client is.
pub(crate) fn version(client: Client) -> String {
    let (name, start) = client.package();
    let versions = LOCK.split("[[package]]").filter_map(|package| {
        let field = |field: &str| {
            let value = package.lines().find_map(|line| line.strip_prefix(field))?;
            value.strip_prefix(" = \"")?.strip_suffix('"')
        };
        (field("name")? == name).then(|| field("version"))?
    });
    let mut versions = versions.filter(|version| version.starts_with(start));
    format!("{name} {}", versions.next().unwrap_or("?"))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok()
        .filter(|said| !said.is_empty())
        .unwrap_or_else(|| format!("unknown {program}"))
}
