//! Moves slots between primaries while they serve, as an operator's tool does: with every step that may fail tried again.

use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Command, Slot, cmd};

use super::nodes::ask;

/// How long moving one slot may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Moves so many of the slots in which there are keys.
pub(super) async fn run(local: &LocalCluster, rng: &mut Rng, from: usize, to: usize, slots: usize) {
    let id = async |node| -> String { ask(local, node, cmd("CLUSTER").arg("MYID")).await };
    let (from_id, to_id) = (id(from).await, id(to).await);
    for _ in 0..slots {
        let key: Option<String> = ask(local, from, cmd("RANDOMKEY")).await;
        let Some(key) = key else { return };
        let slot = Slot::of(&key).number();
        let pause = Duration::from_millis(rng.u64(..20));
        set(local, to, slot, &["IMPORTING", &from_id]).await;
        set(local, from, slot, &["MIGRATING", &to_id]).await;
        // Half moved, as long as slots with more in them are.
        sleep(pause).await;
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "slot {slot} cannot be moved");
            empty(local, from, to, slot, pause).await;
            // The new owner first, so that there is one at any time.
            set(local, to, slot, &["NODE", &to_id]).await;
            let done = set_slot(slot, &["NODE", &to_id]);
            if local.query::<()>(from, done).await.is_ok() {
                break;
            }
        }
        for node in 0..local.addrs().count() {
            // The others hear of it anyway; replicas refuse.
            let _ = local
                .query::<()>(node, set_slot(slot, &["NODE", &to_id]))
                .await;
        }
    }
}

/// Moves all keys of the slot.
async fn empty(local: &LocalCluster, from: usize, to: usize, slot: u16, pause: Duration) {
    let target = local.addr(to);
    loop {
        let some = cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(3);
        let keys: Vec<String> = ask(local, from, some).await;
        if keys.is_empty() {
            return;
        }
        let migrate = cmd("MIGRATE")
            .arg(target.host())
            .arg(target.port())
            .arg("")
            .arg(0)
            .arg(5000)
            // What an attempt left there whose connection was closed. It is not served before the key is gone here.
            .arg("REPLACE")
            .arg("KEYS")
            .arg(keys);
        if let Err(error) = local.query::<String>(from, migrate).await {
            let is_tried_again =
                error.is_connection() || error.server_error().is_some_and(|e| e.code() == "IOERR");
            assert!(is_tried_again, "slot {slot} cannot be moved: {error}");
        }
        sleep(pause).await;
    }
}

async fn set(local: &LocalCluster, node: usize, slot: u16, state: &[&str]) {
    ask::<()>(local, node, set_slot(slot, state)).await;
}

fn set_slot(slot: u16, state: &[&str]) -> Command {
    cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(state)
}
