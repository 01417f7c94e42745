//! Appends to lists that count as acknowledged when the replica has them, too. No failover loses these.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tower_redis_cluster::{Cluster, Target, cmd};

use crate::ledger::Kept;
use crate::load::Load;
use crate::request::{About, Effect, Outcome, Patience};

/// How long the replica has.
const BLOCKS: Duration = Duration::from_millis(500);

pub(super) async fn append(load: Arc<Load>, mut rng: Rng, task: usize) {
    let key = format!("durable:{task}");
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let entry = format!("{task}-{n}");
        let effect = append_one(&load, &key, &entry).await;
        load.ledgers.note(&key, Kept::All, entry, effect);
        load.rest(&mut rng).await;
    }
}

/// Writes and waits over one connection: `WAIT` is about the writes of its own.
async fn append_one(load: &Load, key: &str, entry: &str) -> Effect {
    let what = format!("lease for {entry}");
    let lease = load.client.lease(Target::key(key));
    let about = About::new(key, &what);
    let Outcome::Done(lease) = load.request(about, Patience::DEFAULT, lease).await else {
        return Effect::Not;
    };
    let own = Cluster::new(lease);
    let bound = |what| About {
        is_bound: true,
        ..About::new(key, what)
    };
    let what = format!("RPUSH {entry}");
    let append = own.query::<u64>(cmd("RPUSH").arg(key).arg(entry));
    let written = load.request(bound(&what), Patience::DEFAULT, append).await;
    let Outcome::Done(_) = written else {
        return written.effect();
    };
    let what = format!("WAIT {entry}");
    let wait = own.query::<u64>(cmd("WAIT").arg(1).arg(BLOCKS.as_millis() as u64));
    let about = About {
        blocks: BLOCKS,
        ..bound(&what)
    };
    match load.request(about, Patience::DEFAULT, wait).await {
        Outcome::Done(1..) => Effect::Applied,
        _ => Effect::Perhaps,
    }
}
