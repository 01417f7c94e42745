//! Sending a transaction.

use tower::{BoxError, Service};

use super::{Pipeline, report, send};
use crate::cluster::Cluster;
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{FromValue, Value};

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Applies commands of one slot all together, with no command of another client in between: `MULTI`, the
    /// commands and `EXEC`, adjacent on one connection. Converts the replies as [`pipeline`](Cluster::pipeline) does.
    ///
    /// Servers do not roll back: a command that fails when it is executed, because its key is of another type,
    /// leaves the others applied. A command that could not be executed at all leaves none applied.
    ///
    /// The transaction is redirected and retried as a whole, and only if it was not applied. If that is not known,
    /// it is retried only if all its commands read or are [idempotent](Pipeline::idempotent). Scripts are sent with
    /// their source, for a transaction of which a script is missing on the node would be applied without it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::Pipeline;
    ///
    /// let transfer = Pipeline::new().decrby("{bank}:ann", 5).incrby("{bank}:bob", 5);
    /// let (ann, bob): (i64, i64) = cluster.transaction(transfer).await?;
    /// assert_eq!((ann, bob), (-5, 5));
    ///
    /// let crossed = Pipeline::new().incr("ann").incr("bob");
    /// let error = cluster.transaction::<(i64, i64)>(crossed).await.unwrap_err();
    /// assert!(error.to_string().contains("give them a common hash tag"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidCommand`] if the keys are in different slots, or a command is for every node or has a
    ///   target of its own. Nothing is sent.
    /// - [`ErrorKind::Server`] if the server refused a command, or the whole: nothing was applied, as
    ///   [`delivery`](Error::delivery) says.
    /// - [`ErrorKind::Server`] if a command failed when it was executed: the error says which one, and how many
    ///   of the others succeeded. They are applied. A `Result<T, ServerError>` in the type asked for takes such an error.
    /// - [`ErrorKind::Aborted`] if a key that the connection watches has changed. Nothing was applied.
    ///
    /// And as [`query`](Cluster::query).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Cluster::send): dropped after it was written, it is applied as a whole or not at all.
    pub async fn transaction<T: FromValue>(&self, transaction: Pipeline) -> Result<T, Error> {
        let transaction = transaction.into_transaction()?;
        self.execute(transaction).await
    }

    /// Sends a transaction command, and converts the replies of its commands.
    pub(in crate::cluster) async fn execute<T: FromValue>(
        &self,
        transaction: Command,
    ) -> Result<T, Error> {
        let name = transaction.name();
        let batch = send::batch_of(&transaction);
        let reply = match self.request(transaction).await {
            Ok(reply) => reply,
            Err(error) => return Err(error.with_command(name)),
        };
        let refused = match reply.into_plain() {
            Value::Error(error) => Error::server(error),
            Value::Nil => Error::not_sent(
                ErrorKind::Aborted,
                "the transaction was not executed: a key that it watched has changed",
            ),
            replies => return report::convert(&batch, send::split(replies, &batch)),
        };
        Err(refused
            .with_delivery(Delivery::NotApplied)
            .with_command(name))
    }
}

impl Pipeline {
    /// The commands as one transaction, unless they cannot be one.
    pub(in crate::cluster) fn into_transaction(self) -> Result<Command, Error> {
        let Self {
            mut commands,
            scripts,
            timeout,
            is_idempotent,
            ..
        } = self.checked()?;
        for (index, script) in scripts {
            commands[index] = script.by_source(&commands[index]);
        }
        for command in &commands {
            check(command)?;
        }
        let mut transaction = Command::transaction(commands);
        transaction.slot()?;
        if let Some(timeout) = timeout {
            transaction = transaction.timeout(timeout);
        }
        if is_idempotent {
            transaction = transaction.idempotent();
        }
        Ok(transaction)
    }
}

/// Refuses a command that does not go where its transaction goes.
fn check(command: &Command) -> Result<(), Error> {
    if command.explicit_target().is_some() {
        let message = "a command of a transaction has no target of its own: the keys decide";
        return Err(command.invalid(message));
    }
    command.check_reach_in_transaction()
}
