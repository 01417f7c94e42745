//! The commands, a file for each group.
//!
//! The table here is the fake's own and shares nothing with the client's: a mistake in the one is found by the other.

mod args;
mod client;
mod cluster;
mod connection;
mod expiry;
mod hashes;
mod keys;
mod lists;
mod numbers;
pub(super) mod reply;
mod scan;
mod scripting;
mod server;
mod set_algebra;
mod sets;
mod sorted_ranges;
mod sorted_sets;
mod strings;
mod transactions;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;

use super::client::Client;
use super::state::State;
use super::store::Store;
use crate::resp::Version;
use crate::value::{ServerError, Value};

/// What a command answers.
pub(super) type Reply = Result<Value, ServerError>;

/// A command's entry in the table.
pub(super) struct Spec {
    /// In upper case, with the subcommand's.
    name: &'static str,
    /// How many arguments there are, the name included; negative: at least so many.
    arity: i8,
    keys: Keys,
    flags: u8,
    pub(super) run: Run,
}

/// Which arguments are keys: the first and the last (negative: from the end; 0: as many as the argument before the
/// first says), and how far apart they are.
type Keys = Option<(usize, isize, usize)>;

/// How a command is executed.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// With the keys of the shard.
    Data(fn(&mut Request<'_>) -> Reply),
    /// With the keys of the shard; `None` means that there is nothing yet to answer with.
    Wait(fn(&mut Request<'_>) -> Result<Option<Value>, ServerError>),
    /// With all that the cluster is.
    Node(fn(&mut Call<'_>) -> Reply),
    Exec,
    Quit,
}

/// A command on keys, about to be executed.
pub(super) struct Request<'a> {
    pub(super) store: &'a mut Store,
    /// The name first.
    pub(super) args: &'a [Bytes],
    pub(super) version: Version,
    /// Milliseconds since 1970.
    pub(super) now_ms: u64,
}

/// A command on the node or the connection, about to be executed.
pub(super) struct Call<'a> {
    pub(super) state: &'a mut State,
    pub(super) node: usize,
    pub(super) client: u64,
    /// The name first.
    pub(super) args: &'a [Bytes],
}

/// A command with its arguments, checked as far as can be before it is executed.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) spec: &'static Spec,
    pub(super) args: Vec<Bytes>,
}

const WRITE: u8 = 1;
const NO_AUTH: u8 = 2;
/// Not queued by `MULTI`.
const NO_QUEUE: u8 = 4;
/// Not known to servers that speak RESP2 alone.
const RESP3: u8 = 8;

const NO_KEY: Keys = None;
const ONE: Keys = Some((1, 1, 1));
const TWO: Keys = Some((1, 2, 1));
const ALL: Keys = Some((1, -1, 1));
const ALL_BUT_LAST: Keys = Some((1, -2, 1));
const PAIRS: Keys = Some((1, -1, 2));
/// As many as the argument before the first says.
const COUNTED: Keys = Some((3, 0, 1));

const fn spec(name: &'static str, arity: i8, keys: Keys, flags: u8, run: Run) -> Spec {
    Spec {
        name,
        arity,
        keys,
        flags,
        run,
    }
}

const fn read(
    name: &'static str,
    arity: i8,
    keys: Keys,
    run: fn(&mut Request<'_>) -> Reply,
) -> Spec {
    spec(name, arity, keys, 0, Run::Data(run))
}

const fn write(
    name: &'static str,
    arity: i8,
    keys: Keys,
    run: fn(&mut Request<'_>) -> Reply,
) -> Spec {
    spec(name, arity, keys, WRITE, Run::Data(run))
}

const fn node(name: &'static str, arity: i8, flags: u8, run: fn(&mut Call<'_>) -> Reply) -> Spec {
    spec(name, arity, NO_KEY, flags, Run::Node(run))
}

static TABLE: LazyLock<HashMap<&'static str, &'static Spec>> = LazyLock::new(|| {
    let groups: [&'static [Spec]; 14] = [
        client::COMMANDS,
        cluster::COMMANDS,
        connection::COMMANDS,
        expiry::COMMANDS,
        hashes::COMMANDS,
        keys::COMMANDS,
        lists::COMMANDS,
        numbers::COMMANDS,
        scan::COMMANDS,
        server::COMMANDS,
        set_algebra::COMMANDS,
        sets::COMMANDS,
        sorted_sets::COMMANDS,
        strings::COMMANDS,
    ];
    let more: [&'static [Spec]; 3] = [
        scripting::COMMANDS,
        sorted_ranges::COMMANDS,
        transactions::COMMANDS,
    ];
    let all = groups.into_iter().chain(more).flatten();
    all.map(|spec| (spec.name, spec)).collect()
});

/// Commands that are nothing without a subcommand.
const CONTAINERS: [&str; 5] = ["CLIENT", "CLUSTER", "COMMAND", "CONFIG", "SCRIPT"];

/// The name of a request in upper case, with the subcommand's for commands that have some.
pub(super) fn full_name(args: &[Bytes]) -> String {
    let upper = |arg: &Bytes| String::from_utf8_lossy(arg).to_ascii_uppercase();
    let mut name = args.first().map(upper).unwrap_or_default();
    if let Some(subcommand) = args.get(1)
        && CONTAINERS.contains(&&*name)
    {
        name.push(' ');
        name.push_str(&upper(subcommand));
    }
    name
}

/// Finds a command by its [`full_name`], and checks the number of its arguments.
pub(super) fn lookup(
    name: &str,
    args: &[Bytes],
    is_resp2_only: bool,
) -> Result<&'static Spec, ServerError> {
    let Some(spec) = TABLE
        .get(name)
        .copied()
        .filter(|spec| !is_resp2_only || spec.flags & RESP3 == 0)
    else {
        return Err(match name.split_once(' ') {
            Some((container, _)) if CONTAINERS.contains(&container) => reply::error(format!(
                "ERR unknown subcommand '{}'. Try {container} HELP.",
                reply::lossy(args.get(1).map_or(&[], |arg| arg), 128)
            )),
            _ if CONTAINERS.contains(&name) => reply::wrong_arity(name),
            _ => reply::unknown_command(args),
        });
    };
    let wanted = usize::from(spec.arity.unsigned_abs());
    if args.len() < wanted || (spec.arity > 0 && args.len() > wanted) {
        return Err(reply::wrong_arity(spec.name));
    }
    Ok(spec)
}

/// The count that is the argument at this index.
fn counted(args: &[Bytes], index: usize) -> Option<usize> {
    std::str::from_utf8(args.get(index)?).ok()?.parse().ok()
}

/// How many commands there are.
fn count() -> usize {
    TABLE.len()
}

/// How long a blocking command waits, by its last argument, in seconds; `None` without end.
pub(super) fn block_time(args: &[Bytes]) -> Result<Option<Duration>, ServerError> {
    let seconds = args.last().and_then(|arg| args::parse_float(arg));
    let out_of_range = || reply::error("ERR timeout is not a float or out of range");
    let seconds = seconds.ok_or_else(out_of_range)?;
    if seconds < 0.0 {
        return Err(reply::error("ERR timeout is negative"));
    }
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| out_of_range())?;
    if time > Duration::from_millis(i64::MAX as u64) {
        return Err(reply::error("ERR timeout is out of range"));
    }
    Ok((!time.is_zero()).then_some(time.min(Duration::from_secs(u32::MAX.into()))))
}

impl Spec {
    pub(super) fn is_write(&self) -> bool {
        self.flags & WRITE != 0
    }

    pub(super) fn needs_no_auth(&self) -> bool {
        self.flags & NO_AUTH != 0
    }

    /// True if it is executed at once also after `MULTI`.
    pub(super) fn is_for_transactions(&self) -> bool {
        self.flags & NO_QUEUE != 0
    }
}

impl Queued {
    /// The keys among the arguments.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        let (first, last, step) = self.spec.keys.unwrap_or((0, 0, 1));
        let end = match self.spec.keys {
            None => 0,
            Some(_) if last == 0 => {
                let count = counted(&self.args, first - 1).unwrap_or(0);
                first.saturating_add(count)
            }
            Some(_) if last < 0 => (self.args.len() + 1).saturating_add_signed(last),
            Some(_) => last.unsigned_abs() + 1,
        };
        self.args.iter().take(end).skip(first).step_by(step)
    }
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Call<'_> {
    /// The client that sent the command. It may have been killed by the command itself.
    fn client(&mut self) -> Option<&mut Client> {
        self.state.nodes[self.node].clients.get_mut(&self.client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_one_name() {
        assert!(TABLE.keys().all(|name| *name == name.to_ascii_uppercase()));
        assert!(TABLE.len() > 150, "{}", TABLE.len());
    }

    #[test]
    fn keys_are_where_the_table_says() {
        for (line, keys) in [
            (&["MSET", "a", "1", "b", "2"][..], &["a", "b"][..]),
            (&["BLPOP", "a", "b", "0"], &["a", "b"]),
            (&["DEL", "a", "b"], &["a", "b"]),
            (&["LMOVE", "a", "b", "LEFT", "LEFT"], &["a", "b"]),
            (&["GET", "a"], &["a"]),
            (&["EVAL", "return 1", "2", "a", "b", "c"], &["a", "b"]),
            (&["EVAL", "return 1", "9", "a"], &["a"]),
            (&["EVAL", "return 1", "x", "a"], &[]),
            (&["PING", "a"], &[]),
        ] {
            let args: Vec<Bytes> = line.iter().copied().map(Bytes::from).collect();
            let spec = lookup(line[0], &args, false).expect("known");
            let command = Queued { spec, args };
            assert_eq!(command.keys().collect::<Vec<_>>(), keys, "{line:?}");
        }
    }
}
