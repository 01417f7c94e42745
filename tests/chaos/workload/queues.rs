//! Queues with producers, and consumers that block: each element is taken once. What a consumer took and never heard of
//! is gone, one element for each such request; what it moved is in the other list.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tower_redis_cluster::cmd;

use super::ledgers::kept;
use crate::load::Load;
use crate::request::{About, Effect, Outcome, Patience};

const BLOCKS: Duration = Duration::from_millis(300);

/// The queue of a task, and the list that elements are moved to.
fn keys(task: usize) -> (String, String) {
    let tag = task % 2;
    (
        format!("{{queue:{tag}}}:new"),
        format!("{{queue:{tag}}}:done"),
    )
}

pub(super) async fn produce(load: Arc<Load>, mut rng: Rng, task: usize) {
    let (queue, _) = keys(task);
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let entry = format!("{task}-{n}");
        let patience = Patience::draw(&mut rng);
        let push = load
            .client
            .query::<u64>(patience.of(cmd("RPUSH").arg(&queue).arg(&entry)));
        let what = format!("RPUSH {entry}");
        let outcome = load
            .request(About::new(&queue, &what), patience, push)
            .await;
        load.ledgers
            .note(&queue, kept(&load), entry, outcome.effect());
        load.rest(&mut rng).await;
    }
}

pub(super) async fn consume(load: Arc<Load>, mut rng: Rng, task: usize) {
    let (queue, done) = keys(task);
    while !load.is_over() {
        let patience = Patience::draw(&mut rng);
        let time = BLOCKS.as_secs_f64();
        if rng.bool() {
            let about = About {
                blocks: BLOCKS,
                ..About::new(&queue, "BLPOP")
            };
            let pop = patience.of(cmd("BLPOP").arg(&queue).arg(time));
            let pop = load.client.query::<Option<(String, String)>>(pop);
            let outcome = load.request(about, patience, pop).await;
            if outcome.effect() == Effect::Perhaps {
                load.taken.perhaps(&queue);
            }
            match outcome.done().flatten() {
                Some((key, _)) if key != queue => load.crossed(&queue, &queue, key),
                Some((_, entry)) => load.taken.note(&queue, entry),
                None => {}
            }
        } else {
            let about = About {
                blocks: BLOCKS,
                ..About::new(&queue, "BLMOVE")
            };
            let command = cmd("BLMOVE").arg(&queue).arg(&done);
            let command = command.arg(["LEFT", "RIGHT"]).arg(time);
            let moved = load.client.query::<Option<String>>(patience.of(command));
            let outcome = load.request(about, patience, moved).await;
            if let Outcome::Done(Some(entry)) = outcome
                && !entry.starts_with(|c: char| c.is_ascii_digit())
            {
                load.crossed(&queue, "an element", entry);
            }
        }
        load.rest(&mut rng).await;
    }
}
