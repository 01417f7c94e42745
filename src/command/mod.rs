//! A [`Command`]: arguments, keys, and what the stack must know of it.
//!
//! ```
//! use std::time::Duration;
//! use tower_redis_cluster::{Slot, cmd};
//!
//! let command = cmd("SET").arg("user:1").arg("Ann").arg("EX").arg(60);
//! assert_eq!(command.slot()?, Some(Slot::of("user:1")));
//!
//! // A module's command: the table does not know it, so name its keys.
//! let command = cmd("FT.MYSTERY").key("idx").arg(5).idempotent().timeout(Duration::from_secs(3));
//! assert_eq!(command.slot()?, Some(Slot::of("idx")));
//! # Ok::<_, tower_redis_cluster::Error>(())
//! ```

mod args;
mod blocking;
mod extensions;
mod keys;
mod slot;
mod table;
mod target;
mod to_args;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::args::Args;
pub use self::args::Iter;
pub(crate) use self::args::Segment;
pub use self::blocking::BlockTime;
pub use self::extensions::Extensions;
pub use self::keys::{KeyPositions, KeysError};
pub use self::slot::Slot;
pub(crate) use self::table::generated;
pub use self::table::{
    Access, BeginSearch, CommandInfo, FindKeys, Flags, KeySpec, RequestPolicy, ResponsePolicy, all,
    lookup,
};
pub use self::target::Target;
pub use self::to_args::{ArgWriter, ToArgs};
use crate::error::{Error, ErrorKind};

/// One request of an application: the request type at the request, attempt and node seams.
///
/// The arguments are encoded once, as they are added; a clone shares them, or copies up to 62 bytes. See the
/// [module docs](self) for an example.
#[must_use = "a command does nothing until it is sent"]
#[derive(Clone)]
pub struct Command {
    args: Args,
    info: Option<&'static CommandInfo>,
    keys: Keys,
    is_idempotent: bool,
    is_asking: bool,
    deadline: Option<Instant>,
    extras: Option<Arc<Extras>>,
}

/// What is known of the keys while arguments are added.
#[derive(Clone, Copy)]
enum Keys {
    /// None yet.
    None,
    /// All keys so far hash to this slot.
    One(Slot),
    /// Two keys hash to these two slots.
    Crossed(Slot, Slot),
}

/// What few commands have.
#[derive(Clone, Default)]
struct Extras {
    timeout: Option<Duration>,
    waiting_since: Option<Instant>,
    target: Option<Target>,
    extensions: Extensions,
}

/// A command with this name, to be given arguments. The name is not case-sensitive, and one word: a subcommand's
/// is an argument, as in `cmd("CLUSTER").arg("SLOTS")`.
///
/// The keys among the arguments are found by the [command table](lookup); for a command the table does not know,
/// such as a module's, name them with [`Command::key`].
pub fn cmd(name: impl AsRef<str>) -> Command {
    let name = name.as_ref();
    Command::with_info(name, lookup(name.as_bytes()))
}

impl Command {
    /// A command of the table, which saves the look-up. Not for subcommands.
    pub(crate) fn known(info: &'static CommandInfo) -> Self {
        Self::with_info(info.name(), Some(info))
    }

    fn with_info(name: &str, info: Option<&'static CommandInfo>) -> Self {
        let mut args = Args::new();
        args.push(name.as_bytes());
        Self {
            args,
            info,
            keys: Keys::None,
            is_idempotent: false,
            is_asking: false,
            deadline: None,
            extras: None,
        }
    }

    /// Adds an argument, or several; see [`ToArgs`].
    pub fn arg(mut self, value: impl ToArgs) -> Self {
        value.into_args(&mut ArgWriter {
            command: &mut self,
            are_keys: false,
        });
        self
    }

    /// Adds an argument that is a key, or several. Needed for commands and subcommands that the
    /// [command table](lookup) does not know; for all others it is the same as [`arg`](Command::arg).
    pub fn key(mut self, value: impl ToArgs) -> Self {
        let are_keys = self.needs_keys_named();
        value.into_args(&mut ArgWriter {
            command: &mut self,
            are_keys,
        });
        self
    }

