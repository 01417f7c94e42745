//! Makes `src/command/table/generated.rs` from what servers say of their commands.
//!
//! ```text
//! cargo run --example generate_command_table -- redis-8.6.3.json valkey-9.1.2.json \
//!     > src/command/table/generated.rs
//! ```
//!
//! Each file is named after a server and its version, and holds an array with an object per command: the
//! fields `name`, `arity`, `flags`, `acl`, `tips`, `key_specs` and `subcommands` of `COMMAND`, and `group` and
//! `since` of `COMMAND DOCS`. Subcommands carry their container's name: `CLUSTER SLOTS`.
//!
//! The table holds the union of the commands. Where servers disagree it takes what is safer for a client, and
//! says so on stderr: read-only only if all say so, blocking if one does, the key specs that find more.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err("name the JSON files to read".into());
    }
    let table = generate(&files)?;
    for line in &table.disagreements {
        eprintln!("{line}");
    }
    print!("{}", table.source);
    Ok(())
}

/// The generated source, and what the servers disagree on.
pub(crate) struct Table {
    /// The text of `generated.rs`.
    pub(crate) source: String,
    /// One line each, in the order of the names.
    pub(crate) disagreements: Vec<String>,
}

/// Reads the files and makes the table.
pub(crate) fn generate(files: &[impl AsRef<Path>]) -> Result<Table, Box<dyn Error>> {
    let mut merged = Merged::default();
    let mut versions = Vec::new();
    for file in files {
        let file = file.as_ref();
        let version = file.file_stem().unwrap_or_default().to_string_lossy();
        let commands: Vec<Command> = serde_json::from_slice(&std::fs::read(file)?)?;
        for command in flatten(commands) {
            merged.add(command, &version);
        }
        versions.push(version.into_owned());
    }
    Ok(Table {
        source: render(&merged.commands, &versions)?,
        disagreements: merged.disagreements,
    })
}

// ===== input =====

#[derive(Deserialize)]
struct Command {
    name: String,
    arity: i16,
    flags: Vec<String>,
    #[serde(default)]
    acl: Vec<String>,
    #[serde(default)]
    tips: Vec<String>,
    #[serde(default)]
    key_specs: Vec<KeySpec>,
    #[serde(default)]
    subcommands: Vec<Command>,
    group: Option<String>,
    since: Option<String>,
}

#[derive(Deserialize, PartialEq)]
struct KeySpec {
    flags: Vec<String>,
    begin_search: BeginSearch,
    find_keys: FindKeys,
}

#[derive(Deserialize, PartialEq)]
#[serde(tag = "type", content = "spec", rename_all = "lowercase")]
enum BeginSearch {
    Index { index: u8 },
    Keyword { keyword: String, startfrom: i8 },
    Unknown {},
}

#[derive(Deserialize, PartialEq)]
#[serde(tag = "type", content = "spec", rename_all = "lowercase")]
enum FindKeys {
    Range {
        lastkey: i8,
        keystep: u8,
        limit: u8,
    },
    KeyNum {
        keynumidx: u8,
        firstkey: u8,
        keystep: u8,
    },
    Unknown {},
}

impl Command {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|each| each == flag)
    }

    fn tip(&self, prefix: &str) -> Option<&str> {
        self.tips.iter().find_map(|tip| tip.strip_prefix(prefix))
    }

    /// The documented group, or what the ACL categories say of it.
    fn group(&self) -> &str {
        const TYPES: &[(&str, &str)] = &[
            ("bitmap", "bitmap"),
            ("geo", "geo"),
            ("hash", "hash"),
            ("hyperloglog", "hyperloglog"),
            ("list", "list"),
            ("set", "set"),
            ("sortedset", "sorted-set"),
            ("stream", "stream"),
            ("string", "string"),
        ];
        let by_type = |(acl, group): &(&str, &'static str)| {
            self.acl.iter().any(|each| each == acl).then_some(*group)
        };
        match &self.group {
            Some(group) => group,
            None if self.has("module") => "module",
            None => TYPES.iter().find_map(by_type).unwrap_or("server"),
        }
    }
}

/// Containers first, each followed by what it contains.
fn flatten(commands: Vec<Command>) -> Vec<Command> {
    let mut flat = Vec::new();
    for mut command in commands {
        let subcommands = std::mem::take(&mut command.subcommands);
        flat.push(command);
        flat.extend(subcommands);
    }
    flat
}

// ===== merging =====

/// Whether one server's word is enough for a flag.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    /// A restriction: it holds if one server says so.
    Any,
    /// A permission: it holds if all servers that have the command say so.
    All,
}

