//! Optimistic transactions: `WATCH` with a closure that is run again on conflict.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tower::{BoxError, Service};

use super::{Cluster, KeptStack, Pipeline};
use crate::command::{Command, CommandInfo, ToArgs, generated as table, lookup};
use crate::error::{Delivery, Error, ErrorKind};
use crate::exclusive::Lease;
use crate::value::{FromValue, ServerError, Value};

/// How long and how often [`Cluster::watch_with`] tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    timeout: Duration,
    tries: u32,
}

impl WatchOptions {
    /// Within 10 seconds, and at most 1000 times.
    ///
    /// The time is that of all tries together, and longer than that of a simple request: enough to outlast the election of
    /// a new primary, or dozens of others who change the same keys.
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            tries: 1000,
        }
    }

    /// How long it may take altogether.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often the closure may be run; at least once.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Changes keys depending on what they hold: applies what `attempt` returns if nobody has changed a key since, and
    /// otherwise runs it again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::Pipeline;
    ///
    /// # cluster.set("stock", 3).await?;
    /// let sold: Option<((),)> = cluster
    ///     .watch("stock", async |view| {
    ///         let stock: u32 = view.get("stock").await?;
    ///         // Nothing is changed if there is nothing to sell.
    ///         Ok((stock > 0).then(|| Pipeline::new().set("stock", stock - 1)))
    ///     })
    ///     .await?;
    /// assert!(sold.is_some());
    /// # assert_eq!(cluster.get::<u32>("stock").await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The keys, all of one slot, are watched (`WATCH`) on a connection leased for it. The closure is given that
    /// connection, to read with, and returns the commands to be applied all together; the result is what they answer, as
    /// of a transaction. Commands that it sends to `view` itself are applied at once, whatever becomes of the
    /// rest. Returns `None` if the closure does.
    ///
    /// It is run again, after a short random pause, if a watched key was changed, and if the connection was lost or the
    /// slot moved before the transaction was sent: then on the node that serves it now.
    ///
    /// While the slot is being moved, one whose keys have all gone is watched where they went, and every command of that
    /// try goes behind an `ASKING`. As long as its keys are on both sides, tries fail, until the last key has gone or
    /// the time is up.
    ///
    /// # Errors
    ///
    /// Those of the closure that no other node can mend, and:
    ///
    /// - [`Aborted`](ErrorKind::Aborted) if others changed the keys every time. Nothing was applied.
    /// - [`Timeout`](ErrorKind::Timeout) if it took too long, or the error of the last try.
    /// - Any with [`Delivery::Unknown`] if the transaction was sent and not answered. It is not tried again then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the transaction is sent, nothing is applied. Dropped later, it may be applied or not.
    pub async fn watch<T, F, Fut>(&self, keys: impl ToArgs, attempt: F) -> Result<Option<T>, Error>
    where
        T: FromValue,
        F: FnMut(Cluster<Lease>) -> Fut,
        Fut: Future<Output = Result<Option<Pipeline>, Error>>,
    {
        self.watch_with(keys, WatchOptions::new(), attempt).await
    }

    /// As [`watch`](Cluster::watch), for as long and as often as the options say.
    ///
    /// # Errors
    ///
    /// As [`watch`](Cluster::watch).
    ///
    /// # Cancel safety
    ///
    /// As [`watch`](Cluster::watch).
    pub async fn watch_with<T, F, Fut>(
        &self,
        keys: impl ToArgs,
        options: WatchOptions,
        mut attempt: F,
    ) -> Result<Option<T>, Error>
    where
        T: FromValue,
        F: FnMut(Cluster<Lease>) -> Fut,
        Fut: Future<Output = Result<Option<Pipeline>, Error>>,
    {
        let command = Command::known(&table::WATCH).arg(keys).idempotent();
        let start = Instant::now();
        let deadline = start.checked_add(options.timeout);
        let deadline = deadline.unwrap_or_else(|| start + FOREVER);
        let mut tries = 0;
        loop {
            let setback = match self.try_watched(&command, deadline, &mut attempt).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) if is_mended_by_time(&error) => error,
                Err(error) => return Err(error),
            };
            tries += 1;
            let pause = pause(tries);
            if tries >= options.tries || Instant::now() + pause >= deadline {
                return Err(setback.with_command("WATCH").with_attempts(tries));
            }
            sleep(pause).await;
        }
    }

    async fn try_watched<T, F, Fut>(
        &self,
        watch: &Command,
        deadline: Instant,
        attempt: &mut F,
    ) -> Result<Option<T>, Error>
    where
        T: FromValue,
        F: FnMut(Cluster<Lease>) -> Fut,
        Fut: Future<Output = Result<Option<Pipeline>, Error>>,
    {
        let mut watch = watch.clone();
        watch.set_deadline(deadline);
        let lease = self.lease_with(watch).await;
        // To watch applies nothing, whether or not it was answered.
        let lease = lease.map_err(|error| match error.delivery() {
            Delivery::Unknown => error.with_delivery(Delivery::NotApplied),
            Delivery::NotSent | Delivery::NotApplied => error,
        })?;
        let view = Cluster {
            service: lease,
            kept: KeptStack::new(false),
            ready_timeout: self.ready_timeout,
            lease_timeout: self.lease_timeout.clone(),
            counters: self.counters.clone(),
            lifecycle: self.lifecycle.clone(),
        };
        let Ok(pipeline) = timeout_at(deadline, attempt(view.clone())).await else {
            return Err(Error::not_sent(
                ErrorKind::Timeout,
                "the time was up before the closure had decided what to apply",
            ));
        };
        let Some(pipeline) = pipeline.map_err(of_the_closure)? else {
            // It saves the connection. That it fails changes nothing.
            let _ = view.send(Command::known(&table::UNWATCH)).await;
            return Ok(None);
        };
        let mut transaction = pipeline.into_transaction()?;
        transaction.set_deadline(deadline);
        view.execute(transaction).await.map(Some)
    }
}

/// In place of a time too long to be added.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// An error of the closure: if it is that of a read, nothing was applied.
fn of_the_closure(error: Error) -> Error {
    let info = error.command().and_then(|name| lookup(name.as_bytes()));
    if info.is_some_and(CommandInfo::is_read_only) {
        return error.with_delivery(Delivery::NotApplied);
    }
    error
}

/// True if nothing was applied, and the next try may fare better: perhaps on another node.
fn is_mended_by_time(error: &Error) -> bool {
    if error.delivery() == Delivery::Unknown {
        return false;
    }
    match error.kind() {
        ErrorKind::Connect
        | ErrorKind::Connection
        | ErrorKind::Timeout
        | ErrorKind::Topology
        | ErrorKind::TooManyRedirects
        | ErrorKind::Unavailable
        | ErrorKind::Aborted => true,
        ErrorKind::Server => error.server_error().is_some_and(ServerError::is_unready),
        _ => false,
    }
}

/// Full jitter, from 2 to 64 ms: of many who change the same keys, few should come back at the same time.
fn pause(tries: u32) -> Duration {
    let ceiling = Duration::from_millis(1 << tries.min(6));
    ceiling.mul_f64(fastrand::f64())
}
