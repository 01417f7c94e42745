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
mod batch;
mod batched;
mod blocking;
mod check;
mod contents;
mod crossed;
mod extensions;
mod keys;
mod name;
mod parts;
mod plain;
mod reach;
mod routing;
mod settle;
mod slot;
mod table;
mod target;
mod to_args;
mod topology_query;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use self::args::Iter;
pub(crate) use self::args::Segment;
pub use self::batch::Batch;
pub(crate) use self::batch::{Outcome, Round};
pub use self::blocking::BlockTime;
use self::contents::{Contents, Extras, Keys};
pub use self::extensions::Extensions;
pub use self::keys::{KeyPositions, KeysError};
pub(crate) use self::name::Name;
pub(crate) use self::plain::ShortHeader;
pub(crate) use self::reach::{Gather, Nodes, Reach};
pub(crate) use self::settle::denies_too_much;
pub use self::slot::Slot;
pub(crate) use self::table::generated;
pub use self::table::{
    Access, BeginSearch, CommandInfo, FindKeys, Flags, KeySpec, RequestPolicy, ResponsePolicy, all,
    lookup,
};
pub use self::target::Target;
pub use self::to_args::{ArgWriter, ToArgs};
pub(crate) use self::topology_query::TopologyCell;
use crate::error::{Error, ErrorKind};
use crate::exclusive::LeaseRequest;

/// One request of an application: the request type at the request, attempt and node seams.
///
/// The arguments are encoded once, as they are added. A clone is one reference count, and a clone that is changed copies what it
/// shared, though not large arguments. See the [module docs](self) for an example.
#[must_use = "a command does nothing until it is sent"]
#[derive(Clone)]
pub struct Command {
    contents: triomphe::Arc<Contents>,
    is_asking: bool,
    deadline: Option<Instant>,
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

    #[inline]
    fn of(contents: Contents) -> Self {
        Self {
            contents: triomphe::Arc::new(contents),
            is_asking: false,
            deadline: None,
        }
    }

    fn with_info(name: &str, info: Option<&'static CommandInfo>) -> Self {
        // Named once it is allocated: the contents need not be copied there.
        let mut this = Self::of(Contents::new(info));
        this.contents_mut().args.push(name.as_bytes());
        this
    }

    /// This command, as the first on a connection that is leased for it and stays leased.
    pub(crate) fn with_lease_request(mut self, request: Arc<LeaseRequest>) -> Self {
        self.extras_mut().lease = Some(request);
        self
    }

    /// Where to put the connection that is leased for this command, if one is to be.
    #[inline]
    pub(crate) fn lease_request(&self) -> Option<&Arc<LeaseRequest>> {
        self.extras()?.lease.as_ref()
    }

    /// Adds an argument, or several; see [`ToArgs`].
    pub fn arg(mut self, value: impl ToArgs) -> Self {
        value.into_args(&mut ArgWriter {
            contents: self.contents_mut(),
            are_keys: false,
        });
        self
    }

    /// Adds an argument that is a key, or several. Needed for commands and subcommands that the
    /// [command table](lookup) does not know; for all others it is the same as [`arg`](Command::arg).
    pub fn key(mut self, value: impl ToArgs) -> Self {
        let are_keys = self.contents.needs_keys_named();
        value.into_args(&mut ArgWriter {
            contents: self.contents_mut(),
            are_keys,
        });
        self
    }

