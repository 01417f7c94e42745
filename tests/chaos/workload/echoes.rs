//! Questions whose answer is known, so that any reply of another shows.

use std::sync::Arc;
use std::time::Instant;

use fastrand::Rng;
use tower_redis_cluster::{Pipeline, Value, cmd};

use super::ledgers::kept;
use crate::load::Load;
use crate::request::{About, Effect, Outcome, Patience};

/// How many keys have a value from the beginning.
pub(crate) const PRESETS: usize = 100;

/// Such a key, and its value.
pub(crate) fn preset(n: usize) -> (String, String) {
    (format!("preset:{n}"), format!("value of preset:{n}"))
}

/// One question at a time.
pub(super) async fn ask(load: Arc<Load>, mut rng: Rng, task: usize) {
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("{task}-{n}");
        let key = format!("echo:{token}");
        let patience = Patience::draw(&mut rng);
        let (command, expected) = match rng.u8(..3) {
            0 => {
                let (key, value) = preset(rng.usize(..PRESETS));
                (cmd("GET").arg(key), value)
            }
            1 => (cmd("ECHO").arg(&token), token),
            _ => {
                let script = "return KEYS[1] .. ARGV[1]";
                let eval = cmd("EVAL").arg(script).arg(1).arg(&key).arg(&token);
                (eval, format!("{key}{token}"))
            }
        };
        let what = format!("{} for {expected}", command.name());
        let query = load.client.query::<Option<String>>(patience.of(command));
        let outcome = load.request(About::new(&key, &what), patience, query).await;
        if let Outcome::Done(reply) = outcome
            && reply.as_deref() != Some(&*expected)
        {
            load.crossed(&key, expected, reply);
        }
        load.rest(&mut rng).await;
    }
}

/// Several keys of any slots at a time.
pub(super) async fn ask_for_many(load: Arc<Load>, mut rng: Rng, task: usize) {
    let key = format!("mget:{task}");
    while !load.is_over() {
        let count = rng.usize(1..10);
        let presets: Vec<_> = (0..count).map(|_| preset(rng.usize(..PRESETS))).collect();
        let (keys, expected): (Vec<_>, Vec<_>) = presets.into_iter().unzip();
        let patience = Patience::draw(&mut rng);
        let mget = patience.of(cmd("MGET").arg(keys));
        let mget = load.client.query::<Vec<String>>(mget);
        let outcome = load.request(About::new(&key, "MGET"), patience, mget).await;
        if let Outcome::Done(reply) = outcome
            && reply != expected
        {
            load.crossed(&key, format_args!("{expected:?}"), reply);
        }
        load.rest(&mut rng).await;
    }
}

/// Questions and writes in one pipeline.
pub(super) async fn pipeline(load: Arc<Load>, mut rng: Rng, task: usize) {
    let key = format!("pipeline:{task}");
    for n in 0.. {
        if load.is_over() {
            return;
        }
        let patience = Patience::draw(&mut rng);
        let mut pipeline = Pipeline::new();
        // `None` is for an entry of the list.
        let mut expected = Vec::new();
        for index in 0..rng.usize(1..12) {
            if rng.bool() {
                let (key, value) = preset(rng.usize(..PRESETS));
                pipeline = pipeline.add(cmd("GET").arg(key));
                expected.push((value, None));
            } else {
                let list = format!("{key}:{}", index % 3);
                let entry = format!("{task}-{n}-{index}");
                pipeline = pipeline.add(cmd("RPUSH").arg(&list).arg(&entry));
                expected.push((entry, Some(list)));
            }
        }
        let what = format!("pipeline {n}");
        let about = About::new(&key, &what);
        let start = Instant::now();
        let each = load.client.pipeline_each(patience.of_all(pipeline));
        let outcome = load.request(about, patience, each).await;
        let whole = outcome.effect();
        let mut results = outcome.done().map(Vec::into_iter);
        for (expected, list) in expected {
            let result = results.as_mut().map(|results| results.next());
            let effect = match &result {
                None => whole,
                Some(Some(Ok(_))) => Effect::Applied,
                Some(Some(Err(error))) => {
                    load.judge(about, patience, error, start, Instant::now());
                    Effect::of(error)
                }
                Some(None) => {
                    load.crossed(&key, "as many replies as commands", ());
                    Effect::Perhaps
                }
            };
            let value = result.flatten().and_then(Result::ok);
            match (&list, value) {
                (Some(list), Some(reply)) if !matches!(reply, Value::Integer(1..)) => {
                    load.crossed(list, "a length", reply);
                }
                (None, Some(reply)) if reply.as_str() != Some(&*expected) => {
                    load.crossed(&key, &expected, reply);
                }
                _ => {}
            }
            if let Some(list) = list {
                load.ledgers.note(&list, kept(&load), expected, effect);
            }
        }
        load.rest(&mut rng).await;
    }
}
