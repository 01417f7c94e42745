//! The timer of a request, cheap enough to be set for each.
//!
//! tokio's `Sleep` is exact to the millisecond and takes the runtime's timer lock twice per request. A timeout
//! need not be exact, and nearly none ever fires. So the requests of one layer note deadline and waker in a list,
//! and a task, the *ticker*, looks through the list at every tick. Setting an alarm and taking it back is a short
//! lock, without an allocation once the list has grown. One list is enough: a single command that waits for nothing
//! but a reply sets none, see [`wakeup`]. A pipeline does, for its parts are woken by themselves.
//!
//! ```text
//!            set                 tick past the deadline
//!   Free ───────────▶ Set ──────────────────────────────▶ Rung
//!    ▲                 │                                    │
//!    └─────────────────┴──────────── dropped ───────────────┘
//! ```
//!
//! The ticker lives as long as there are alarms: the first starts it, and it ends at a tick that finds none. If
//! the runtime it runs on ends before, it wakes the requests that are left, and these start another on theirs. A
//! runtime that is kept but not driven stops the ticker, as it stops the connections that live on it.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::metrics::Counters;
use crate::wakeup;

/// One request's alarm. Dropped, it is taken back.
#[derive(Debug)]
pub(super) struct Alarm {
    alarms: Arc<Alarms>,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// Somebody else will wake the request.
    Left,
    Set {
        slot: usize,
    },
}

impl Alarm {
    #[inline]
    pub(super) fn new(alarms: Arc<Alarms>) -> Self {
        let state = State::New;
        Self { alarms, state }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.alarms.counters
    }

    /// Leaves it to somebody else to wake the request at its deadline; false if it may be the deadline that woke it.
    #[inline]
    pub(super) fn leave(&mut self) -> bool {
        let is_first = matches!(self.state, State::New);
        if is_first {
            self.state = State::Left;
        }
        is_first
    }

    /// Ready once the deadline has passed. The first call sets the alarm.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[inline]
    pub(super) fn poll_rung(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        match self.state {
            State::New | State::Left => {
                let waker = cx.waker().clone();
                let slot = self.alarms.list.lock().set(deadline, waker);
                self.state = State::Set { slot };
            }
            State::Set { slot } => {
                let mut list = self.alarms.list.lock();
                let Slot::Set { waker, .. } = &mut list.slots[slot] else {
                    return Poll::Ready(());
                };
                if !waker.will_wake(cx.waker()) {
                    let old = mem::replace(waker, cx.waker().clone());
                    drop(list);
                    drop(old);
                }
            }
        }
        Alarms::ensure_ticking(&self.alarms);
        Poll::Pending
    }
}

impl Drop for Alarm {
    #[inline]
    fn drop(&mut self) {
        if let State::Set { slot } = self.state {
            // Whoever is around goes by it.
            wakeup::withdraw();
            // A waker is dropped without the lock: it may be the last thing that holds its task.
            let cleared = self.alarms.list.lock().clear(slot);
            drop(cleared);
        }
    }
}

/// The alarms of one layer, and where it counts what they ring for.
#[derive(Debug)]
pub(super) struct Alarms {
    counters: Counters,
    tick: Duration,
    is_ticking: AtomicBool,
    list: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    /// The first in the chain of free slots; `slots.len()` if there is none.
    free: usize,
    used: usize,
}

#[derive(Debug)]
enum Slot {
    Free { next: usize },
    Set { deadline: Instant, waker: Waker },
    Rung,
}

impl Alarms {
    /// Alarms for requests that usually have this much time. They ring late by up to a twentieth of it,
    /// clamped to 1 to 10 ms.
    pub(super) fn new(timeout: Duration, counters: Counters) -> Self {
        Self {
            counters,
            tick: (timeout / 20).clamp(Duration::from_millis(1), Duration::from_millis(10)),
            is_ticking: AtomicBool::new(false),
            list: Mutex::default(),
        }
    }

    #[inline]
    fn ensure_ticking(this: &Arc<Self>) {
        // Relaxed: the list's lock orders this against the ticker's last look, see `stop`.
        if !this.is_ticking.load(Ordering::Relaxed) {
            Self::start_ticking(this);
        }
    }

    #[cold]
    fn start_ticking(this: &Arc<Self>) {
        if !this.is_ticking.swap(true, Ordering::Relaxed) {
            let ticker = Ticker {
                alarms: this.clone(),
                has_stopped: false,
            };
            tokio::spawn(ticker.run());
        }
    }

    /// Rings what is due. False if there are no alarms.
    fn ring(&self, now: Instant) -> bool {
        let mut list = self.list.lock();
        let is_used = list.used > 0;
        let due = list.take_due(now);
        drop(list);
        due.into_iter().for_each(Waker::wake);
        is_used
    }

    /// True if the ticker may end.
    fn stop(&self) -> bool {
        self.is_ticking.store(false, Ordering::Relaxed);
        // Whoever sets an alarm does so under the list's lock and looks at `is_ticking` after it. Either this look
        // comes after that and finds the alarm, or that look comes after this and finds the ticker gone.
        let mut list = self.list.lock();
        let is_used = list.used > 0;
        if !is_used {
            *list = Slots::default();
        }
        drop(list);
        !is_used || self.is_ticking.swap(true, Ordering::Relaxed)
    }
}

