//! Sending a pipeline.

use std::sync::Arc;

use tokio::time::Instant;
use tower::{BoxError, Service};

use super::{Pipeline, report};
use crate::cluster::Cluster;
use crate::cluster::script::{self, Script};
use crate::command::{Batch, Command, Outcome};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{FromValue, Value};

/// # Pipelines and transactions
///
/// See [`pipeline`](super) for what the two are, and what order they keep.
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Sends independent commands in one batch per node, and converts their replies: to a tuple, an array, a `Vec`
    /// or whatever else an array of replies [can be](FromValue).
    ///
    /// An element that is a `Result<T, ServerError>` takes the error reply of its command. An empty pipeline is
    /// not sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::{Pipeline, ServerError};
    ///
    /// let pipeline = Pipeline::new().set("name", "Ann").incr("visits").incr("name");
    /// let ((), visits, failed): ((), i64, Result<i64, ServerError>) =
    ///     cluster.pipeline(pipeline.clone()).await?;
    /// assert_eq!(visits, 1);
    /// assert_eq!(failed.unwrap_err().code(), "ERR");
    ///
    /// let error = cluster.pipeline::<((), i64, i64)>(pipeline).await.unwrap_err();
    /// assert!(error.to_string().ends_with(
    ///     ", at index 2 of a pipeline of 3; of the others 2 succeeded)"
    /// ));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the first command that failed. It says which one that is, counted from 0, and how many of the
    /// others succeeded, were not sent, not applied, and perhaps applied; its [`delivery`](Error::delivery) is that of
    /// the whole, which may be sent again only if nothing was applied, and its source the command's own error. To
    /// know what became of each command, use [`pipeline_each`](Cluster::pipeline_each).
    ///
    /// [`ErrorKind::Conversion`] if a reply is not what was asked for. The commands are applied then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before a connection takes a command for writing, it is never sent. Dropped later, each may be applied or not.
    pub async fn pipeline<T: FromValue>(&self, pipeline: Pipeline) -> Result<T, Error> {
        let (batch, results) = self.results(pipeline).await?;
        report::convert(&batch, results)
    }

    /// Sends independent commands in one batch per node, and gives the result of each, in their order. An error
    /// reply is an `Err`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::Pipeline;
    ///
    /// let pipeline = Pipeline::new().set("name", "Ann").incr("name").get("name");
    /// let results = cluster.pipeline_each(pipeline).await?;
    /// assert!(results[0].is_ok());
    /// assert!(results[1].as_ref().is_err_and(|error| error.is_server()));
    /// assert_eq!(results[2].as_ref().ok().and_then(|name| name.as_str()), Some("Ann"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As a whole only if nothing of it was sent. Else each command has its own error, whose
    /// [`delivery`](Error::delivery) says how far that command got.
    ///
    /// # Cancel safety
    ///
    /// As [`pipeline`](Cluster::pipeline).
    pub async fn pipeline_each(
        &self,
        pipeline: Pipeline,
    ) -> Result<Vec<Result<Value, Error>>, Error> {
        Ok(self.results(pipeline).await?.1)
    }

    async fn results(
        &self,
        pipeline: Pipeline,
    ) -> Result<(Arc<Batch>, Vec<Result<Value, Error>>), Error> {
        let start = Instant::now();
        let Pipeline {
            commands,
            scripts,
            timeout,
            ..
        } = pipeline.checked()?;
        let request = |commands: Vec<Command>| {
            let request = Command::pipeline(commands);
            match timeout {
                Some(timeout) => request.timeout(timeout),
                None => request,
            }
        };
        let first = request(commands);
        let batch = batch_of(&first);
        let mut results = self
            .each(first)
            .await
            .map_err(|error| error.with_command("PIPELINE"))?;

        let is_missing = |(index, _): &&(usize, Script)| script::is_missing(&results[*index]);
        let missing: Vec<_> = scripts.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok((batch, results));
        }
        let by_name = |index: usize| &batch.commands()[index];
        let sources = missing.iter();
        let sources = sources.map(|(index, script)| script.by_source(by_name(*index)));
        let mut again = request(sources.collect());
        again.set_waiting_since(start);
        let replies = self.each(again).await;
        let replies = replies.unwrap_or_else(|error| vec![Err(error); missing.len()]);
        for ((index, _), result) in missing.into_iter().zip(replies) {
            let name = by_name(*index).name();
            results[*index] = result.map_err(|error| error.with_command(name));
        }
        Ok((batch, results))
    }

    /// Sends a pipeline command, and gives the result of each of its commands; fails if nothing of it was sent.
    async fn each(&self, request: Command) -> Result<Vec<Result<Value, Error>>, Error> {
        let batch = batch_of(&request);
        if batch.commands().is_empty() {
            return Ok(Vec::new());
        }
        let error = match self.request(request).await {
            Ok(reply) => return Ok(split(reply, &batch)),
            Err(error) => error,
        };
        let outcomes = batch.outcomes();
        let is_unsent = |outcome: &Outcome| matches!(outcome, Outcome::Unsent);
        let reached = error.delivery().at_most(batch.reached());
        if reached == Delivery::NotSent && outcomes.iter().all(is_unsent) {
            return Err(error);
        }
        let result = |outcome| match outcome {
            Outcome::Final(result) => result,
            Outcome::Again(earlier) => Err(not_again(earlier, &error)),
            Outcome::Unsent => Err(error.clone()),
        };
        let results = batch.in_hindsight(outcomes.into_iter().map(result));
        Ok(named(results, &batch))
    }
}

pub(super) fn batch_of(request: &Command) -> Arc<Batch> {
    let batch = request.batch().expect("a pipeline is made with its batch");
    Arc::clone(batch)
}

/// The replies to a batch as the results of its commands.
pub(super) fn split(reply: Value, batch: &Batch) -> Vec<Result<Value, Error>> {
    let count = batch.commands().len();
    let error = match reply.into_array() {
        Ok(replies) if replies.len() == count => return named(replies.into_iter().map(Ok), batch),
        Ok(replies) => nonsense(format!("{} replies to {count} commands", replies.len())),
        Err(Value::Error(error)) => Error::server(error),
        Err(other) => nonsense(format!("one {} for {count} commands", other.type_name())),
    };
    named(std::iter::repeat_n(Err(error), count), batch)
}

/// Gives each error its command's name, and makes errors of error replies.
fn named(
    results: impl Iterator<Item = Result<Value, Error>>,
    batch: &Batch,
) -> Vec<Result<Value, Error>> {
    let result = |(result, command): (_, &Command)| {
        let result = match result {
            Ok(Value::Error(error)) => Err(Error::server(error)),
            other => other,
        };
        result.map_err(|error| error.with_command(command.name()))
    };
    results.zip(batch.commands()).map(result).collect()
}

fn nonsense(message: String) -> Error {
    Error::not_sent(ErrorKind::Protocol, message).with_delivery(Delivery::Unknown)
}

/// The error of a command that failed, and whose next attempt never began.
fn not_again(earlier: Error, whole: &Error) -> Error {
    if whole.is_timeout() {
        // The time was up before it could be sent again.
        let delivery = earlier.delivery();
        return whole.clone().with_delivery(delivery).with_source(earlier);
    }
    earlier
}
