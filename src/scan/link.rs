//! How a scan talks to nodes: through any stack, whose type it forgets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tower::{BoxError, Service};

use crate::addr::NodeAddr;
use crate::cluster::Cluster;
use crate::command::{Command, Target};
use crate::error::{Error, ErrorKind};
use crate::topology::Topology;
use crate::value::{FromValue, Value};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A cluster over a stack of any type. One box for each command, of which there is one for hundreds of keys.
pub(super) trait Link: Send + Sync {
    fn send(self: Arc<Self>, command: Command) -> BoxFuture<Result<Value, Error>>;

    fn topology(self: Arc<Self>) -> BoxFuture<Result<Arc<Topology>, Error>>;
}

impl<S> Link for Cluster<S>
where
    S: Service<Command, Response = Value, Future: Send> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
{
    fn send(self: Arc<Self>, command: Command) -> BoxFuture<Result<Value, Error>> {
        Box::pin(async move { Cluster::send(&self, command).await })
    }

    fn topology(self: Arc<Self>) -> BoxFuture<Result<Arc<Topology>, Error>> {
        Box::pin(async move { Cluster::topology(&self).await })
    }
}

pub(super) async fn query<T: FromValue>(
    link: &Arc<dyn Link>,
    command: Command,
) -> Result<T, Error> {
    let value = Arc::clone(link).send(command).await?;
    Ok(T::from_value(value)?)
}

/// One node.
#[derive(Clone)]
pub(super) struct Peer {
    link: Arc<dyn Link>,
    addr: NodeAddr,
}

impl Peer {
    pub(super) fn new(link: &Arc<dyn Link>, addr: NodeAddr) -> Self {
        Self {
            link: Arc::clone(link),
            addr,
        }
    }

    pub(super) fn link(&self) -> &Arc<dyn Link> {
        &self.link
    }

    pub(super) fn at(&self, addr: NodeAddr) -> Self {
        Self::new(&self.link, addr)
    }

    pub(super) async fn query<T: FromValue>(&self, command: Command) -> Result<T, Error> {
        let command = command.idempotent().target(Target::Node(self.addr.clone()));
        let reply = query(&self.link, command).await;
        reply.map_err(|error| error.with_node(self.addr.clone()))
    }

    /// The replies to several commands, given by the node in one instant.
    pub(super) async fn atomically(&self, commands: Vec<Command>) -> Result<Replies, Error> {
        let transaction = Command::transaction(commands);
        let Value::Array(replies) = self.query(transaction).await? else {
            let error = Error::not_sent(
                ErrorKind::Protocol,
                "a transaction was answered by no array",
            );
            return Err(error.with_node(self.addr.clone()));
        };
        Ok(Replies {
            replies: replies.into_iter(),
            addr: self.addr.clone(),
        })
    }
}

/// Replies to several commands, taken one by one.
pub(super) struct Replies {
    replies: std::vec::IntoIter<Value>,
    addr: NodeAddr,
}

impl Replies {
    pub(super) fn take<T: FromValue>(&mut self) -> Result<T, Error> {
        let reply = match self.replies.next() {
            Some(Value::Error(error)) => Err(Error::server(error)),
            Some(reply) => T::from_value(reply).map_err(Error::from),
            None => Err(Error::not_sent(
                ErrorKind::Protocol,
                "a transaction has fewer replies than commands",
            )),
        };
        reply.map_err(|error| error.with_node(self.addr.clone()))
    }
}
