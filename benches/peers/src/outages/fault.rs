//! What is done to the servers.

use std::time::Duration;

use tokio::time::sleep;

use super::clock::Moment;
use super::packets::Hole;
use super::reshard;
use super::scenario::Fault;
use super::servers::{AFFECTED, SUCCESSOR, Servers, WITNESS};
use crate::peer::Failure;

/// How often the witness is asked whether there is a new primary.
const PACE: Duration = Duration::from_millis(5);

/// When was what. What must stay until the end of a trial stays with it.
pub(super) struct Happened {
    pub(super) fault: Moment,
    /// When the servers could serve again; at once, unless they had to elect a primary.
    pub(super) recovered: Moment,
    /// When all of it was done.
    pub(super) done: Moment,
    _hole: Option<Hole>,
}

/// Does it, and waits until the servers are done with it.
pub(super) async fn happen(
    fault: Fault,
    servers: &mut Servers,
    client: u32,
) -> Result<Happened, Failure> {
    let start = Moment::now()?;
    let mut hole = None;
    match fault {
        Fault::Stop => servers.stop(AFFECTED)?,
        Fault::Kill => servers.kill(AFFECTED)?,
        Fault::Failover => {
            let successor = &servers.nodes()[SUCCESSOR];
            successor.ask(&["CLUSTER", "FAILOVER"]).await?;
            promoted(servers).await?;
        }
        Fault::Reshard => reshard::run(servers, AFFECTED, WITNESS).await?,
        Fault::BlackHole => {
            let node = servers.nodes()[AFFECTED].addr();
            hole = Some(Hole::open(client, node)?);
        }
        Fault::Disconnect => {
            for node in servers.nodes() {
                node.disconnect_clients().await?;
            }
        }
    }
    let recovered = match fault.needs_election() {
        true => promoted(servers).await?,
        false => start,
    };
    Ok(Happened {
        fault: start,
        recovered,
        done: Moment::now()?,
        _hole: hole,
    })
}

/// Waits until another node takes the replica for the primary, and gives the time of that.
async fn promoted(servers: &Servers) -> Result<Moment, Failure> {
    let nodes = servers.nodes();
    loop {
        let view = nodes[WITNESS].view().await?;
        let now = Moment::now()?;
        if view.serves(nodes[SUCCESSOR].id()) {
            return Ok(now);
        }
        sleep(PACE).await;
    }
}
