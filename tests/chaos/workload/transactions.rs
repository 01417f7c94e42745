//! Transactions that append to two lists and count: all three or nothing.

use std::sync::Arc;

use fastrand::Rng;
use tower_redis_cluster::{Pipeline, cmd};

use super::ledgers::kept;
use crate::load::Load;
use crate::request::{About, Outcome, Patience};

pub(super) async fn append_twice(load: Arc<Load>, mut rng: Rng, task: usize) {
    let names = ["one", "two", "count"];
    let key = format!("{{transaction:{}}}", task / 2);
    let [one, two, count] = names.map(|name| format!("{key}:{name}"));
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let entry = format!("{task}-{n}");
        let patience = Patience::draw(&mut rng);
        let transaction = Pipeline::new()
            .add(cmd("RPUSH").arg(&one).arg(&entry))
            .add(cmd("RPUSH").arg(&two).arg(&entry))
            .add(cmd("INCR").arg(&count));
        let transaction = load
            .client
            .transaction::<(u64, u64, u64)>(patience.of_all(transaction));
        let what = format!("transaction {entry}");
        let outcome = load
            .request(About::new(&key, &what), patience, transaction)
            .await;
        for list in [&one, &two] {
            load.ledgers
                .note(list, kept(&load), entry.clone(), outcome.effect());
        }
        if let Outcome::Done((first, second, counted)) = outcome
            && !(first == second && second == counted)
        {
            load.crossed(&key, "the same length thrice", (first, second, counted));
        }
        load.rest(&mut rng).await;
    }
}
