//! Scripts that the servers know by name: [`Script`].
//!
//! A script is sent by its SHA-1 digest, with `EVALSHA`. A node that does not have it refuses (`NOSCRIPT`), and is sent
//! the source, with `EVAL`, by which it has it from then on. So each node is sent the source when it needs it: the first
//! time, after a restart or a failover, and when a slot has moved to it.
//!
//! ```no_run
//! # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
//! use std::sync::LazyLock;
//! use tower_redis_cluster::{Pipeline, Script};
//!
//! static TAKE: LazyLock<Script> = LazyLock::new(|| {
//!     Script::new(
//!         "local left = redis.call('DECRBY', KEYS[1], ARGV[1])
//!          if left >= 0 then return left end
//!          redis.call('INCRBY', KEYS[1], ARGV[1])
//!          return nil",
//!     )
//! });
//!
//! let left: Option<u64> = cluster.script(TAKE.key("stock").arg(3)).await?;
//!
//! let pipeline = Pipeline::new().script(TAKE.key("apples").arg(1)).get("pears");
//! let (apples, pears): (Option<u64>, Option<u64>) = cluster.pipeline(pipeline).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The keys decide where a script runs, and must be in one slot. A script without keys runs on any primary, unless
//! [`ScriptCall::target`] says otherwise.
//!
//! # Limits
//!
//! This is done in [`Cluster`], at the edge, so that it works over any stack; layers see two requests where a node
//! does not have the script. Both share the deadline of one.
//!
//! In a [`Pipeline`](crate::Pipeline) each call that was refused is sent again with the source, behind all others. For
//! many calls of a large script, give it to all primaries first, with [`Cluster::script_load`]. In a transaction it is
//! always the source that is sent.
//!
//! [`Cluster`]: crate::Cluster
//! [`Cluster::script_load`]: crate::Cluster::script_load

mod call;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use tower::{BoxError, Service};

pub use self::call::ScriptCall;
use super::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::{Delivery, Error};
use crate::value::{FromValue, Value};

/// A script, and its name. Cheap to clone; see the [module docs](self).
#[derive(Clone)]
pub struct Script {
    inner: Arc<Inner>,
    is_read_only: bool,
}

struct Inner {
    source: Bytes,
    sha1: String,
}

impl Script {
    /// A script with this source, in Lua or whatever else the servers run.
    pub fn new(source: impl AsRef<[u8]>) -> Self {
        let source = Bytes::copy_from_slice(source.as_ref());
        let sha1 = sha1_smol::Sha1::from(&source).digest().to_string();
        Self {
            inner: Arc::new(Inner { source, sha1 }),
            is_read_only: false,
        }
    }

    /// Declares that the script only reads: servers refuse its writes, and it is retried as a read is. Sent with
    /// `EVALSHA_RO` and `EVAL_RO`, since 7.0.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// The source.
    pub fn source(&self) -> &[u8] {
        &self.inner.source
    }

    /// The SHA-1 digest of the source in hexadecimal: its name on the servers.
    pub fn sha1(&self) -> &str {
        &self.inner.sha1
    }

    /// A call with this key, or with several, to which more and arguments can be added.
    pub fn key(&self, key: impl ToArgs) -> ScriptCall {
        ScriptCall::from(self).key(key)
    }

    /// A call with this argument, or with several, to which more and keys can be added.
    pub fn arg(&self, argument: impl ToArgs) -> ScriptCall {
        ScriptCall::from(self).arg(argument)
    }

    /// The call that this command, made by [`ScriptCall::into_parts`], is, with the source in place of the name.
    pub(super) fn by_source(&self, by_name: &Command) -> Command {
        let info = if self.is_read_only {
            &table::EVAL_RO
        } else {
            &table::EVAL
        };
        let command = Command::known(info).arg(&self.inner.source);
        let command = by_name.args().skip(2).fold(command, Command::arg);
        call::with_settings_of(by_name, command)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", self.sha1())
    }
}

/// True if the node did not have the script.
pub(super) fn is_missing(result: &Result<Value, Error>) -> bool {
    let reply = result.as_ref().err().and_then(Error::server_error);
    // Not an error that the script itself has come upon, or made up from one.
    reply
        .is_some_and(|reply| reply.code() == "NOSCRIPT" && reply.delivery() == Delivery::NotApplied)
}

/// # Scripts
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Runs a [`Script`], and converts what it returns.
    ///
    /// `EVALSHA`, and `EVAL` if the node does not have the script; since 2.6.
    ///
    /// # Errors
    ///
    /// As [`query`](Cluster::query). An error out of a script leaves applied what the script had done until then.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Cluster::send).
    pub async fn script<T: FromValue>(&self, call: impl Into<ScriptCall>) -> Result<T, Error> {
        let start = Instant::now();
        let (script, command) = call.into().into_parts();
        let mut result = self.send(command.clone()).await;
        if is_missing(&result) {
            let mut again = script.by_source(&command);
            again.set_waiting_since(start);
            result = self.send(again).await;
        }
        let name = command.name();
        T::from_value(result?).map_err(|error| Error::from(error).with_command(name))
    }
}