    /// Gives this command a timeout of its own, in place of the [`TimeoutLayer`](crate::TimeoutLayer)'s. One that blocks on the
    /// server ends before that with the reply for "nothing came", see [`exclusive`](crate::exclusive).
    ///
    /// Methods such as [`get`](crate::Cluster::get) take none; what they do with one is
    /// `cluster.query(cmd("GET").arg(key).timeout(time))`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.extras_mut().timeout = Some(timeout);
        self
    }

    /// Declares that applying this command twice does no harm, so that it may be retried also when it is not
    /// known whether it was applied. Commands that only [read or ask](CommandInfo::is_idempotent) are idempotent without
    /// being told.
    pub fn idempotent(mut self) -> Self {
        self.contents_mut().is_idempotent = true;
        self
    }

    /// The name in upper case, with the subcommand's for commands that have one: `GET`, `CLUSTER SLOTS`. A name
    /// the [command table](lookup) does not know is as it was given.
    pub fn name(&self) -> Cow<'static, str> {
        match self.contents.info {
            Some(info) => Cow::Borrowed(info.name()),
            None => String::from_utf8_lossy(self.args().next().unwrap_or_default())
                .into_owned()
                .into(),
        }
    }

    /// What the servers say of this command; `None` for one the [command table](lookup) does not know.
    #[inline]
    pub fn info(&self) -> Option<&'static CommandInfo> {
        self.contents.info
    }

    /// The arguments, the name first.
    pub fn args(&self) -> Iter<'_> {
        self.contents.args.iter()
    }

    /// How many arguments there are, the name included.
    #[inline]
    pub fn arg_count(&self) -> usize {
        self.contents.args.count()
    }

    /// The command's own timeout.
    #[inline]
    pub fn own_timeout(&self) -> Option<Duration> {
        self.extras()?.timeout
    }

    /// When the caller stops waiting. Set by the [`TimeoutLayer`](crate::TimeoutLayer); whatever waits below it
    /// gives up by then.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets when the caller stops waiting. A [`Connection`](crate::Connection) wakes it then.
    #[inline]
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Since when the caller has waited, if it waited before the stack was called.
    #[inline]
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.extras()?.waiting_since
    }

    /// Sets since when the caller has waited, unless it is set.
    pub(crate) fn set_waiting_since(&mut self, start: Instant) {
        self.extras_mut().waiting_since.get_or_insert(start);
    }

    /// True if the command only reads.
    pub fn is_read_only(&self) -> bool {
        match self.batch() {
            Some(batch) => batch.commands().iter().all(Self::is_read_only),
            None => self.contents.info.is_some_and(CommandInfo::is_read_only),
        }
    }

    /// True if applying the command twice does no harm: it [only reads or asks](CommandInfo::is_idempotent), or was
    /// declared [idempotent](Command::idempotent).
    pub fn is_idempotent(&self) -> bool {
        match self.batch() {
            _ if self.contents.is_idempotent => true,
            Some(batch) => batch.commands().iter().all(Self::is_idempotent),
            None => self.contents.info.is_some_and(CommandInfo::is_idempotent),
        }
    }

    /// How long the command may wait on the server, by its own arguments; of a pipeline, the longest of its commands.
    #[inline]
    pub fn block_time(&self) -> BlockTime {
        if self.is_plain() {
            BlockTime::NotBlocking
        } else {
            self.block_time_by_rules()
        }
    }

    #[inline(never)]
    pub(super) fn block_time_by_rules(&self) -> BlockTime {
        match (self.batch(), self.contents.info) {
            // Inside a transaction nothing waits.
            (Some(batch), _) if batch.is_transaction() => BlockTime::NotBlocking,
            (Some(batch), _) => {
                let times = batch.commands().iter().map(Self::block_time);
                times.max().unwrap_or(BlockTime::NotBlocking)
            }
            (None, Some(info)) if info.is_blocking() => {
                info.block_time(self.arg_count(), self.args())
            }
            (None, _) => BlockTime::NotBlocking,
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

    /// True if the command goes over a connection that nobody else uses meanwhile.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.extras().is_some_and(|extras| extras.is_exclusive)
    }

    /// Says that the command goes over a connection that nobody else uses meanwhile: it may change its state, as
    /// `WATCH` does. Of a batch, that holds for each of its commands.
    pub(crate) fn set_exclusive(&mut self) {
        self.extras_mut().is_exclusive = true;
    }

    /// What the application attached.
    pub fn extensions(&self) -> Option<&Extensions> {
        Some(&self.extras()?.extensions)
    }

    /// What the application attached, to be changed. Allocates when nothing was attached yet, and when the command has clones:
    /// what they share is copied first, though not large arguments.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extras_mut().extensions
    }

    /// How many bytes the command is on the wire, without its `*N` header; of a batch, the sum of its commands.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        match (self.batch(), self.contents.args.whole()) {
            (None, Some(whole)) => whole.len(),
            _ => self.encoded_len_in_parts(),
        }
    }

    #[inline(never)]
    fn encoded_len_in_parts(&self) -> usize {
        match self.batch() {
            Some(batch) => batch.commands().iter().map(Self::encoded_len).sum(),
            None => self.contents.args.encoded_len(),
        }
    }

    /// The command as it goes on the wire after its `*N` header, piece by piece.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.contents.args.segments()
    }

    /// An error about this command, which was not sent.
    pub(crate) fn invalid(&self, message: impl Into<Cow<'static, str>>) -> Error {
        Error::not_sent(ErrorKind::InvalidCommand, message).with_command(self.name())
    }

    fn contents_mut(&mut self) -> &mut Contents {
        triomphe::Arc::make_mut(&mut self.contents)
    }

    fn extras(&self) -> Option<&Extras> {
        self.contents.extras.as_deref()
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.contents_mut().extras_mut()
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