    /// Gives this command a timeout of its own, in place of the [`TimeoutLayer`](crate::TimeoutLayer)'s.
    ///
    /// Methods such as [`get`](crate::Cluster::get) take none; what they do with one is
    /// `cluster.query(cmd("GET").arg(key).timeout(time))`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.extras_mut().timeout = Some(timeout);
        self
    }

    /// Declares that applying this command twice does no harm, so that it may be retried also when it is not
    /// known whether it was applied. Commands that only read are idempotent without being told.
    pub fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Sends the command there, whatever its keys say.
    pub fn target(mut self, target: Target) -> Self {
        self.extras_mut().target = Some(target);
        self
    }

    /// The name in upper case, with the subcommand's for commands that have one: `GET`, `CLUSTER SLOTS`. A name
    /// the [command table](lookup) does not know is as it was given.
    pub fn name(&self) -> Cow<'static, str> {
        match self.info {
            Some(info) => Cow::Borrowed(info.name()),
            None => String::from_utf8_lossy(self.args().next().unwrap_or_default())
                .into_owned()
                .into(),
        }
    }

    /// What the servers say of this command; `None` for one the [command table](lookup) does not know.
    pub fn info(&self) -> Option<&'static CommandInfo> {
        self.info
    }

    /// The arguments, the name first.
    pub fn args(&self) -> Iter<'_> {
        self.args.iter()
    }

    /// How many arguments there are, the name included.
    pub fn arg_count(&self) -> usize {
        self.args.count()
    }

    /// The slot of the keys; `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidCommand`] if there is no name, if the keys are in different slots, or if the arguments are
    /// not such that the keys can be found.
    pub fn slot(&self) -> Result<Option<Slot>, Error> {
        let mut keys = self.keys;
        if self.info.is_none() && self.args().next().is_none_or(<[u8]>::is_empty) {
            return Err(Error::new(
                ErrorKind::InvalidCommand,
                "the command has no name; give it one, as in cmd(\"GET\")",
            ));
        }
        if let Some(info) = self.info
            && info.single_key().is_none()
            && !info.key_specs().is_empty()
        {
            let positions = info
                .find_keys(self.arg_count(), self.args())
                .map_err(|error| self.invalid(error.to_string()))?;
            let mut args = self.args().enumerate();
            for position in positions {
                let is_key = |(index, argument)| (index == position).then_some(argument);
                if let Some(key) = args.find_map(is_key) {
                    keys.add(key);
                }
            }
        }
        match keys {
            Keys::None => Ok(None),
            Keys::One(slot) => Ok(Some(slot)),
            Keys::Crossed(first, second) => Err(self.invalid(format!(
                "keys in different slots ({first} and {second}); give them a common hash tag, as in {{user1}}:name"
            ))),
        }
    }

    /// The slot of the keys; `None` if any primary will do.
    ///
    /// # Errors
    ///
    /// As [`slot`](Command::slot), and if the command concerns every node: the answer of one would be a part of what
    /// was asked, and look like the whole.
    pub(crate) fn slot_for_routing(&self) -> Result<Option<Slot>, Error> {
        let slot = self.slot()?;
        let Some(info) = self.info.filter(|_| slot.is_none()) else {
            return Ok(slot);
        };
        let is_for_all = match info.request_policy() {
            RequestPolicy::AllNodes | RequestPolicy::AllShards | RequestPolicy::Special => true,
            RequestPolicy::Default | RequestPolicy::MultiShard => false,
        };
        // What these two are asked for, any node can say.
        if is_for_all && !matches!(info.name(), "PING" | "INFO") {
            return Err(self.invalid(
                "the command concerns every node; name the one to send it to with `Command::target`",
            ));
        }
        Ok(None)
    }

    /// Where the command is to be sent, if not where its keys say.
    pub fn explicit_target(&self) -> Option<&Target> {
        self.extras.as_ref()?.target.as_ref()
    }

    /// The command's own timeout.
    pub fn own_timeout(&self) -> Option<Duration> {
        self.extras.as_ref()?.timeout
    }

    /// When the caller stops waiting. Set by the [`TimeoutLayer`](crate::TimeoutLayer); whatever waits below it
    /// gives up by then.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets when the caller stops waiting.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Since when the caller has waited, if it waited before the stack was called.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.extras.as_ref()?.waiting_since
    }

    /// Sets since when the caller has waited, unless it is set.
    pub(crate) fn set_waiting_since(&mut self, start: Instant) {
        self.extras_mut().waiting_since.get_or_insert(start);
    }

    /// True if the command only reads.
    pub fn is_read_only(&self) -> bool {
        self.info.is_some_and(CommandInfo::is_read_only)
    }

    /// True if applying the command twice does no harm: it only reads, or was declared
    /// [idempotent](Command::idempotent).
    pub fn is_idempotent(&self) -> bool {
        self.is_idempotent || self.is_read_only()
    }

    /// How long the command may wait on the server, by its own arguments.
    pub fn block_time(&self) -> BlockTime {
        match self.info {
            Some(info) => info.block_time(self.arg_count(), self.args()),
            None => BlockTime::NotBlocking,
        }
    }

    /// True if the command is sent right behind an `ASKING`, as one unit.
    pub fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// Sets whether the command is sent right behind an `ASKING`.
    pub(crate) fn set_asking(&mut self, is_asking: bool) {
        self.is_asking = is_asking;
    }

    /// What the application attached.
    pub fn extensions(&self) -> Option<&Extensions> {
        Some(&self.extras.as_ref()?.extensions)
    }

    /// What the application attached, to be changed. Allocates when nothing was attached yet.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extras_mut().extensions
    }

    /// How many bytes the command is on the wire, without its `*N` header.
    pub(crate) fn encoded_len(&self) -> usize {
        self.args.encoded_len()
    }

    /// The command as it goes on the wire after its `*N` header, piece by piece.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.args.segments()
    }

    /// An error about this command, which was not sent.
    pub(crate) fn invalid(&self, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InvalidCommand, message).with_command(self.name())
    }

    fn extras_mut(&mut self) -> &mut Extras {
        Arc::make_mut(self.extras.get_or_insert_default())
    }

    /// Takes note of what the argument about to be added tells.
    fn before_argument(&mut self, argument: &[u8], is_key: bool) {
        let index = self.args.count();
        if let Some(info) = self.info {
            if index == 1
                && let Some(subcommand) = info.subcommand(argument)
            {
                self.info = Some(subcommand);
            } else if info.single_key() == u8::try_from(index).ok() {
                self.keys.add(argument);
            }
        }
        if is_key && self.needs_keys_named() {
            self.keys.add(argument);
        }
    }

    /// True if the table does not know where the keys are: it has no such command, or no such subcommand.
    fn needs_keys_named(&self) -> bool {
        self.info.is_none_or(|info| !info.subcommands().is_empty())
    }
}

