//! Moves slots to another node while both serve, step by step as operators' tools do.

use super::scenario::MOVED_SLOTS;
use super::servers::{Node, PRIMARIES, Servers};
use crate::peer::Failure;

/// How many keys move at once at most.
const BATCH: &str = "100";

/// How long a batch may take, in milliseconds.
const PATIENCE: &str = "5000";

/// Moves the first slots of one primary to another.
pub(super) async fn run(servers: &Servers, from: usize, to: usize) -> Result<(), Failure> {
    let nodes = servers.nodes();
    let view = nodes[from].view().await?;
    let slots = view.slots(nodes[from].id()).ok_or("no slots to move")?;
    for slot in slots.take(MOVED_SLOTS.into()) {
        let slot = slot.to_string();
        let (from, to) = (&nodes[from], &nodes[to]);
        to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", from.id()])
            .await?;
        from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", to.id()])
            .await?;
        move_keys(from, to, &slot).await?;
        // The new owner first: it must not refuse what the old one sends on.
        let others = nodes[..PRIMARIES]
            .iter()
            .filter(|node| ![from.id(), to.id()].contains(&node.id()));
        for node in [to, from].into_iter().chain(others) {
            node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", to.id()])
                .await?;
        }
    }
    Ok(())
}

async fn move_keys(from: &Node, to: &Node, slot: &str) -> Result<(), Failure> {
    let (host, port) = (to.addr().ip().to_string(), to.addr().port().to_string());
    loop {
        let keys = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, BATCH]).await?;
        let keys = keys.texts()?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut migrate = vec!["MIGRATE", &host, &port, "", "0", PATIENCE, "KEYS"];
        migrate.extend(keys.iter().map(String::as_str));
        from.ask(&migrate).await?;
    }
}
