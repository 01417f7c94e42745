//! The deadlines of the commands on a connection: who waits for a reply is woken when there is no use in waiting.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::timer::Timer;

/// How long commands may wait in the queue before their deadlines are looked at, while none are taken from it.
const UNSEEN: Duration = Duration::from_millis(10);

/// The pause after a look at all commands, for each of them: a look at one takes a few hundred instructions.
const PER_COMMAND: Duration = Duration::from_micros(5);
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(10);

/// Tells when the first of them may have passed.
///
/// To note one is a comparison. That a command was answered is not noted, so that the timer fires about once per time
/// allowed, however many commands there are, and its owner then looks at all that are left.
#[derive(Default)]
pub(super) struct Deadlines {
    first: Option<Instant>,
    /// No look before that: the last one took its time.
    not_before: Option<Instant>,
    timer: Timer,
}

impl Deadlines {
    /// Notes the deadline of a command that was taken from the queue.
    #[inline]
    pub(super) fn note(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        let deadline = self
            .not_before
            .map_or(deadline, |start| start.max(deadline));
        if self.first.is_none_or(|first| deadline < first) {
            self.first = Some(deadline);
        }
    }

    /// Notes that there may be commands in the queue whose deadlines are not known.
    pub(super) fn note_unseen(&mut self) {
        self.note(Instant::now().checked_add(UNSEEN));
    }

    /// Ready with the present when a deadline may have passed: to be followed by [`looked`](Deadlines::looked).
    #[inline]
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let Some(first) = self.first else {
            return Poll::Pending;
        };
        self.timer.advance(first);
        loop {
            ready!(self.timer.poll_fired(cx));
            let now = Instant::now();
            if now >= first {
                return Poll::Ready(now);
            }
            // It has fired for one that was looked at.
            self.timer.set(first);
        }
    }

    /// Notes that all commands were looked at, so many, and the first deadline of those left. One that has passed
    /// already is of a command whose caller has not noticed.
    pub(super) fn looked(&mut self, now: Instant, commands: usize, first: Option<Instant>) {
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        let pause = PER_COMMAND.saturating_mul(commands);
        self.not_before = now.checked_add(pause.clamp(SHORTEST, LONGEST));
        self.first = None;
        self.note(first);
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::task;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When each look was, in milliseconds, in so much time. A look finds as many commands, and `first` of them due.
    async fn looks(
        deadlines: &mut Deadlines,
        time: Duration,
        commands: usize,
        first: Option<Instant>,
    ) -> Vec<u128> {
        let start = Instant::now();
        let mut looks = Vec::new();
        let mut task = task::spawn(());
        while start.elapsed() < time {
            while let Poll::Ready(now) = task.enter(|cx, _| deadlines.poll_passed(cx)) {
                looks.push((now - start).as_millis());
                deadlines.looked(now, commands, first);
            }
            tokio::time::sleep(MS).await;
        }
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_is_at_the_first_of_the_deadlines() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        for ms in [50, 30, 40] {
            deadlines.note(Some(start + ms * MS));
        }
        deadlines.note(None);
        assert_eq!(looks(&mut deadlines, 100 * MS, 0, None).await, [30]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_noted_later_may_be_the_first() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.note(Some(start + 50 * MS));
        assert!(looks(&mut deadlines, 10 * MS, 0, None).await.is_empty());
        deadlines.note(Some(start + 30 * MS));
        assert_eq!(looks(&mut deadlines, 90 * MS, 0, None).await, [20]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_passed_and_is_still_there_is_not_looked_at_without_end() {
        let mut deadlines = Deadlines::default();
        let first = Some(Instant::now());
        deadlines.note(first);
        let few = looks(&mut deadlines, 20 * MS, 1, first).await;
        assert_eq!(few.len(), 20, "each millisecond");
        let many = looks(&mut deadlines, 100 * MS, 1_000_000, first).await;
        assert!((10..=11).contains(&many.len()), "each ten: {many:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_seen_is_looked_for() {
        let mut deadlines = Deadlines::default();
        deadlines.note_unseen();
        assert_eq!(looks(&mut deadlines, 100 * MS, 0, None).await, [10]);
    }

    #[tokio::test(start_paused = true)]
    async fn deadlines_beyond_all_time_are_none() {
        let mut deadlines = Deadlines::default();
        deadlines.note(Instant::now().checked_add(Duration::MAX));
        let far = Duration::from_secs(30 * 365 * 24 * 60 * 60);
        deadlines.note(Some(Instant::now() + far));
        assert!(looks(&mut deadlines, 100 * MS, 0, None).await.is_empty());
    }
}