impl Keys {
    fn add(&mut self, key: &[u8]) {
        let slot = Slot::of(key);
        match *self {
            Self::None => *self = Self::One(slot),
            Self::One(first) if first != slot => *self = Self::Crossed(first, slot),
            Self::One(_) | Self::Crossed(..) => {}
        }
    }
}

/// Shows the name and the number of arguments; never their contents, which may be secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("name", &self.name())
            .field("args", &(self.arg_count() - 1))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(command: &Command) -> Option<Slot> {
        command.slot().expect("one slot")
    }

    #[test]
    fn a_command_for_every_node_is_not_sent_to_just_one() {
        for name in ["FLUSHALL", "DBSIZE", "KEYS", "SCAN", "WAIT"] {
            let error = cmd(name).slot_for_routing().expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        }
        let load = cmd("SCRIPT").arg("LOAD").arg("return 1");
        load.slot_for_routing().expect_err("SCRIPT LOAD");
        for name in ["PING", "INFO", "PUBLISH", "TIME", "MODULE.COMMAND"] {
            assert_eq!(cmd(name).slot_for_routing().expect(name), None);
        }
    }

    #[test]
    fn named_keys_decide_where_the_table_knows_none() {
        assert_eq!(slot(&cmd("NEW.COMMAND").key("k")), Some(Slot::of("k")));
        let new = cmd("XGROUP").arg("NEWSUBCOMMAND").key("k").arg("g");
        assert_eq!(slot(&new), Some(Slot::of("k")));
        let known = cmd("OBJECT").key("ENCODING").key("k");
        assert_eq!(slot(&known), Some(Slot::of("k")));
        assert_eq!(slot(&cmd("SET").key("k").key("other")), Some(Slot::of("k")));
    }

    #[test]
    fn names_of_any_form_are_commands_the_table_does_not_know() {
        for name in [" ", "G", "CLUSTER SLOTS", "GET ", "g\u{e9}t", "\u{1F980}"] {
            let command = cmd(name).arg("k");
            assert!(command.info().is_none(), "{name:?}");
            assert_eq!(command.name(), name);
            assert_eq!(slot(&command), None);
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let original = cmd("MGET").arg("{a}1").timeout(Duration::from_secs(1));
        let mut clone = original.clone().arg("b").timeout(Duration::from_secs(2));
        clone.extensions_mut().insert(1u8);
        assert_eq!(slot(&original), Some(Slot::of("a")));
        assert!(clone.slot().is_err());
        assert_eq!(original.own_timeout(), Some(Duration::from_secs(1)));
        assert!(
            original
                .extensions()
                .is_some_and(|all| all.get::<u8>().is_none())
        );
    }

    #[test]
    fn debug_shows_no_argument() {
        let command = cmd("AUTH").arg("secret");
        assert!(!format!("{command:?}").contains("secret"));
    }
}