/// The flags a client can use: the server's name, ours, and the rule.
const FLAGS: &[(&str, &str, Rule)] = &[
    ("readonly", "READ_ONLY", Rule::All),
    ("write", "WRITE", Rule::Any),
    ("blocking", "BLOCKING", Rule::Any),
    ("admin", "ADMIN", Rule::Any),
    ("pubsub", "PUBSUB", Rule::Any),
    ("fast", "FAST", Rule::All),
    ("denyoom", "DENY_OOM", Rule::Any),
    ("noscript", "NO_SCRIPT", Rule::Any),
    ("no_multi", "NO_MULTI", Rule::Any),
    ("no_auth", "NO_AUTH", Rule::All),
    ("loading", "LOADING", Rule::All),
    ("stale", "STALE", Rule::All),
    ("allow_busy", "ALLOW_BUSY", Rule::All),
    ("movablekeys", "MOVABLE_KEYS", Rule::Any),
    ("no_mandatory_keys", "NO_MANDATORY_KEYS", Rule::All),
    ("module", "MODULE", Rule::Any),
];

#[derive(Default)]
struct Merged {
    commands: BTreeMap<String, Command>,
    disagreements: Vec<String>,
}

impl Merged {
    fn add(&mut self, theirs: Command, version: &str) {
        let Some(ours) = self.commands.get_mut(&theirs.name) else {
            self.commands.insert(theirs.name.clone(), theirs);
            return;
        };
        let name = theirs.name.clone();
        let mut disagree = |what: fmt::Arguments<'_>| {
            self.disagreements.push(format!("{name}: {version} {what}"));
        };
        for &(flag, _, rule) in FLAGS {
            match (ours.has(flag), theirs.has(flag)) {
                (true, false) => {
                    disagree(format_args!("is not {flag}"));
                    if rule == Rule::All {
                        ours.flags.retain(|each| each != flag);
                    }
                }
                (false, true) => {
                    disagree(format_args!("is {flag}"));
                    if rule == Rule::Any {
                        ours.flags.push(flag.to_owned());
                    }
                }
                _ => {}
            }
        }
        if ours.arity != theirs.arity {
            disagree(format_args!(
                "has arity {}, not {}",
                theirs.arity, ours.arity
            ));
            ours.arity = -ours.arity.abs().min(theirs.arity.abs());
        }
        for prefix in ["request_policy:", "response_policy:"] {
            match (ours.tip(prefix), theirs.tip(prefix)) {
                (ours, theirs) if ours == theirs => {}
                (Some(ours), tip) => {
                    let tip = tip.unwrap_or("nothing");
                    disagree(format_args!("has {prefix}{tip}, not {ours}"));
                }
                (None, tip) => {
                    let tip = tip.unwrap_or_default();
                    disagree(format_args!("has {prefix}{tip}, not nothing"));
                    ours.tips.push(format!("{prefix}{tip}"));
                }
            }
        }
        if spec_list(&ours.key_specs) != spec_list(&theirs.key_specs) {
            disagree(format_args!(
                "has the key specs {}, not {}",
                spec_list(&theirs.key_specs),
                spec_list(&ours.key_specs)
            ));
            if theirs.key_specs.len() > ours.key_specs.len() {
                ours.key_specs = theirs.key_specs;
            }
        }
        ours.group = theirs.group.or(ours.group.take());
        ours.since = theirs.since.or(ours.since.take());
    }
}

// ===== output =====

fn render(
    commands: &BTreeMap<String, Command>,
    versions: &[String],
) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    writeln!(
        out,
        "// Generated by `cargo run --example generate_command_table` from {}. Do not edit.\n\n\
         //! The rows of the command table, in the order of their names.\n\n\
         use super::CommandInfo as Info;\n\
         use super::flags::bit as is;\n\
         use super::key_spec::{{Access::*, KeySpec as Key}};\n\
         use super::policy::{{RequestPolicy as To, ResponsePolicy as Reply}};\n",
        versions.join(" and ")
    )?;
    for command in commands.values() {
        render_row(&mut out, command, commands)?;
    }
    let top: Vec<String> = commands
        .keys()
        .filter(|name| !name.contains(' '))
        .map(|name| format!("&{}", ident(name)))
        .collect();
    writeln!(
        out,
        "\n/// Every command that is no subcommand.\npub(super) static ALL: [&Info; {}] = [",
        top.len()
    )?;
    let mut line = String::from("   ");
    for name in top {
        if line.len() + name.len() + 2 > 110 {
            writeln!(out, "{line}")?;
            line.replace_range(3.., "");
        }
        write!(line, " {name},")?;
    }
    writeln!(out, "{line}\n];")?;
    Ok(out)
}

