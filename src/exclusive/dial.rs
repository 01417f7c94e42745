//! The task that makes one connection of a lane.

use std::sync::{Arc, Weak};

use tokio::runtime::{self, Handle};

use super::lane::Lane;
use crate::cache::make_service;
use crate::error::Error;

/// Starts a dial, for which the lane has reserved a place.
///
/// It holds the lane weakly and ends with it: a dial is no reason for a lane to live on. Who waits for it does hold
/// the lane, and may leave without ending the dial.
pub(super) fn start<S: Send + 'static>(lane: &Arc<Lane<S>>, runtime: &Handle) {
    let make = lane.make();
    let addr = lane.addr().clone();
    let mut alive = lane.alive();
    let mut dial = Dial {
        lane: Arc::downgrade(lane),
        runtime: runtime.id(),
        is_answered: false,
    };
    lane.counters().exclusive_dials_started().increment();
    // A runtime that was shut down drops the task here and now, which is why no lock is held.
    let lifecycle = lane.lifecycle();
    lifecycle.spawn_on(runtime, async move {
        tokio::select! {
            biased;
            _gone = alive.changed() => {}
            outcome = make_service(make, addr) => dial.answer(outcome),
        }
    });
}

struct Dial<S> {
    lane: Weak<Lane<S>>,
    runtime: runtime::Id,
    is_answered: bool,
}

impl<S> Dial<S> {
    fn answer(&mut self, outcome: Result<S, Error>) {
        self.is_answered = true;
        let Some(lane) = self.lane.upgrade() else {
            return;
        };
        match outcome {
            Ok(connection) => lane.dialled(connection),
            Err(error) => {
                tracing::debug!(
                    server.address = lane.addr().server_address(),
                    server.port = lane.addr().server_port(),
                    %error,
                    "could not make an exclusive connection"
                );
                lane.counters().exclusive_dials_failed().increment();
                lane.dial_failed(error);
            }
        }
    }
}

impl<S> Drop for Dial<S> {
    fn drop(&mut self) {
        if !self.is_answered
            && let Some(lane) = self.lane.upgrade()
        {
            lane.dial_ended(self.runtime);
        }
    }
}
