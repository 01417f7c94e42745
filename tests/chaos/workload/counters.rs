//! Increments: `acknowledged <= value <= acknowledged + unknown`, and no two are told the same value.

use std::sync::Arc;

use fastrand::Rng;
use tower_redis_cluster::cmd;

use crate::load::Load;
use crate::request::{About, Outcome, Patience};

pub(super) async fn count(load: Arc<Load>, mut rng: Rng, task: usize) {
    let key = format!("counter:{}", task / 2);
    let mut last = 0;
    while !load.is_over() {
        let patience = Patience::draw(&mut rng);
        let incr = load.client.query::<u64>(patience.of(cmd("INCR").arg(&key)));
        let outcome = load.request(About::new(&key, "INCR"), patience, incr).await;
        load.counts.note(&key, outcome.effect());
        if let Outcome::Done(value) = outcome
            && load.is_lossless()
        {
            if value <= last {
                load.crossed(&key, format_args!("more than {last}"), value);
            }
            last = value;
            if !load.counts.is_first(&key, value) {
                let what = format!("two increments were told that they made it {value}");
                load.journal.violation(&key, what);
            }
        }
        load.rest(&mut rng).await;
    }
}
