//! Appends to lists, of which each entry must be there as often as its writer was told.

use std::sync::Arc;

use fastrand::Rng;
use tower_redis_cluster::cmd;

use crate::ledger::Kept;
use crate::load::Load;
use crate::request::{About, Outcome, Patience};

/// How many entries a task appends before it goes on with another list.
const LENGTH: usize = 200;

pub(super) async fn append(load: Arc<Load>, mut rng: Rng, task: usize) {
    // Two write to each list.
    let list = task / 2;
    let mut length = 0;
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let key = format!("ledger:{list}:{}", n / LENGTH);
        if n % LENGTH == 0 {
            length = 0;
        }
        let entry = format!("{task}-{n}");
        let patience = Patience::draw(&mut rng);
        let append = load
            .client
            .query::<u64>(patience.of(cmd("RPUSH").arg(&key).arg(&entry)));
        let what = format!("RPUSH {entry}");
        let outcome = load
            .request(About::new(&key, &what), patience, append)
            .await;
        load.ledgers
            .note(&key, kept(&load), entry, outcome.effect());
        if let Outcome::Done(now) = outcome {
            if load.is_lossless() && now <= length {
                load.crossed(&key, format_args!("more than {length}"), now);
            }
            length = now;
        }
        load.rest(&mut rng).await;
    }
}

pub(super) async fn add_idempotently(load: Arc<Load>, mut rng: Rng, task: usize) {
    let key = format!("set:{task}");
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let entry = format!("{task}-{n}");
        let patience = Patience::draw(&mut rng);
        let command = cmd("SADD").arg(&key).arg(&entry).idempotent();
        let add = load.client.query::<u64>(patience.of(command));
        let what = format!("SADD {entry}");
        let outcome = load.request(About::new(&key, &what), patience, add).await;
        load.ledgers
            .note(&key, kept(&load), entry, outcome.effect());
        if let Outcome::Done(more @ 2..) = outcome {
            load.crossed(&key, "0 or 1", more);
        }
        load.rest(&mut rng).await;
    }
}

pub(super) fn kept(load: &Load) -> Kept {
    match load.is_lossless() {
        true => Kept::All,
        false => Kept::Some,
    }
}
