//! What one node is asked for: its view of the cluster, and where it stands.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, timeout};

use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::error::{Error, ErrorKind};
use crate::route::config::{Config, Discovery};
use crate::route::exchange::{Ended, Exchange, Sender};
use crate::route::make::MakeNode;
use crate::route::waiting::Waiters;
use crate::topology::{Standing, Topology};
use crate::value::Value;

/// What one node says.
pub(super) type Answer = Result<(Topology, Standing), Error>;

/// Asks this node.
pub(super) async fn run<C: MakeNode>(nodes: C, addr: NodeAddr, config: Config) -> Answer {
    let deadline = Instant::now() + config.query_timeout;
    let answers = timeout(config.query_timeout, ask(nodes, &addr, &config, deadline));
    let (reply, standing) = answers.await.map_err(|_| {
        Error::not_sent(
            ErrorKind::Timeout,
            format!("no answer within {:?}", config.query_timeout),
        )
    })??;
    let announced = config.addr_map.answered_by(&addr);
    let topology = match config.discovery {
        Discovery::Slots => Topology::read_slots(&reply, &announced),
        Discovery::Shards { tls } => Topology::read_shards(&reply, &announced, tls),
    };
    Ok((topology?, standing))
}

/// Asks for both at once, and waits for the view alone: a node that does not tell where it stands is asked as well as
/// any.
async fn ask<C: MakeNode>(
    nodes: C,
    addr: &NodeAddr,
    config: &Config,
    deadline: Instant,
) -> Result<(Value, Standing), Error> {
    let exchange = |subcommand: &str| {
        let mut command = cmd("CLUSTER").arg(subcommand);
        command.set_deadline(deadline);
        Exchange::to(addr.clone(), command)
    };
    let mut info = pin!(exchange("INFO"));
    let mut view = pin!(exchange(match config.discovery {
        Discovery::Slots => "SLOTS",
        Discovery::Shards { .. } => "SHARDS",
    }));
    let sender = Questioner { nodes };
    let mut standing = None;
    poll_fn(move |cx| {
        // Sent first, so that it is answered by the time the view is, and tells of no later state.
        if standing.is_none()
            && let Poll::Ready(ended) = info.as_mut().poll(cx, &sender)
        {
            standing = Some(match ended {
                Ended::Replied(reply) => Standing::read(&reply),
                Ended::Failed(_) | Ended::Moved => Standing::default(),
            });
            // Gives back its place, which may be the only one there is.
            info.as_mut().cancel();
        }
        Poll::Ready(match std::task::ready!(view.as_mut().poll(cx, &sender)) {
            Ended::Replied(reply) => Ok((reply, standing.unwrap_or_default())),
            Ended::Failed(error) => Err(error),
            Ended::Moved => unreachable!("a question stays with its node"),
        })
    })
    .await
}

/// Who asks a node for its view: it is meant for that node, wherever slots are.
struct Questioner<C> {
    nodes: C,
}

impl<C: MakeNode> Sender<C> for Questioner<C> {
    fn nodes(&self) -> C {
        self.nodes.clone()
    }

    fn has_moved(&self, _: &Command, _: &NodeAddr) -> bool {
        false
    }

    fn waiters(&self) -> Option<&Arc<Waiters>> {
        None
    }
}
