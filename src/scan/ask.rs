//! What a scan asks a node, beside keys.

use std::sync::Arc;

use super::asking::Turn;
use super::link::{Link, Peer, Replies, query};
use super::pass::View;
use super::view::{Layout, Own, arrivals, fact, read_id};
use crate::addr::NodeAddr;
use crate::command::{Command, Target, cmd};
use crate::error::{Error, ErrorKind};

/// Who serves what, as some primary sees it, and which: `None` if that is for the stack to choose. A hint of where
/// to look: each node is asked for itself then.
pub(super) async fn layout(
    link: &Arc<dyn Link>,
    turn: &Turn,
) -> (Option<NodeAddr>, Result<Layout, Error>) {
    let topology = Arc::clone(link).topology().await.ok();
    let addr = topology.and_then(|topology| turn.pick(topology.primaries()).cloned());
    let layout = layout_by(link, addr.clone()).await;
    (addr, layout)
}

async fn layout_by(link: &Arc<dyn Link>, addr: Option<NodeAddr>) -> Result<Layout, Error> {
    let nodes = cmd("CLUSTER").arg("NODES");
    let nodes: String = match addr {
        Some(addr) => Peer::new(link, addr).query(nodes).await?,
        None => query(link, nodes.idempotent().target(Target::AnyPrimary)).await?,
    };
    let mut layout = Layout::read(&nodes)?;
    locate(link, &mut layout).await;
    Ok(layout)
}

/// Corrects the addresses: the stack may reach nodes elsewhere than where they say they are.
pub(super) async fn locate(link: &Arc<dyn Link>, layout: &mut Layout) {
    // A stack that does not know of a topology uses what nodes announce.
    let Ok(topology) = Arc::clone(link).topology().await else {
        return;
    };
    for primary in &mut layout.primaries {
        let known = topology
            .nodes()
            .find(|node| node.id() == Some(&*primary.id));
        if let Some(node) = known {
            primary.addr = Some(node.addr().clone());
        }
    }
}

pub(super) async fn view(peer: &Peer) -> Result<View, Error> {
    let mut commands = standing();
    commands.push(cmd("INFO").arg("server"));
    commands.push(cmd("INFO").arg("commandstats"));
    commands.push(cmd("DBSIZE"));
    let mut replies = peer.atomically(commands).await?;
    let own = Own::read(&read_standing(&mut replies)?)?;
    let server: String = replies.take()?;
    let run = fact(&server, "run_id").ok_or_else(|| {
        Error::not_sent(
            ErrorKind::Protocol,
            "malformed answer to INFO server: no run_id",
        )
    })?;
    Ok(View {
        own,
        run: read_id(run.trim_end())?,
        arrivals: arrivals(&replies.take::<String>()?),
        size: replies.take()?,
    })
}

/// Whether the node is in touch with the cluster, and what it sees of it.
pub(super) fn standing() -> Vec<Command> {
    vec![cmd("CLUSTER").arg("INFO"), cmd("CLUSTER").arg("NODES")]
}

/// Reads the replies to [`standing`], and gives the second.
///
/// A primary that a partition has cut off may not know that another has taken its place; but it knows that it is
/// cut off.
pub(super) fn read_standing(replies: &mut Replies) -> Result<String, Error> {
    let info: String = replies.take()?;
    let nodes: String = replies.take()?;
    match fact(&info, "cluster_state").map(str::trim_end) {
        Some("ok") => Ok(nodes),
        _ => Err(Error::not_sent(
            ErrorKind::Topology,
            "the node says that the cluster is down",
        )),
    }
}
