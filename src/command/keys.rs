//! Finding the keys among a command's arguments, by the rules of the command table.

use std::fmt;
use std::iter::FusedIterator;

use super::table::{BeginSearch, CommandInfo, FindKeys, Flags};

impl CommandInfo {
    /// Finds the positions of the keys among the arguments.
    ///
    /// Positions count from the command's name, which is 0 and which `args` must include; `arg_count` says how
    /// many arguments there are with it. For a subcommand, ask the entry of the subcommand. Shard channels
    /// are found as well: they are no keys, but decide the slot as keys do.
    ///
    /// Missing arguments are no error here, but to [`Command::check`](crate::Command::check): a `GET` without a key has
    /// no keys. The patterns of `SORT`'s `BY` and `GET` are not keys but make some.
    ///
    /// # Errors
    ///
    /// If the number that tells how many keys there are is no number, 0 where keys are needed, or more than
    /// the arguments that follow.
    ///
    /// ```
    /// use tower_redis_cluster::command::lookup;
    ///
    /// let args: [&[u8]; 5] = [b"ZUNIONSTORE", b"sum", b"2", b"a", b"b"];
    /// let info = lookup(args[0]).expect("ZUNIONSTORE is in the table");
    ///
    /// let keys: Vec<usize> = info.find_keys(args.len(), args.into_iter())?.collect();
    /// assert_eq!(keys, [1, 3, 4]);
    /// # Ok::<(), tower_redis_cluster::command::KeysError>(())
    /// ```
    pub fn find_keys<'a, A>(&self, arg_count: usize, args: A) -> Result<KeyPositions, KeysError>
    where
        A: Iterator<Item = &'a [u8]> + Clone,
    {
        let mut found = KeyPositions::default();
        if let Some(position) = self.single_key() {
            found.push(Run::one(position.into()), arg_count);
            return Ok(found);
        }
        let specs = self.key_specs();
        if specs
            .iter()
            .any(|spec| spec.incomplete || spec.find == FindKeys::Unknown)
        {
            self.find_unspecified(&mut found, arg_count, args);
            return Ok(found);
        }
        for spec in specs {
            let Some(start) = begin(spec.begin, arg_count, args.clone()) else {
                continue;
            };
            match spec.find {
                FindKeys::Range { last, step, limit } => {
                    found.push(range(start, last, step, limit, arg_count), arg_count);
                }
                FindKeys::KeyNum { index, first, step } => {
                    let position = start + usize::from(index);
                    let Some(numkeys) = args.clone().nth(position) else {
                        continue;
                    };
                    let error = |cause| KeysError {
                        command: self.name(),
                        cause,
                    };
                    let Some(numkeys) = parse::<usize>(numkeys) else {
                        return Err(error(Cause::NotACount { position }));
                    };
                    if numkeys == 0 && !self.flags().contains(Flags::NO_MANDATORY_KEYS) {
                        return Err(error(Cause::Zero { position }));
                    }
                    let run = Run {
                        next: start + usize::from(first),
                        left: numkeys,
                        step: step.into(),
                    };
                    let follow = arg_count.saturating_sub(run.next);
                    // What belongs to a key, as the values of MSETEX do, has to follow it.
                    if numkeys > follow / run.step {
                        return Err(error(Cause::TooFew { numkeys, follow }));
                    }
                    found.push(run, arg_count);
                }
                FindKeys::Unknown => unreachable!("such commands were sorted out above"),
            }
        }
        found.sort();
        Ok(found)
    }

    /// The keys that come with something for each, and not as much of it as there are keys.
    pub(super) fn unpaired<'a, A>(&self, arg_count: usize, args: A) -> Option<Unpaired>
    where
        A: Iterator<Item = &'a [u8]> + Clone,
    {
        self.key_specs().iter().find_map(|spec| {
            let group = match spec.find {
                FindKeys::Range {
                    last: -1,
                    step,
                    limit,
                } => usize::from(step.max(limit)),
                _ => return None,
            };
            let start = begin(spec.begin, arg_count, args.clone())?;
            let given = arg_count.saturating_sub(start);
            (group > 1 && given % group != 0).then_some(Unpaired { given, group })
        })
    }

    /// The commands whose keys no rule can describe.
    fn find_unspecified<'a, A>(&self, found: &mut KeyPositions, arg_count: usize, args: A)
    where
        A: Iterator<Item = &'a [u8]> + Clone,
    {
        match self.name() {
            "SORT_RO" => found.push(Run::one(1), arg_count),
            "SORT" => {
                found.push(Run::one(1), arg_count);
                if let Some(destination) = sort_destination(arg_count, args) {
                    found.push(Run::one(destination), arg_count);
                }
            }
            "MIGRATE" => {
                // With KEYS the key's own place holds an empty string.
                let listed = args.clone().nth(3).is_some_and(<[u8]>::is_empty);
                match migrate_list(args).filter(|_| listed) {
                    Some(first) => found.push(range(first, -1, 1, 0, arg_count), arg_count),
                    None => found.push(Run::one(3), arg_count),
                }
            }
            // A test holds that there are no others.
            _ => {}
        }
    }
}

/// The positions of a command's keys among its arguments, in ascending order.
///
/// Made by [`CommandInfo::find_keys`]; it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPositions {
    // No command has more than three key specs.
    runs: [Run; 3],
}

