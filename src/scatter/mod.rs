//! Commands for several nodes: [`ScatterGatherLayer`].
//!
//! A cluster's servers answer for their own keys only. This layer makes them answer as one: it looks at each request,
//! passes on what concerns one node, and sends the rest to every node concerned, as one pipeline: one batch for each
//! node, all at the same time. What comes back it puts together as if one server had answered.
//!
//! | the command | is sent | the reply |
//! |---|---|---|
//! | has all its keys in one slot | as it is | as it is |
//! | `MGET` | in parts, by slot | the values, in the order of the keys |
//! | `MSET`, `MSETEX` | in parts, by slot | that of one of them |
//! | `DEL`, `UNLINK`, `EXISTS`, `TOUCH` | in parts, by slot | the sum |
//! | `DBSIZE` | to every primary | the sum |
//! | `KEYS` | to every primary | all of them, in no order |
//! | `RANDOMKEY` | to every primary | one of them; each primary that has keys is as likely as another |
//! | `FLUSHALL`, `FLUSHDB`, `FUNCTION LOAD`, `MEMORY PURGE`, ... | to every primary | that of one of them |
//! | `SCRIPT LOAD`, `SCRIPT FLUSH`, `CONFIG SET`, ... | to every node | that of one of them |
//! | `SCRIPT EXISTS` | to every primary | 1 for each script that all of them have |
//! | `SCRIPT KILL`, `FUNCTION KILL` | to every primary | the first success |
//! | `WAIT`, `WAITAOF` | to every primary | the smallest |
//! | `SLOWLOG LEN`, `LATENCY RESET`, ... | to every node | the sum |
//! | `PUBSUB CHANNELS`, `PUBSUB SHARDCHANNELS` | to every node | each channel once |
//! | `PUBSUB NUMSUB`, `PUBSUB SHARDNUMSUB` | to every node | the sum for each channel |
//! | `PUBSUB NUMPAT` | to every node | the sum: a pattern counts once for each node that has it |
//! | has [`Target::AllPrimaries`](crate::Target::AllPrimaries) or [`AllNodes`](crate::Target::AllNodes) | to those | as above; without a rule, all elements of all lists, or a list of the replies |
//! | `INFO`, `MEMORY STATS`, `LATENCY LATEST`, `CONFIG GET`, `BGSAVE`, ... | not: it is about one node, which has to be [named](crate::Command::target) | |
//! | `SCAN` | not: its cursor belongs to one node | |
//!
//! The [command table](crate::command) says all this of each command; it is not listed here a second time. In a
//! pipeline of the application, each command is treated like this, and all of them still travel as one.
//!
//! What cannot be split (`MSETNX`, `RENAME`, `SUNIONSTORE`, ...) is refused before anything is sent, with an error that
//! names keys and their slots.
//!
//! **Not atomic.** A command that is sent in parts is applied in parts: others may see some of them and not yet the
//! rest. Give keys a common hash tag to have a command applied at once, or `MSETEX .. NX`, which is never split.
//!
//! **Partial failure** is an error, also for commands that only read; never a reply that is a part and looks like the
//! whole. The error is the first cause, and [`Error::partial`](crate::Error::partial) tells what became of each key or
//! node. Its [`delivery`](crate::Error::delivery) is that of the whole: [`NotSent`](crate::Delivery::NotSent) only if
//! no part was. Error replies of nodes are turned into such an error too. While slots have no known primary, what
//! concerns every node is refused.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
//! # let cluster = fake.connect().await?;
//! // Three keys of three nodes.
//! cluster.mset([("a", 1), ("b", 2), ("c", 3)]).await?;
//! let values: Vec<u32> = cluster.mget(["c", "b", "a"]).await?;
//! assert_eq!(values, [3, 2, 1]);
//!
//! fake.node(fake.owner(tower_redis_cluster::Slot::of("a")).unwrap()).shutdown();
//! let error = cluster.del(["a", "b", "c"]).await.unwrap_err();
//! let partial = error.partial().expect("it failed in part");
//! assert_eq!(partial.done().count(), 2);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! **Which nodes there are** is asked of the cluster if it was not within the last second or so: nobody would tell of a
//! node that joined since. What concerns all nodes may therefore take one round trip more, and is refused while no node
//! can tell.
//!
//! **`WAIT`** is about the writes of the connection it comes over, and connections are shared: it waits for all that
//! was written over them before, by whomever. While it waits, it holds up what comes behind it on those connections, as
//! long as its own timeout allows.
//!
//! **Where it belongs.** Above the timeout, so that one deadline holds for all parts, and above the retries, so that
//! they repeat only the parts that failed. Commands that pass through cost one look at the command table: no clone, no
//! allocation.

pub mod future;
mod gather;
mod layer;
mod members;
mod plan;
mod report;
mod scattered;
mod split;
#[cfg(test)]
mod tests;

use std::task::{Context, Poll};

use tower::{BoxError, Service};

use self::future::ResponseFuture;
pub use self::layer::ScatterGatherLayer;
pub(crate) use self::members::Members;
use self::plan::Spread;
pub(crate) use self::plan::check_replicas_take;
pub use self::report::{PartialFailure, Portion};
use self::scattered::Scattered;
use crate::command::Command;
use crate::value::Value;

/// Sends commands to all the nodes they concern; see the [module docs](self).
#[derive(Clone, Debug)]
pub struct ScatterGather<S> {
    inner: S,
    checks_arguments: bool,
}

impl<S> ScatterGather<S> {
    /// Puts it around `inner`, below which there is a [`Route`](crate::route::Route).
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            checks_arguments: true,
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Service<Command> for ScatterGather<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Value;
    type Error = BoxError;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut command: Command) -> Self::Future {
        if command.is_plain() {
            return ResponseFuture::passed(self.inner.call(command));
        }
        command.claim_batch();
        self.call_by_rules(command)
    }
}

impl<S> ScatterGather<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Calls for any command, in parts if it is for several nodes.
    #[inline(never)]
    fn call_by_rules(&mut self, command: Command) -> ResponseFuture<S> {
        let spreads = match Spread::of_request(&command) {
            Ok(Some(spreads)) => spreads,
            Ok(None) => return ResponseFuture::passed(self.inner.call(command)),
            Err(error) => return ResponseFuture::refused(error),
        };
        if self.checks_arguments
            && let Err(error) = command.check()
        {
            return ResponseFuture::refused(error);
        }
        // The service that was found ready goes with the request; what stays is a clone that was not.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        match Scattered::new(ready, command, spreads) {
            Ok(scattered) => ResponseFuture::scattered(scattered),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}
