//! Whom the driver wakes because their time is over.

use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::{Driver, Due, InFlight};
use crate::connection::reply::Promise;

impl<IO> Driver<IO> {
    /// Wakes those whose deadline has passed, and sees to it that this is looked at in time.
    ///
    /// Called last in each poll, so that it is known what has been taken from the queue.
    #[inline]
    pub(super) fn see_to_deadlines(&mut self, cx: &mut Context<'_>) {
        loop {
            if self.has_waited {
                self.deadlines.note_unseen();
            }
            let Poll::Ready(now) = self.deadlines.poll_passed(cx) else {
                return;
            };
            self.wake_overdue(now);
        }
    }

    #[cold]
    fn wake_overdue(&mut self, now: Instant) {
        let mut commands = 0;
        let mut first = None;
        let mut overdue = Vec::new();
        let mut look = |promise: &Promise| {
            commands += 1;
            let Some(deadline) = promise.wanted_by() else {
                return;
            };
            if deadline <= now {
                overdue.extend(promise.take_waker());
            }
            first = Some(first.map_or(deadline, |first: Instant| first.min(deadline)));
        };
        for InFlight { due, .. } in &self.in_flight {
            match due {
                Due::Nobody | Due::Credentials(_) => {}
                Due::One { promise, .. } => look(promise),
                Due::Unit(unit) => look(unit.promise()),
            }
        }
        self.taken.promises().for_each(&mut look);
        self.queue.look_at_each(look);
        self.deadlines.looked(now, commands, first);
        // Outside of the queue's lock.
        overdue.into_iter().for_each(Waker::wake);
    }
}
