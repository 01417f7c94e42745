//! Many commands in one request: [`Pipeline`].
//!
//! A pipeline is built first and sent then, in one of three ways:
//!
//! | | the commands are | gives |
//! |---|---|---|
//! | [`Cluster::pipeline`] | independent, on any nodes | one typed result, or the error of the command that failed first |
//! | [`Cluster::pipeline_each`] | independent, on any nodes | a `Result` for each command |
//! | [`Cluster::transaction`] | of one slot, applied all together or not at all | one typed result |
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
//! # let cluster = fake.connect().await?;
//! use tower_redis_cluster::Pipeline;
//!
//! let pipeline = Pipeline::new()
//!     .set("user:1", "Ann")
//!     .incr("visits")
//!     .get("user:1");
//! let ((), visits, name): ((), u64, String) = cluster.pipeline(pipeline).await?;
//! assert_eq!((visits, &*name), (1, "Ann"));
//!
//! // As many as there are, and each for itself:
//! let users: Pipeline = (0..100).fold(Pipeline::new(), |all, n| all.get(format!("user:{n}")));
//! for result in cluster.pipeline_each(users).await? {
//!     let name: Option<&str> = result.as_ref().ok().and_then(|value| value.as_str());
//! #   let _ = name;
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # How a pipeline travels
//!
//! Through the stack as one [`Command`] with a [batch](Command::batch): one request for limits, spans and the
//! deadline. The [route layer](crate::RouteLayer) makes one batch per node of it, and sends all of them at the same
//! time. A redirect or a retry concerns only the commands it is about; the others are not sent again.
//!
//! # Order
//!
//! Replies come in the order of the commands. A node gets its commands in that order too, and executes them so, with
//! commands of other clients in between. **Two cases differ**: a command that is redirected or retried, and a script
//! that the node did not have, are sent again when the answers of the others are there, and so are executed after
//! commands that stand behind them in the pipeline, also of the same slot or key. Redirects are of whole slots, except
//! while a slot is moving: then some of its keys are here and some there. Where one command must not come before
//! another, make it a transaction, or wait for the first.
//!
//! Between nodes there is no order.
//!
//! # Limits
//!
//! A pipeline is in memory as a whole, and so are its replies. It has no bound of its own: the in-flight limit, the
//! timeout and the span take it for one request. On a node's connection it counts with all its commands, and
//! waits until the [bounds](crate::connection::Config) there are not reached; it may exceed them then. While its part is
//! written and executed, requests of others to that node wait. So ten thousand small commands make a good pipeline; of
//! more, make several.
//!
//! Commands that block are refused: they would hold up the others. Nor can a batch be a command of a pipeline. A command
//! that would change the state of its connection is refused by itself, and the others are sent.
//!
//! [`Cluster::pipeline`]: crate::Cluster::pipeline
//! [`Cluster::pipeline_each`]: crate::Cluster::pipeline_each
//! [`Cluster::transaction`]: crate::Cluster::transaction

mod report;
mod send;
mod transaction;

use std::time::Duration;

use super::script::{Script, ScriptCall};
use crate::command::{BlockTime, Command};
use crate::error::Error;

/// Commands to be sent together; see the [module docs](self).
///
/// Its methods are those of [`Cluster`](crate::Cluster) that are named after a command, with the same arguments, and
/// [`add`](Pipeline::add) for any other command. None of them fails: the first command that must not be sent makes
/// sending the pipeline fail, before anything is sent.
#[must_use = "a pipeline does nothing until it is sent"]
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    commands: Vec<Command>,
    /// The scripts among the commands, each with its index.
    scripts: Vec<(usize, Script)>,
    timeout: Option<Duration>,
    is_idempotent: bool,
    /// Why commands that are not among `commands` cannot be sent.
    invalid: Vec<Error>,
}

impl Pipeline {
    /// No commands yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No commands yet, and room for this many.
    pub fn with_capacity(commands: usize) -> Self {
        Self {
            commands: Vec::with_capacity(commands),
            ..Self::default()
        }
    }

    /// Adds a command. Its own [timeout](Command::timeout) counts for nothing: the pipeline has one.
    #[allow(clippy::should_implement_trait, reason = "nothing is summed up")]
    pub fn add(mut self, command: Command) -> Self {
        self.commands.push(command);
        self
    }

    /// Adds a call of a script. A node that does not have the script gets it, as with
    /// [`Cluster::script`](crate::Cluster::script), but after the other commands; see [order](self#order).
    pub fn script(mut self, call: impl Into<ScriptCall>) -> Self {
        let (script, command) = call.into().into_parts();
        self.scripts.push((self.commands.len(), script));
        self.commands.push(command);
        self
    }

    /// Adds the commands of another pipeline behind those of this one, whose settings stay.
    pub fn then(mut self, other: Self) -> Self {
        let offset = self.commands.len();
        let scripts = other.scripts.into_iter();
        self.scripts
            .extend(scripts.map(|(index, script)| (offset + index, script)));
        self.commands.extend(other.commands);
        self.invalid.extend(other.invalid);
        self
    }

    /// How long the whole may take, in place of the [`TimeoutLayer`](crate::TimeoutLayer)'s timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Declares that applying any of the commands twice does no harm, as [`Command::idempotent`] does of one.
    pub fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.commands.len() + self.invalid.len()
    }

    /// True if there are no commands.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a command, unless it is one that must not be sent.
    pub(super) fn add_checked(mut self, command: Result<Command, Error>) -> Self {
        match command {
            Ok(command) => self.commands.push(command),
            Err(error) => {
                let note = unsent(self.len());
                self.invalid.push(error.with_note(note));
            }
        }
        self
    }

    /// The commands as they are to be sent, unless one of them must not be.
    fn checked(mut self) -> Result<Self, Error> {
        if !self.invalid.is_empty() {
            return Err(self.invalid.swap_remove(0));
        }
        for (index, command) in self.commands.iter().enumerate() {
            if let Some(why) = refusal(command) {
                return Err(command.invalid(why).with_note(unsent(index)));
            }
        }
        if self.is_idempotent {
            let commands = self.commands.into_iter();
            self.commands = commands.map(Command::idempotent).collect();
        }
        Ok(self)
    }
}

/// Why a command cannot be one of several.
fn refusal(command: &Command) -> Option<&'static str> {
    if command.batch().is_some() {
        Some("a pipeline or a transaction cannot be a command of another one")
    } else if command.block_time() != BlockTime::NotBlocking {
        Some("the command would hold up those behind it; send it by itself")
    } else {
        None
    }
}

fn unsent(index: usize) -> String {
    format!("at index {index} of a pipeline, nothing was sent")
}

impl Extend<Command> for Pipeline {
    fn extend<I: IntoIterator<Item = Command>>(&mut self, commands: I) {
        self.commands.extend(commands);
    }
}

impl FromIterator<Command> for Pipeline {
    fn from_iter<I: IntoIterator<Item = Command>>(commands: I) -> Self {
        Self {
            commands: commands.into_iter().collect(),
            ..Self::default()
        }
    }
}