fn render_row(
    out: &mut String,
    command: &Command,
    all: &BTreeMap<String, Command>,
) -> Result<(), Box<dyn Error>> {
    let name = &command.name;
    let container = name.split(' ').next().unwrap_or(name);
    let flags: Vec<String> = FLAGS
        .iter()
        .filter(|(flag, ..)| command.has(flag))
        .map(|(_, ours, _)| format!("is::{ours}"))
        .collect();
    write!(
        out,
        "pub(crate) static {}: Info = Info::new({name:?}, {}, {:?}, {})",
        ident(name),
        command.arity,
        all[container].group(),
        if flags.is_empty() {
            "0".to_owned()
        } else {
            flags.join(" | ")
        },
    )?;
    if let Some(since) = &command.since {
        write!(out, ".since_version({since:?})")?;
    }
    if !command.key_specs.is_empty() {
        write!(out, "\n    .keys(&{})", spec_list(&command.key_specs))?;
    }
    let policies = (
        command.tip("request_policy:"),
        command.tip("response_policy:"),
    );
    if policies != (None, None) {
        let variant = |tip: Option<&str>| camel(tip.unwrap_or("default"));
        write!(
            out,
            "\n    .policy(To::{}, Reply::{})",
            variant(policies.0),
            variant(policies.1)
        )?;
    }
    let prefix = format!("{name} ");
    let subcommands: Vec<String> = all
        .keys()
        .filter(|sub| sub.starts_with(&prefix))
        .map(|sub| format!("&{}", ident(sub)))
        .collect();
    if !subcommands.is_empty() {
        write!(out, "\n    .containing(&[{}])", subcommands.join(", "))?;
    }
    writeln!(out, ";")?;
    Ok(())
}

fn spec_list(specs: &[KeySpec]) -> String {
    let specs: Vec<String> = specs.iter().map(render_spec).collect();
    format!("[{}]", specs.join(", "))
}

/// Panics on shapes that no server has used so far: the vocabulary in `key_spec.rs` must grow first.
fn render_spec(spec: &KeySpec) -> String {
    let has = |flag: &str| spec.flags.iter().any(|each| each == flag);
    let access = [
        ("RO", "Read"),
        ("RW", "ReadWrite"),
        ("OW", "Overwrite"),
        ("RM", "Remove"),
    ]
    .into_iter()
    .find_map(|(flag, access)| has(flag).then_some(access))
    .unwrap_or("None");
    let (base, step, limit) = match (&spec.begin_search, &spec.find_keys) {
        (
            BeginSearch::Index { index },
            FindKeys::Range {
                lastkey,
                keystep,
                limit,
            },
        ) if *lastkey == 0 => (format!("Key::at({index}, {access})"), *keystep, *limit),
        (
            BeginSearch::Index { index },
            FindKeys::Range {
                lastkey,
                keystep,
                limit,
            },
        ) => (
            format!("Key::range({index}, {lastkey}, {access})"),
            *keystep,
            *limit,
        ),
        (
            BeginSearch::Keyword { keyword, startfrom },
            FindKeys::Range {
                lastkey,
                keystep,
                limit,
            },
        ) => (
            format!("Key::after({keyword:?}, {startfrom}, {lastkey}, {access})"),
            *keystep,
            *limit,
        ),
        (
            BeginSearch::Index { index },
            FindKeys::KeyNum {
                keynumidx: 0,
                firstkey: 1,
                keystep,
            },
        ) => (format!("Key::counted({index}, {access})"), *keystep, 0),
        (BeginSearch::Unknown {}, FindKeys::Unknown {}) => {
            (format!("Key::unknown({access})"), 1, 0)
        }
        _ => panic!("a key spec of a new shape"),
    };
    let mut text = base;
    if step > 1 {
        text.push_str(&format!(".step({step})"));
    }
    if limit > 1 {
        text.push_str(&format!(".limit({limit})"));
    }
    for (flag, method) in [("not_key", ".not_key()"), ("incomplete", ".incomplete()")] {
        if has(flag) {
            text.push_str(method);
        }
    }
    text
}

/// `CLUSTER SLOTS` to `CLUSTER_SLOTS`.
fn ident(name: &str) -> String {
    name.replace([' ', '-'], "_")
}

/// `all_shards` to `AllShards`.
fn camel(snake: &str) -> String {
    snake
        .split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}
