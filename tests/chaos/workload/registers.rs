//! Keys with one writer, which therefore knows what may be read: what was acknowledged last, or any write of which it never
//! learned what became of it. Such a write may come late: it was on its way on a connection that was held up.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;
use tower_redis_cluster::cmd;

use crate::load::Load;
use crate::request::{About, Effect, Outcome, Patience};

/// How many keys a task has.
const KEYS: usize = 6;

struct Register {
    key: String,
    /// What was acknowledged last; 0 before the first.
    known: u64,
    /// What else may be there.
    perhaps: BTreeSet<u64>,
    /// What was acknowledged before. It comes back when a replica takes over that did not have what came then.
    before: BTreeSet<u64>,
}

pub(super) async fn write_and_read(load: Arc<Load>, mut rng: Rng, task: usize) {
    let mut registers: Vec<_> = (0..KEYS)
        .map(|n| Register {
            key: format!("register:{task}:{n}"),
            known: 0,
            perhaps: BTreeSet::new(),
            before: BTreeSet::from([0]),
        })
        .collect();
    for n in 1.. {
        if load.is_over() {
            return;
        }
        let register = &mut registers[rng.usize(..KEYS)];
        match rng.u8(..3) {
            0 => register.read(&load, &mut rng).await,
            kind => register.write(&load, &mut rng, n, kind == 1).await,
        }
        load.rest(&mut rng).await;
    }
}

impl Register {
    async fn read(&self, load: &Load, rng: &mut Rng) {
        let patience = Patience::draw(rng);
        let get = patience.of(cmd("GET").arg(&self.key));
        let get = load.client.query::<Option<String>>(get);
        let about = About::new(&self.key, "GET");
        if let Outcome::Done(value) = load.request(about, patience, get).await {
            self.check(load, value);
        }
    }

    async fn write(&mut self, load: &Load, rng: &mut Rng, n: u64, gets: bool) {
        let patience = Patience::draw(rng);
        let mut set = cmd("SET").arg(&self.key).arg(self.value(n));
        if gets {
            set = set.arg("GET");
        }
        let set = load.client.query::<Option<String>>(patience.of(set));
        let what = format!("SET {n}{}", if gets { " GET" } else { "" });
        let about = About::new(&self.key, &what);
        let outcome = load.request(about, patience, set).await;
        let effect = outcome.effect();
        match outcome.done() {
            Some(old) if gets => self.check(load, old),
            // No conversion: it is what the server says.
            Some(reply) if reply.as_deref() != Some("OK") => load.crossed(&self.key, "OK", reply),
            _ => {}
        }
        match effect {
            Effect::Applied => {
                self.before.insert(self.known);
                self.known = n;
            }
            Effect::Perhaps => _ = self.perhaps.insert(n),
            Effect::Not => {}
        }
    }

    fn check(&self, load: &Load, found: Option<String>) {
        let n = match &found {
            None => 0,
            Some(value) => {
                let n = value.split('|').nth(1).and_then(|n| n.parse().ok());
                match n.filter(|n| *value == self.value(*n)) {
                    Some(n) => n,
                    None => return load.crossed(&self.key, "a value of this key", found),
                }
            }
        };
        let is_possible = n == self.known
            || self.perhaps.contains(&n)
            || !load.is_lossless() && self.before.contains(&n);
        if !is_possible {
            let Self { known, perhaps, .. } = self;
            let what =
                format!("{n} was read; acknowledged last was {known}, unknown are {perhaps:?}");
            load.journal.violation(&self.key, what);
        }
    }

    /// A value that is like no other. One in 32 takes several reads.
    fn value(&self, n: u64) -> String {
        let length = match n % 32 {
            0 => 20_000 + n % 40_000,
            _ => n % 100,
        };
        let padding = "x".repeat(usize::try_from(length).expect("small"));
        format!("{}|{n}|{padding}", self.key)
    }
}
