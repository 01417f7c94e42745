//! What counts depend on besides the source.

use std::fmt;
use std::process::Command;

/// Counts of instructions from one environment say nothing about those from another.
pub(crate) struct Environment {
    facts: Vec<(String, String)>,
}

impl Environment {
    /// Where this program runs, given what [`cpu`] says under valgrind.
    pub(crate) fn here(cpu: Option<&str>) -> Self {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let rustc = output(&rustc, &["-vV"]);
        let of_rustc = |key: &str| rustc.lines().find_map(|line| line.strip_prefix(key));
        let known = |fact: Option<&str>| fact.unwrap_or("unknown").trim().to_owned();
        let facts = [
            ("rustc", known(of_rustc("rustc "))),
            ("target", known(of_rustc("host: "))),
            // The allocator and `memcpy` are its own.
            ("libc", output("getconf", &["GNU_LIBC_VERSION"])),
            ("cpu", known(cpu)),
        ];
        facts.into_iter().collect()
    }

    /// What is not as it is `there`, in words; empty if nothing.
    pub(crate) fn differences(&self, there: &Self) -> Vec<String> {
        let differs = |(key, here): &(String, String)| {
            let there = there.get(key).unwrap_or("unknown");
            (here != there).then(|| format!("{key} is `{here}`, in the baseline `{there}`"))
        };
        self.facts.iter().filter_map(differs).collect()
    }

    fn get(&self, key: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(name, _)| name == key);
        fact.map(|(_, value)| value.as_str())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(facts: I) -> Self {
        let facts = facts.into_iter();
        Self {
            facts: facts
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }
}

/// A line for each fact.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts
            .iter()
            .try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

/// The features by which libraries choose their code when they run. Valgrind has not all that the processor has.
pub(crate) fn cpu() -> String {
    let features: Vec<&str> = [
        #[cfg(target_arch = "x86_64")]
        std::arch::is_x86_feature_detected!("sse4.2").then_some("sse4.2"),
        #[cfg(target_arch = "x86_64")]
        std::arch::is_x86_feature_detected!("avx").then_some("avx"),
        #[cfg(target_arch = "x86_64")]
        std::arch::is_x86_feature_detected!("avx2").then_some("avx2"),
        #[cfg(target_arch = "x86_64")]
        std::arch::is_x86_feature_detected!("avx512f").then_some("avx512f"),
    ]
    .into_iter()
    .flatten()
    .collect();
    features.join(" ")
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}
