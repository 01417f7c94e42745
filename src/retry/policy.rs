//! Whether and when a command is sent again.

mod hindsight;
mod parts;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tower::retry::Policy;

use super::backoff::{Backoff, Delays, Patience, TIMER_RESOLUTION};
use super::budget::Budget;
use super::failure::Failure;
use super::news::News;
use super::setback::Setback;
use super::waiting::{Waiter, WaitingRoom};
use crate::command::{BlockTime, Command};
use crate::error::{Delivery, Error};
use crate::metrics::Counters;
use crate::value::Value;

/// While the cluster is not ready, a pause that would outlast the deadline ends this long before it: the time that is left
/// is used to its end, and is enough for one answer.
const LAST_CALL: Duration = Duration::from_millis(25);

/// Retries what is safe to retry, within deadline, count and budget; see the [module docs](super).
///
/// Clones share the budget. A clone made for a request keeps count of its attempts.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    settings: Arc<Settings>,
    attempts: u32,
    /// Retries that `retries` bounds.
    counted: u32,
    /// Why the attempt before this one was not the last.
    earlier: Option<Error>,
    /// How far the command got at most in the attempts before.
    reached: Delivery,
    /// This attempt is a retry that the budget has paid for, made because the cluster was not ready.
    is_after_refusal: bool,
    /// Its place among those who wait for a node that cannot be reached.
    place: Option<Arc<Waiter>>,
}

#[derive(Clone, Debug)]
struct Settings {
    retries: u32,
    counts_all: bool,
    delays: Delays,
    budget: Option<Arc<Budget>>,
    changes: Option<watch::Receiver<u64>>,
    waiting_room: Option<WaitingRoom>,
    counters: Counters,
}

impl RetryPolicy {
    /// Sends a failed command again at most this many times, 0 for never. While the cluster is not ready and the
    /// command has a deadline, the deadline bounds instead; see the [module docs](super#how-often).
    ///
    /// Pauses are up to 10 ms at first and 500 ms at last; the budget is 20% of the requests and 10 retries per
    /// second.
    pub fn new(retries: usize) -> Self {
        Self {
            settings: Arc::new(Settings {
                retries: u32::try_from(retries).unwrap_or(u32::MAX),
                counts_all: false,
                delays: Delays {
                    base: Duration::from_millis(10),
                    max: Duration::from_millis(500),
                },
                budget: Some(Arc::new(Budget::new(0.2, 10.0))),
                changes: None,
                waiting_room: None,
                counters: Counters::new(),
            }),
            attempts: 0,
            counted: 0,
            earlier: None,
            reached: Delivery::NotSent,
            is_after_refusal: false,
            place: None,
        }
    }