impl KeyPositions {
    /// Adds the part of a run that lies within the arguments.
    fn push(&mut self, mut run: Run, arg_count: usize) {
        run.left = run
            .left
            .min(arg_count.saturating_sub(run.next).div_ceil(run.step));
        if let Some(free) = self.runs.iter_mut().find(|each| each.left == 0) {
            *free = run;
        }
    }

    /// Puts the runs in order: options may come in any order.
    fn sort(&mut self) {
        self.runs.sort_unstable_by_key(|run| run.next);
    }
}

impl Iterator for KeyPositions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let run = self.runs.iter_mut().find(|run| run.left > 0)?;
        let position = run.next;
        run.next += run.step;
        run.left -= 1;
        Some(position)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.runs.iter().map(|run| run.left).sum();
        (left, Some(left))
    }
}

impl ExactSizeIterator for KeyPositions {}

impl FusedIterator for KeyPositions {}

/// Keys and what belongs to each, such as the values of `MSET`: the number of these arguments is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unpaired {
    /// How many they are.
    pub(super) given: usize,
    /// How many belong together, the key among them.
    pub(super) group: usize,
}

/// Why the keys of a command could not be found.
///
/// It says which argument is wrong, but not what it is: that may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysError {
    command: &'static str,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NotACount { position: usize },
    Zero { position: usize },
    TooFew { numkeys: usize, follow: usize },
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = self.command;
        match self.cause {
            Cause::NotACount { position } => {
                write!(f, "{command}: numkeys (argument {position}) is not a count")
            }
            Cause::Zero { position } => write!(
                f,
                "{command}: numkeys (argument {position}) is 0, where at least one key is needed"
            ),
            Cause::TooFew { numkeys, follow } => {
                let arguments = if follow == 1 {
                    "argument follows"
                } else {
                    "arguments follow"
                };
                write!(
                    f,
                    "{command}: numkeys is {numkeys}, but only {follow} {arguments}"
                )
            }
        }
    }
}

impl std::error::Error for KeysError {}

// ===== runs of positions =====

/// Positions at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    next: usize,
    left: usize,
    step: usize,
}

impl Run {
    fn one(position: usize) -> Self {
        Self {
            next: position,
            left: 1,
            step: 1,
        }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self {
            next: usize::MAX,
            left: 0,
            step: 1,
        }
    }
}

/// Where a key spec starts; `None` if its word is not there.
fn begin<'a>(
    search: BeginSearch,
    arg_count: usize,
    args: impl Iterator<Item = &'a [u8]>,
) -> Option<usize> {
    let (word, start_from) = match search {
        BeginSearch::Index(index) => return Some(index.into()),
        BeginSearch::Keyword { word, start_from } => (word, start_from),
        BeginSearch::Unknown => return None,
    };
    // The last argument is no keyword, for nothing could follow it.
    let mut places = args.enumerate().take(arg_count.saturating_sub(1));
    let is_word = |(_, arg): &(usize, &[u8])| arg.eq_ignore_ascii_case(word.as_bytes());
    let (position, _) = match usize::try_from(start_from) {
        Ok(start) => places.skip(start).find(is_word),
        Err(_) => {
            let start = arg_count.checked_sub(start_from.unsigned_abs().into())?;
            places
                .by_ref()
                .take(start + 1)
                .skip(1)
                .filter(is_word)
                .last()
        }
    }?;
    Some(position + 1)
}

/// The keys from `first` up to `last`; see [`FindKeys::Range`].
fn range(first: usize, last: i8, step: u8, limit: u8, arg_count: usize) -> Run {
    let step = usize::from(step);
    let reach = match usize::try_from(last) {
        Ok(last) => last + 1,
        Err(_) => {
            let rest = arg_count.saturating_sub(first) / usize::from(limit.max(1));
            (rest + 1).saturating_sub(last.unsigned_abs().into())
        }
    };
    Run {
        next: first,
        left: reach.div_ceil(step),
        step,
    }
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]`
///
/// Servers take the last `STORE`, and look for options in its value too.
fn sort_destination<'a>(arg_count: usize, args: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
    let mut destination = None;
    let mut args = args.enumerate().skip(2);
    while let Some((position, option)) = args.next() {
        if option.eq_ignore_ascii_case(b"LIMIT") {
            args.nth(1);
        } else if option.eq_ignore_ascii_case(b"BY") || option.eq_ignore_ascii_case(b"GET") {
            args.next();
        } else if option.eq_ignore_ascii_case(b"STORE") && position + 1 < arg_count {
            destination = Some(position + 1);
        }
    }
    destination
}

/// `MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]`
fn migrate_list<'a>(args: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
    let mut args = args.enumerate().skip(6);
    while let Some((position, option)) = args.next() {
        if option.eq_ignore_ascii_case(b"KEYS") {
            return Some(position + 1);
        } else if option.eq_ignore_ascii_case(b"AUTH") {
            args.next();
        } else if option.eq_ignore_ascii_case(b"AUTH2") {
            args.nth(1);
        }
    }
    None
}

/// A number in decimal digits.
pub(super) fn parse<T: std::str::FromStr>(number: &[u8]) -> Option<T> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
