//! Those who wait for a dial.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::pool::Outcome;
use crate::error::Error;

/// Those who wait for one dial.
///
/// A dial may take longer than many callers wait: those who have gone are swept out whenever there are twice as many as
/// stayed the last time.
pub(super) struct Waiters<S>(Mutex<Waiting<S>>);

struct Waiting<S> {
    senders: Vec<oneshot::Sender<Outcome<S>>>,
    sweep_at: usize,
    /// What those are told who would wait, once nobody is to wait any more.
    refusal: Option<Error>,
}

impl<S> Waiters<S> {
    pub(super) fn with_first() -> (Self, oneshot::Receiver<Outcome<S>>) {
        let (sender, receiver) = oneshot::channel();
        let waiting = Waiting {
            senders: vec![sender],
            sweep_at: 64,
            refusal: None,
        };
        (Self(Mutex::new(waiting)), receiver)
    }

    pub(super) fn join(&self) -> Result<oneshot::Receiver<Outcome<S>>, Error> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock();
        if let Some(error) = &waiting.refusal {
            return Err(error.clone());
        }
        if waiting.senders.len() >= waiting.sweep_at {
            // Nothing was sent to them, so that nothing of others is dropped.
            waiting.senders.retain(|sender| !sender.is_closed());
            waiting.sweep_at = (2 * waiting.senders.len()).max(64);
        }
        waiting.senders.push(sender);
        Ok(receiver)
    }

    /// Lets nobody wait any longer.
    pub(super) fn refuse(&self, error: Error) {
        self.0.lock().refusal = Some(error.clone());
        self.tell(&Err(error));
    }

    pub(super) fn tell(&self, outcome: &Outcome<S>) {
        let waiters = std::mem::take(&mut self.0.lock().senders);
        for waiter in waiters {
            // A caller that has gone away does not need to know.
            let _ = waiter.send(outcome.clone());
        }
    }

    /// How many are kept, those included that have gone.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().senders.len()
    }
}