    /// Pauses before the first retry for a random time up to `base`, twice that before the second, and so on up
    /// to `max`.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.settings_mut().delays = Delays { base, max };
        self
    }

    /// Retries at most `ratio` times as often as there are requests, and `reserve` times per second besides, for
    /// clients that make few requests. Both are taken over the last ten seconds. What was not sent is tried again
    /// without being counted: no server has had to do with it.
    ///
    /// # Panics
    ///
    /// If `ratio` or `reserve` is negative or not a finite number.
    #[must_use]
    pub fn budget(mut self, ratio: f64, reserve: f64) -> Self {
        assert!(
            [ratio, reserve].iter().all(|x| x.is_finite() && *x >= 0.0),
            "a retry budget is made of finite numbers from 0"
        );
        self.settings_mut().budget = Some(Arc::new(Budget::new(ratio, reserve)));
        self
    }

    /// Retries whatever share of the requests it is. An outage then meets up to `retries` times the load, or more
    /// while the deadline alone bounds.
    #[must_use]
    pub fn no_budget(mut self) -> Self {
        self.settings_mut().budget = None;
        self
    }

    /// Lets `retries` bound every retry, also while the cluster is not ready and the deadline has not passed.
    #[must_use]
    pub fn count_all(mut self) -> Self {
        self.settings_mut().counts_all = true;
        self
    }

    /// Ends a pause that is made because the cluster is not ready as soon as the cluster has changed, so that the end of
    /// an outage is not slept through. [`RouteLayer::changes`](crate::RouteLayer::changes) tells of changes.
    ///
    /// Those who pause then try again within 20 ms, spread over that time, each once per pause; the budget holds for
    /// them as for others.
    #[must_use]
    pub fn hurry_on(mut self, changes: watch::Receiver<u64>) -> Self {
        self.settings_mut().changes = Some(changes);
        self
    }

    /// Lets at most so many requests wait because their node cannot be reached: from when that is found until an attempt
    /// that reaches it has ended. Others end at once, with the outcome at hand, and count as withheld. Commands that block
    /// on the server do not count. No bound unless set.
    ///
    /// Where requests have much time, those for one dead node would else take all places of a bound on requests in
    /// flight, and leave none to those for healthy nodes. Half of that bound suits.
    #[must_use]
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.settings_mut().waiting_room = Some(WaitingRoom::new(requests));
        self
    }

    /// Whether [`max_waiting`](Self::max_waiting) was set.
    pub(crate) fn bounds_waiting(&self) -> bool {
        self.settings.waiting_room.is_some()
    }

    /// Counts `retries` and `retries_withheld` in these counters.
    #[must_use]
    pub fn counters(mut self, counters: Counters) -> Self {
        self.settings_mut().counters = counters;
        self
    }

    /// A clone of the command for the attempts to come; `None` if there will be none.
    #[inline]
    pub(super) fn keep(&self, command: &Command) -> Option<Command> {
        (self.settings.retries > 0).then(|| command.clone())
    }

    /// Counts a request, which allows for so much more retries.
    #[inline]
    pub(super) fn deposit(&self) {
        if let Some(budget) = &self.settings.budget {
            budget.deposit();
        }
    }

    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Has a command sent again as a whole, if that is safe.
    fn retry_whole<E: Failure>(
        &mut self,
        command: &Command,
        result: &Result<Value, E>,
    ) -> Option<Backoff> {
        let Some(setback) = Setback::of(command, command.is_idempotent(), result) else {
            self.has_ended(result.is_ok());
            return None;
        };
        let backoff = self.next(command, &setback)?;
        self.remember(setback);
        Some(backoff)
    }

    /// The pause before the next attempt; `None` if the last one was the last.
    fn next(&mut self, command: &Command, setback: &Setback) -> Option<Backoff> {
        let is_counted = self.is_counted(command, setback);
        if is_counted && self.counted >= self.settings.retries {
            return None;
        }
        self.pause(command, setback, is_counted, !is_counted)
    }

    /// Whether a retry after this setback is one that `retries` bounds.
    fn is_counted(&self, command: &Command, setback: &Setback) -> bool {
        self.settings.counts_all || !setback.is_unready || command.deadline().is_none()
    }

    /// The pause, if there is time for it and a token in the budget. `is_counted` is whether it counts; `is_patient`
    /// whether it may wait for a token.
    fn pause(
        &mut self,
        command: &Command,
        setback: &Setback,
        is_counted: bool,
        is_patient: bool,
    ) -> Option<Backoff> {
        let settings = &*self.settings;
        let deadline = command.deadline();
        let blocks = command.block_time() != BlockTime::NotBlocking;
        let number = self.attempts - 1;
        let mut delay = if number == 0 && setback.is_closed_before_sent() {
            Duration::ZERO
        } else {
            settings.delays.draw(number)
        };
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            // A long pause is not to leave less than one answer takes.
            let margin = match is_patient && delay > LAST_CALL {
                true => LAST_CALL,
                false => TIMER_RESOLUTION,
            };
            if left <= delay.saturating_add(margin) {
                if !is_patient || left <= LAST_CALL + TIMER_RESOLUTION {
                    return None;
                }
                delay = left - LAST_CALL;
            }
        }
        match &settings.waiting_room {
            Some(room) if setback.is_unreachable && !blocks => {
                // It keeps its place while it tries: an attempt to connect may take as long as any pause.
                let Some(place) = self.place.take().or_else(|| room.enter().map(Arc::new)) else {
                    self.withheld(
                        command,
                        &setback.error,
                        "enough requests wait for their node",
                    );
                    return None;
                };
                self.place = Some(place);
            }
            _ => self.place = None,
        }
        let mut is_granted = true;
        let backoff = match &settings.budget {
            Some(budget) if setback.was_sent && !budget.withdraw() => {
                // What a cluster that is not ready refuses is held back until there are tokens again, and given up if
                // there are none just before the deadline. Anything else is given up at once.
                let until = deadline
                    .filter(|_| is_patient)
                    .and_then(|deadline| deadline.checked_sub(LAST_CALL))
                    .filter(|until| *until > Instant::now());
                let Some(until) = until else {
                    self.withheld(command, &setback.error, "the budget is empty");
                    return None;
                };
                is_granted = false;
                let patience = Patience {
                    budget: Arc::clone(budget),
                    counters: settings.counters.clone(),
                    interval: settings.delays.max,
                    until,
                };
                Backoff::patient(delay, patience)
            }
            _ => Backoff::new(delay),
        };
        let news = settings.changes.as_ref().filter(|_| setback.is_unready);
        let backoff = backoff.unless(news.map(News::next));
        self.counted += u32::from(is_counted);
        let message = match is_granted {
            true => {
                settings.counters.retries().increment();
                "retrying"
            }
            false => "waiting for the retry budget",
        };
        tracing::debug!(
            target: "tower_redis_cluster",
            command = %command.name(),
            attempt = self.attempts,
            cause = setback.error.cause(),
            delay_ms = delay.as_secs_f64() * 1e3,
            "{message}",
        );
        Some(backoff)
    }

    fn withheld(&self, command: &Command, error: &Error, why: &str) {
        self.settings.counters.retries_withheld().increment();
        tracing::debug!(
            target: "tower_redis_cluster",
            command = %command.name(),
            attempt = self.attempts,
            cause = error.cause(),
            "retry withheld: {why}",
        );
    }

    /// Makes the outcome of the last attempt final, though another was to follow it.
    pub(super) fn give_up<E: Failure>(
        &mut self,
        command: &Command,
        outcome: &mut Result<Value, E>,
    ) {
        if let Some(error) = &self.earlier {
            self.withheld(command, error, "the budget was empty for too long");
        }
        if let Some(batch) = command.batch().filter(|batch| !batch.is_transaction()) {
            *outcome = self.settle_parts(batch);
        }
        self.conclude(command, outcome);
    }

    /// Takes note that the request has its answer, or an error that is final.
    fn has_ended(&self, is_answered: bool) {
        if self.is_after_refusal
            && is_answered
            && let Some(budget) = &self.settings.budget
        {
            // The cluster is ready again. The requests that wait for tokens need not wait for those of new requests.
            budget.refund();
        }
    }

    fn remember(&mut self, setback: Setback) {
        self.is_after_refusal = setback.is_unready && setback.was_sent;
        self.reached = self.reached.at_most(setback.error.delivery());
        self.earlier = Some(setback.error);
    }

    /// Writes into the last error what it cannot know.
    fn annotate(&mut self, error: &mut Error) {
        let told = error.clone().with_attempts(self.attempts);
        let reached = told.delivery().at_most(self.reached);
        *error = Self::with_reason(told.with_delivery(reached), self.earlier.as_ref());
    }

    /// A timeout says only that time was up; the attempts before it say what took it.
    fn with_reason(error: Error, earlier: Option<&Error>) -> Error {
        match earlier {
            Some(earlier) if error.is_timeout() && error.source().is_none() => {
                error.with_source(earlier.clone())
            }
            _ => error,
        }
    }
}

impl From<usize> for RetryPolicy {
    /// As [`RetryPolicy::new`].
    fn from(retries: usize) -> Self {
        Self::new(retries)
    }
}

impl<E: Failure> Policy<Command, Value, E> for RetryPolicy {
    type Future = Backoff;

    fn retry(
        &mut self,
        command: &mut Command,
        result: &mut Result<Value, E>,
    ) -> Option<Self::Future> {
        if self.attempts == 0 {
            self.deposit();
        }
        self.attempts = self.attempts.saturating_add(1);
        let batch = command.batch().filter(|batch| !batch.is_transaction());
        let backoff = match batch {
            Some(batch) => self.retry_parts(command, batch, result),
            None => self.retry_whole(command, result),
        };
        if backoff.is_none() {
            self.conclude(command, result);
        }
        backoff
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        self.keep(command)
    }
}