impl Slots {
    #[inline]
    fn set(&mut self, deadline: Instant, waker: Waker) -> usize {
        let index = self.free;
        let slot = Slot::Set { deadline, waker };
        match self.slots.get_mut(index) {
            None => {
                self.slots.push(slot);
                self.free = self.slots.len();
            }
            Some(free) => match mem::replace(free, slot) {
                Slot::Free { next } => self.free = next,
                Slot::Set { .. } | Slot::Rung => unreachable!("the chain is of free slots"),
            },
        }
        self.used += 1;
        index
    }

    /// Gives back the waker, to be dropped without the lock.
    #[inline]
    fn clear(&mut self, index: usize) -> Slot {
        self.used -= 1;
        let next = mem::replace(&mut self.free, index);
        mem::replace(&mut self.slots[index], Slot::Free { next })
    }

    fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        for slot in &mut self.slots {
            if let Slot::Set { deadline, .. } = slot
                && *deadline <= now
                && let Slot::Set { waker, .. } = mem::replace(slot, Slot::Rung)
            {
                due.push(waker);
            }
        }
        due
    }

    fn wakers(&self) -> impl Iterator<Item = Waker> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Set { waker, .. } => Some(waker.clone()),
            Slot::Free { .. } | Slot::Rung => None,
        })
    }
}

/// The task that rings.
struct Ticker {
    alarms: Arc<Alarms>,
    has_stopped: bool,
}

impl Ticker {
    async fn run(mut self) {
        while !self.has_stopped {
            sleep(self.alarms.tick).await;
            self.has_stopped = !self.alarms.ring(Instant::now()) && self.alarms.stop();
        }
    }
}

/// Its runtime may end before it does.
impl Drop for Ticker {
    fn drop(&mut self) {
        if self.has_stopped {
            return;
        }
        self.alarms.is_ticking.store(false, Ordering::Relaxed);
        let left: Vec<_> = self.alarms.list.lock().wakers().collect();
        left.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_grow_when_all_are_in_use() {
        let now = Instant::now();
        let mut slots = Slots::default();
        let set = |slots: &mut Slots| slots.set(now, Waker::noop().clone());
        assert_eq!(
            [set(&mut slots), set(&mut slots), set(&mut slots)],
            [0, 1, 2]
        );
        slots.clear(1);
        slots.clear(0);
        assert_eq!(slots.used, 1);
        assert_eq!(
            [set(&mut slots), set(&mut slots), set(&mut slots)],
            [0, 1, 3]
        );
        assert_eq!(slots.used, 4);
    }

    #[test]
    fn the_tick_is_a_twentieth_within_bounds() {
        for (timeout_ms, tick_ms) in [(0, 1), (100, 5), (400, 10), (60_000, 10)] {
            let alarms = Alarms::new(Duration::from_millis(timeout_ms), Counters::new());
            assert_eq!(alarms.tick, Duration::from_millis(tick_ms));
        }
    }

    /// Polls an alarm due in a second once, and says whether it has rung.
    async fn poll_once(alarm: &mut Alarm, deadline: Instant) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(alarm.poll_rung(deadline, cx).is_ready())).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_ticker_ends_when_no_alarm_is_left_and_starts_again() {
        let alarms = Arc::new(Alarms::new(Duration::from_secs(1), Counters::new()));
        for _ in 0..2 {
            let mut alarm = Alarm::new(alarms.clone());
            let deadline = Instant::now() + Duration::from_secs(1);
            assert!(!poll_once(&mut alarm, deadline).await);
            sleep(Duration::from_millis(990)).await;
            assert!(!poll_once(&mut alarm, deadline).await);
            assert_eq!(
                Arc::strong_count(&alarms),
                3,
                "ours, the alarm's, the ticker's"
            );
            sleep(Duration::from_millis(20)).await;
            assert!(poll_once(&mut alarm, deadline).await);
            drop(alarm);
            sleep(2 * alarms.tick).await;
            assert_eq!(Arc::strong_count(&alarms), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_wakes_the_task_that_polled_it_last() {
        let alarms = Arc::new(Alarms::new(Duration::from_secs(1), Counters::new()));
        let mut alarm = Alarm::new(alarms);
        let deadline = Instant::now() + Duration::from_secs(1);
        let [mut first, mut last] = [(); 2].map(tokio_test::task::spawn);
        for task in [&mut first, &mut last] {
            assert!(
                task.enter(|cx, _| alarm.poll_rung(deadline, cx))
                    .is_pending()
            );
        }
        sleep(Duration::from_secs(2)).await;
        assert_eq!([first.is_woken(), last.is_woken()], [false, true]);
    }

    #[test]
    fn an_alarm_outlives_the_runtime_it_was_set_on() {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime")
        };
        let alarms = Arc::new(Alarms::new(Duration::from_secs(1), Counters::new()));
        let mut alarm = tokio_test::task::spawn(Alarm::new(alarms));
        let poll = |alarm: &mut tokio_test::task::Spawn<Alarm>, deadline| {
            alarm.enter(|cx, mut alarm| alarm.poll_rung(deadline, cx))
        };
        let deadline = Instant::now() + Duration::from_secs(1);
        runtime().block_on(async {
            assert!(poll(&mut alarm, deadline).is_pending());
        });
        assert!(alarm.is_woken());
        runtime().block_on(async {
            assert!(poll(&mut alarm, deadline).is_pending());
            sleep(Duration::from_secs(2)).await;
            assert!(alarm.is_woken());
            assert!(poll(&mut alarm, deadline).is_ready());
        });
    }
}
