//! What goes wrong in a run, and when: decided beforehand, by the seed.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep_until};
use tower_redis_cluster::{ServerError, Slot, Value};

use crate::pipe::Way;
use crate::scene::Scene;

/// The time in which things go wrong, in milliseconds.
const SPAN_MS: u64 = 2_000;

/// A fault or the end of one.
#[derive(Clone, Debug)]
pub enum Event {
    Delay(usize, u64),
    Cut(usize, Option<(Way, usize)>),
    /// The reply of the next commands is cut after so many bytes. They are executed.
    DropAfter(usize, usize),
    Kill(usize),
    Freeze(usize, Way, bool),
    Stall(usize, bool),
    Refuse(usize, bool),
    RefuseCommands(usize, Option<&'static str>),
    /// One answer in place of a command's own.
    Answer(usize, &'static str, &'static str, usize),
    BeginMigration(String, usize),
    MoveKey(String),
    FinishMigration(String),
    MigrateAtOnce(String, usize),
    AddNode(String),
    Failover(usize),
    Crash(usize),
    Elect(usize),
    Restart(usize),
    /// Topologies that a node tells in place of the right one: none, half of one, or the first.
    Lie(usize, Lie, usize),
    /// The runtime does nothing for so long.
    Starve(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum Lie {
    Empty,
    Half,
    Stale,
}

/// The events with their times, in order.
pub fn plan(rng: &mut Rng, nodes: usize, keys: &[String]) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    let mut keys = keys.to_vec();
    rng.shuffle(&mut keys);
    for _ in 0..rng.usize(2..15) {
        add(&mut events, rng, nodes, &mut keys);
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn add(events: &mut Vec<(u64, Event)>, rng: &mut Rng, nodes: usize, keys: &mut Vec<String>) {
    let at = rng.u64(0..SPAN_MS);
    let until = at + rng.u64(20..1_500);
    let node = rng.usize(..nodes);
    let way = if rng.bool() { Way::There } else { Way::Back };
    let mut push = |at, event| events.push((at, event));
    match rng.u32(..19) {
        0 => {
            push(at, Event::Delay(node, rng.u64(5..300)));
            push(until, Event::Delay(node, 0));
        }
        1 => push(at, Event::Cut(node, None)),
        2 => push(at, Event::Cut(node, Some((way, rng.usize(1..400))))),
        3 => push(at, Event::DropAfter(node, rng.usize(..200))),
        4 => push(at, Event::Kill(node)),
        5 | 6 => {
            push(at, Event::Freeze(node, way, true));
            let other = if way == Way::There {
                Way::Back
            } else {
                Way::There
            };
            if rng.bool() {
                push(at, Event::Freeze(node, other, true));
                push(until, Event::Freeze(node, other, false));
            }
            push(until, Event::Freeze(node, way, false));
        }
        7 => {
            push(at, Event::Stall(node, true));
            push(until, Event::Stall(node, false));
        }
        8 => {
            push(at, Event::Refuse(node, true));
            push(at + rng.u64(..100), Event::Kill(node));
            push(until, Event::Refuse(node, false));
        }
        9 => {
            let error = *rng
                .choice(&[
                    "LOADING loading the dataset in memory",
                    "CLUSTERDOWN The cluster is down",
                    "MASTERDOWN Link with MASTER is down",
                    "TRYAGAIN Multiple keys request during rehashing of slot",
                ])
                .expect("there are some");
            push(at, Event::RefuseCommands(node, Some(error)));
            push(until, Event::RefuseCommands(node, None));
        }
        10 => {
            let command = *rng.choice(&["GET", "SET", "INCR"]).expect("some");
            let error = *rng.choice(&["CLUSTERDOWN x", "LOADING x"]).expect("some");
            push(at, Event::Answer(node, command, error, rng.usize(1..4)));
        }
        11 | 12 => {
            let Some(key) = keys.pop() else { return };
            push(at, Event::BeginMigration(key.clone(), node));
            push(at + (until - at) / 2, Event::MoveKey(key.clone()));
            push(until, Event::FinishMigration(key));
        }
        13 => {
            let Some(key) = keys.pop() else { return };
            push(at, Event::MigrateAtOnce(key, node));
        }
        14 => {
            let Some(key) = keys.pop() else { return };
            push(at, Event::AddNode(key));
        }
        15 => push(at, Event::Failover(node)),
        16 => {
            push(at, Event::Crash(node));
            push(at + rng.u64(200..1_500), Event::Elect(node));
            push(at + rng.u64(100..3_000), Event::Restart(node));
        }
        17 => {
            let lie = *rng
                .choice(&[Lie::Empty, Lie::Half, Lie::Stale])
                .expect("some");
            push(at, Event::Lie(node, lie, rng.usize(1..4)));
        }
        _ => push(at, Event::Starve(rng.u64(50..3_000))),
    }
}

/// Lets the events happen, and then ends all faults.
pub async fn run(scene: &Scene, events: &[(u64, Event)]) {
    for (at, event) in events {
        sleep_until(scene.start + Duration::from_millis(*at)).await;
        apply(scene, event).await;
    }
    sleep_until(scene.start + Duration::from_millis(SPAN_MS)).await;
    scene.net.heal();
}

async fn apply(scene: &Scene, event: &Event) {
    let net = &scene.net;
    let fake = &net.fake;
    match event {
        Event::Delay(node, ms) => net.delay(*node, Duration::from_millis(*ms)),
        Event::Cut(node, after) => net.cut(*node, *after),
        Event::DropAfter(node, bytes) => fake.node(*node).drop_after(*bytes),
        Event::Kill(node) => fake.node(*node).kill_connections(),
        Event::Freeze(node, way, is_frozen) => net.freeze(*node, *way, *is_frozen),
        Event::Stall(node, true) => fake.node(*node).stall(),
        Event::Stall(node, false) => fake.node(*node).resume(),
        Event::Refuse(node, refuses) => fake.node(*node).refuse_connections(*refuses),
        Event::RefuseCommands(node, error) => {
            fake.node(*node)
                .refuse_commands(error.map(ServerError::new));
        }
        Event::Answer(node, command, error, times) => {
            let error = Value::Error(ServerError::new(*error));
            fake.node(*node).answer(command, error, *times);
        }
        Event::BeginMigration(key, to) => {
            let slot = Slot::of(key);
            // Primaries change their places: to the next node that is one of another shard.
            let count = fake.nodes().len();
            let others = (0..count).map(|step| (to + step) % count);
            let mut others = others.filter(|node| fake.node(*node).is_primary());
            if let Some(to) = others.find(|node| fake.owner(slot) != Some(*node)) {
                fake.begin_migration(slot, to);
                scene.migrating.borrow_mut().insert(key.clone());
            }
        }
        Event::MoveKey(key) if scene.migrating.borrow().contains(key) => {
            fake.move_key(key);
        }
        Event::FinishMigration(key) if scene.migrating.borrow_mut().remove(key) => {
            fake.finish_migration(Slot::of(key));
        }
        Event::MoveKey(_) | Event::FinishMigration(_) => {}
        Event::MigrateAtOnce(key, to) => fake.migrate_slot(Slot::of(key), *to),
        Event::AddNode(key) => {
            let added = fake.add_node();
            fake.migrate_slot(Slot::of(key), added);
        }
        // Nodes beyond those at the start have no replicas; `plan` does not know them.
        Event::Failover(node) => {
            fake.failover(*node);
        }
        Event::Crash(node) => fake.node(*node).shutdown(),
        Event::Elect(node) => {
            if fake.node(*node).is_primary() {
                fake.failover(*node);
            }
        }
        Event::Restart(node) => fake.node(*node).restart(),
        Event::Lie(node, lie, times) => {
            let view = match lie {
                Lie::Empty => Vec::new(),
                Lie::Half => scene.first_view[..scene.first_view.len() / 2].to_vec(),
                Lie::Stale => scene.first_view.clone(),
            };
            let view = Value::Array(view);
            fake.node(*node).answer("CLUSTER SLOTS", view, *times);
        }
        Event::Starve(ms) => {
            let (from, time) = (Instant::now(), Duration::from_millis(*ms));
            // Before, for the others go on before this does.
            scene.starved.borrow_mut().push((from, from + time));
            tokio::time::advance(time).await;
        }
    }
}
