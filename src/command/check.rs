//! What is wrong with a command, as far as can be said before a server sees it.

use std::fmt;

use super::keys::{KeysError, Unpaired};
use super::{Command, CommandInfo, Flags, generated};
use crate::error::{Error, ErrorKind};

impl Command {
    /// Checks the arguments against the [command table](super::lookup), as [`Route`](crate::route::Route) does with
    /// every command it is given: their number, keys where keys are needed, as many of them as the arguments say, a
    /// value for each of them, and no NaN where the command takes floats.
    ///
    /// Of a command the table does not know, only the name is checked; of a [batch](Command::batch), each command.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidCommand`], which says what is wrong, and with which command of a batch.
    ///
    /// ```
    /// use tower_redis_cluster::cmd;
    ///
    /// let error = cmd("GET").arg("user:1").arg("user:2").check().unwrap_err();
    /// assert!(error.to_string().starts_with("the command takes 1 argument, the key, not 2"));
    /// assert!(cmd("EVAL").arg("return 1").arg(2).arg("k").check().is_err());
    /// ```
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        match self.plain_slot() {
            Some(_) => Ok(()),
            None => self.check_by_rules(),
        }
    }

    #[inline(never)]
    pub(super) fn check_by_rules(&self) -> Result<(), Error> {
        let Some(batch) = self.batch() else {
            return match self.fault() {
                None => Ok(()),
                Some(fault) => Err(self.refused_for(fault.to_string())),
            };
        };
        let commands = batch.commands();
        for (index, command) in commands.iter().enumerate() {
            if command.batch().is_some() {
                command.check()?;
            } else if let Some(fault) = command.fault() {
                let (number, count) = (index + 1, commands.len());
                let message = format!("command {number} of {count}: {fault}");
                return Err(command.refused_for(message));
            }
        }
        Ok(())
    }

    /// Leaves it to the server what is wrong with the arguments: for a module or a server that gives a command of the
    /// [table](super::lookup) other arguments than the table says.
    ///
    /// Keys are looked for where the table says all the same. For all commands of a client, see
    /// [`ClusterBuilder::check_arguments`](crate::ClusterBuilder::check_arguments).
    ///
    /// ```
    /// use tower_redis_cluster::cmd;
    ///
    /// cmd("GET").arg("user:1").arg("AND").arg("MORE").unchecked().check()?;
    /// # Ok::<_, tower_redis_cluster::Error>(())
    /// ```
    pub fn unchecked(mut self) -> Self {
        self.extras_mut().is_unchecked = true;
        self
    }

    /// What is wrong with the command itself, not with what it is made of.
    fn fault(&self) -> Option<Fault> {
        let Some(info) = self.info() else {
            return match self.args().next() {
                None | Some([]) => Some(Fault::Nameless),
                Some(name) if name.contains(&b' ') => Some(Fault::SpacedName),
                Some(_) => None,
            };
        };
        let nan_at = self.extras().and_then(|extras| extras.nan_at);
        let fault = Fault::of(info, self, nan_at)?;
        let is_unchecked = self.extras().is_some_and(|it| it.is_unchecked);
        (!is_unchecked).then_some(fault)
    }

    fn refused_for(&self, message: String) -> Error {
        let error = Error::not_sent(ErrorKind::InvalidCommand, message);
        match self.name() {
            name if name.is_empty() => error,
            name => error.with_command(name),
        }
    }
}

/// What can be wrong.
enum Fault {
    Nameless,
    SpacedName,
    NoSubcommand {
        example: &'static str,
    },
    Arity {
        info: &'static CommandInfo,
        given: usize,
    },
    Keys(KeysError),
    NoKey,
    Unpaired(Unpaired),
    NaN {
        position: usize,
    },
}

impl Fault {
    fn of(info: &'static CommandInfo, command: &Command, nan_at: Option<usize>) -> Option<Self> {
        let count = command.arg_count();
        if count == 1
            && let Some(example) = info.subcommands().first()
            && info.arity() < -1
        {
            let example = example.name();
            return Some(Self::NoSubcommand { example });
        }
        if !info.takes(count) {
            let given = count - words(info).min(count);
            return Some(Self::Arity { info, given });
        }
        if let Some(position) = nan_at
            && takes_floats(info)
        {
            return Some(Self::NaN { position });
        }
        if info.single_key().is_some() || info.key_specs().is_empty() {
            return None;
        }
        let keys = match info.find_keys(count, command.args()) {
            Ok(keys) => keys,
            Err(error) => return Some(Self::Keys(error)),
        };
        if keys.len() == 0 && info.needs_keys() {
            return Some(Self::NoKey);
        }
        info.unpaired(count, command.args()).map(Self::Unpaired)
    }
}

impl CommandInfo {
    /// True if this may be the number of arguments, the name included.
    #[inline]
    pub(super) fn takes(&self, arg_count: usize) -> bool {
        match usize::try_from(self.arity()) {
            Ok(exact) => arg_count == exact,
            Err(_) => arg_count >= usize::from(self.arity().unsigned_abs()),
        }
    }

    fn needs_keys(&self) -> bool {
        !self.flags().contains(Flags::NO_MANDATORY_KEYS)
            && self.key_specs().iter().any(|spec| !spec.not_key)
    }
}

/// How many words its name has.
fn words(info: &CommandInfo) -> usize {
    info.name().split(' ').count()
}

/// True if a float among the arguments is a score, a weight, an increment, a coordinate or a timeout. In other
/// commands it may be a value, which is the caller's own business.
fn takes_floats(info: &CommandInfo) -> bool {
    let is_one_of = |known: &[&CommandInfo]| known.iter().any(|each| std::ptr::eq(*each, info));
    info.is_blocking()
        || matches!(info.group(), "sorted-set" | "geo")
        || is_one_of(&[
            &generated::HINCRBYFLOAT,
            &generated::INCRBYFLOAT,
            &generated::VADD,
            &generated::VSIM,
        ])
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => {
                f.write_str("the command has no name; give it one, as in cmd(\"GET\")")
            }
            Self::SpacedName => f.write_str(
                "no command has spaces in its name; give what follows as arguments, as in \
                 cmd(\"CLUSTER\").arg(\"INFO\")",
            ),
            Self::NoSubcommand { example } => {
                write!(f, "the command needs a subcommand, as in {example}")
            }
            Self::Arity { info, given } => {
                f.write_str("the command takes ")?;
                let named = words(info);
                let least = usize::from(info.arity().unsigned_abs()) - named;
                if info.arity() < 0 {
                    f.write_str("at least ")?;
                }
                write!(f, "{least} argument{}", if least == 1 { "" } else { "s" })?;
                if info.single_key().map(usize::from) == Some(named) {
                    f.write_str(if least == 1 && info.arity() > 0 {
                        ", the key"
                    } else {
                        ", the first of them its key"
                    })?;
                }
                write!(
                    f,
                    ", not {given}; where a server takes others, `Command::unchecked` lets it pass"
                )
            }
            Self::Keys(error) => error.fmt(f),
            Self::NoKey => f.write_str("the command needs a key, and has none"),
            Self::Unpaired(Unpaired { given, group }) => write!(
                f,
                "{given} arguments for keys that take {group} each: one lacks what belongs to it"
            ),
            Self::NaN { position } => {
                write!(
                    f,
                    "argument {position} is NaN, where the command takes a number"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
