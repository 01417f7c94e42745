//! Commands that wait on the server, each on a connection of its own.

use std::sync::Arc;

use tower::{BoxError, Service};

use super::lane::Lane;
use super::leased::Leased;
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// Sends a blocking command over a connection leased for it, and waits for its reply.
///
/// Dropped while the reply is outstanding, it closes that connection, so that the server waits no longer.
pub(super) async fn run<S>(lane: Arc<Lane<S>>, command: Command) -> Result<Value, Error>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Send + 'static,
{
    let mut leased = Leased::from(&lane, command.deadline()).await?;
    let name = command.name();
    // Waiting for the connection has taken of the time there was.
    let command = command.blocking_within_deadline();
    let reply = leased.call(command).await;
    reply.map_err(|error| {
        if error.kind() != ErrorKind::Connection || error.delivery() != Delivery::Unknown {
            return error;
        }
        let message = format!(
            "the connection was lost while {name} was waiting on the server, which may have carried it out"
        );
        Error::not_sent(ErrorKind::Connection, message)
            .with_delivery(Delivery::Unknown)
            .with_node(lane.addr().clone())
            .with_source(error)
    })
}

/// True for the commands that wait for the writes of their own connection. On one of their own there are none: they
/// would wait for nothing, and their answer be about nothing.
pub(crate) fn is_about_its_connection(command: &Command) -> bool {
    let name = command.info().map(|info| info.name());
    matches!(name, Some("WAIT" | "WAITAOF"))
}
