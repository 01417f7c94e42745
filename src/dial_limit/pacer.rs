//! The task that lets dials begin when it is time.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::queue::{Next, Queue};

/// Runs while somebody waits. It holds the queue weakly, which owns it.
pub(super) struct Pacer {
    queue: Weak<Queue>,
    changed: Arc<Notify>,
    has_ended: bool,
}

impl Pacer {
    pub(super) fn new(queue: Weak<Queue>, changed: Arc<Notify>) -> Self {
        Self {
            queue,
            changed,
            has_ended: false,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let next = self.queue.upgrade().map(|queue| queue.pace());
            match next {
                Some(Next::At(Some(time))) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.changed.notified() => {}
                },
                Some(Next::At(None)) => self.changed.notified().await,
                Some(Next::Nobody) | None => break,
            }
        }
        self.has_ended = true;
    }
}

/// Its runtime may end before it does.
impl Drop for Pacer {
    fn drop(&mut self) {
        if !self.has_ended
            && let Some(queue) = self.queue.upgrade()
        {
            queue.pacer_ended();
        }
    }
}
