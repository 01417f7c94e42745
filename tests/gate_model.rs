//! The gate of the in-flight limit in every interleaving of a few threads, stale reads of its relaxed atomics included.
//!
//! A thread that waits for a wake-up which never comes is a deadlock, and found as one.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use self::gate::{Denied, Gate, Place, Turn, Visitor};
use self::lifecycle::Lifecycle;
use self::sync::{Arc, Ordering};

#[path = "../src/limit/gate.rs"]
#[allow(dead_code, reason = "what the layer uses of it")]
mod gate;

/// What the gate takes from its parent module, as the model checker has it.
mod sync {
    pub(crate) use std::sync::Arc;

    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("no panic")
        }
    }
}

mod error {
    pub(crate) use tower_redis_cluster::Error;
}

/// What the gate takes from the life of its client, which is not what is tried here.
mod lifecycle {
    use std::sync::Weak;

    use tower_redis_cluster::{Error, ErrorKind};

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Lifecycle;

    #[allow(dead_code, reason = "nothing ends here")]
    pub(crate) trait Requests: Send + Sync {
        fn refuse(&self);
        fn in_flight(&self) -> usize;
    }

    impl Lifecycle {
        pub(crate) fn bound(&self, _: Weak<dyn Requests>) {}
        pub(crate) fn tell(&self) {}
    }

    pub(crate) fn shut_down() -> Error {
        Error::new(ErrorKind::Shutdown, "the client is shut down")
    }
}

/// Tries them all, with threads interrupted where it matters up to three times.
fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

/// As a request does: takes a place, or waits for its turn.
fn enter(gate: &Gate) -> Place {
    match gate.enter(1) {
        Ok(place) => place,
        Err(denied) => {
            let mut turn = turn(denied);
            block_on(poll_fn(move |cx| turn.poll_place(cx)))
        }
    }
}

fn turn(denied: Denied) -> Turn {
    match denied {
        Denied::Turn(turn) => turn,
        Denied::Closed(error) => panic!("{error}"),
    }
}

/// A gate for so many requests.
fn gate(max: usize) -> Gate {
    Gate::new(max, usize::MAX, &Lifecycle)
}

/// As a service does: waits until it is told of a place, and takes one if nobody was faster.
fn visit(gate: &Gate) -> Place {
    let mut visitor = Visitor::new(gate.clone());
    block_on(poll_fn(|cx| visitor.poll_vacancy(cx))).expect("nothing ends here");
    enter(gate)
}

/// Nobody is inside, and nobody is thought to wait.
fn assert_free(gate: &Gate, max: usize) {
    let places: Vec<_> = (0..max).map(|_| gate.enter(1)).collect();
    assert!(places.iter().all(Result::is_ok));
    assert!(gate.enter(1).is_err());
}

fn poll_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn no_more_are_inside_than_the_bound_and_everyone_gets_in() {
    model(|| {
        let gate = gate(1);
        let inside = Arc::new(AtomicUsize::new(0));
        let stay = |gate: &Gate, inside: &AtomicUsize| {
            let place = enter(gate);
            // Relaxed: that it was counted out by whoever left before must be seen by way of the gate.
            assert_eq!(inside.load(Ordering::Relaxed), 0);
            inside.store(1, Ordering::Relaxed);
            inside.store(0, Ordering::Relaxed);
            drop(place);
        };
        let other = thread::spawn({
            let (gate, inside) = (gate.clone(), Arc::clone(&inside));
            move || stay(&gate, &inside)
        });
        stay(&gate, &inside);
        other.join().expect("no panic");
        assert_free(&gate, 1);
    });
}

#[test]
fn a_service_that_waits_is_told_of_a_place() {
    model(|| {
        let gate = gate(1);
        let place = enter(&gate);
        let other = thread::spawn({
            let gate = gate.clone();
            move || drop(visit(&gate))
        });
        drop(place);
        drop(enter(&gate));
        other.join().expect("no panic");
        assert_free(&gate, 1);
    });
}

#[test]
fn a_request_that_leaves_its_turn_passes_it_on() {
    model(|| {
        let gate = gate(1);
        let place = enter(&gate);
        let mut leaves = turn(gate.enter(1).expect_err("it is taken"));
        assert!(poll_once(|cx| leaves.poll_place(cx)).is_pending());
        let stays = turn(gate.enter(1).expect_err("it is taken"));
        let waiting = thread::spawn(move || {
            let mut stays = stays;
            drop(block_on(poll_fn(move |cx| stays.poll_place(cx))));
        });
        let leaving = thread::spawn(move || drop(leaves));
        drop(place);
        waiting.join().expect("no panic");
        leaving.join().expect("no panic");
        assert_free(&gate, 1);
    });
}

#[test]
fn a_service_that_was_told_and_does_not_come_tells_the_next() {
    model(|| {
        let gate = gate(1);
        let place = enter(&gate);
        let mut leaves = Visitor::new(gate.clone());
        assert!(poll_once(|cx| leaves.poll_vacancy(cx)).is_pending());
        let waiting = thread::spawn({
            let gate = gate.clone();
            move || drop(visit(&gate))
        });
        let leaving = thread::spawn(move || drop(leaves));
        drop(place);
        waiting.join().expect("no panic");
        leaving.join().expect("no panic");
        assert_free(&gate, 1);
    });
}

#[test]
fn of_two_places_both_are_given_to_those_who_wait() {
    model(|| {
        let gate = gate(2);
        let first = enter(&gate);
        let second = enter(&gate);
        let mut turn = turn(gate.enter(1).expect_err("both are taken"));
        let waiting = thread::spawn({
            let gate = gate.clone();
            move || drop(visit(&gate))
        });
        drop(first);
        drop(second);
        let turn = pin!(poll_fn(move |cx| turn.poll_place(cx)));
        drop(block_on(turn));
        waiting.join().expect("no panic");
        assert_free(&gate, 2);
    });
}
