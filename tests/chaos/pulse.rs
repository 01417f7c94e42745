//! How late timers are by the test's own fault, for deadlines are not kept by a process that is given no time to run.
//!
//! Control tasks on the same runtime sleep for a few milliseconds again and again, and note each time that they were woken
//! late: from when they went to sleep, since whatever held them up may have begun then. A request that came back late is held
//! against what they noted, and their time does not count. So a request is late only if the runtime was free to tell it, and
//! the client did not. On a machine with more to do than it can, nothing is late.
//!
//! This holds for a runtime of one worker thread. Of several, the system may leave one without a processor, and a task in its
//! hands, while another serves the timers. There only gross lateness tells anything.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// How often each looks.
const PERIOD: Duration = Duration::from_millis(5);

/// What is no delay worth noting: the granularity of timers.
const NOTHING: Duration = Duration::from_millis(3);

/// How many there are, since a worker thread of the runtime may be busy while another is not.
const TASKS: usize = 4;

/// The control timers. They end when this is dropped.
pub(crate) struct Pulse {
    /// From when a timer was set to when it was served, of those served late.
    gaps: Arc<Mutex<Vec<(Instant, Instant)>>>,
    _tasks: JoinSet<()>,
}

impl Pulse {
    pub(crate) fn start() -> Self {
        let gaps = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(beat(Arc::clone(&gaps)));
        }
        Self {
            gaps,
            _tasks: tasks,
        }
    }

    /// How much of this time no control timer was late. To be asked when all that was due then has been served.
    pub(crate) fn free(&self, start: Instant, end: Instant) -> Duration {
        let mut gaps: Vec<_> = {
            let gaps = self.gaps.lock().expect("no panic");
            let overlap = gaps.iter().filter(|gap| gap.0 < end && gap.1 > start);
            overlap.copied().collect()
        };
        gaps.sort();
        let (mut free, mut at) = (Duration::ZERO, start);
        for (from, to) in gaps {
            free += from.saturating_duration_since(at);
            at = at.max(to);
        }
        free + end.saturating_duration_since(at)
    }

    /// How late a timer was at most.
    pub(crate) fn worst(&self) -> Duration {
        let gaps = self.gaps.lock().expect("no panic");
        let longest = gaps.iter().map(|gap| gap.1 - gap.0).max();
        longest.map_or(Duration::ZERO, |longest| longest - PERIOD)
    }
}

async fn beat(gaps: Arc<Mutex<Vec<(Instant, Instant)>>>) {
    loop {
        let set = Instant::now();
        tokio::time::sleep(PERIOD).await;
        let served = Instant::now();
        if served > set + PERIOD + NOTHING {
            gaps.lock().expect("no panic").push((set, served));
        }
    }
}

#[test]
fn only_time_in_which_no_timer_was_late_is_free() {
    let zero = Instant::now();
    let at = |millis| zero + Duration::from_millis(millis);
    let pulse = Pulse {
        gaps: Arc::new(Mutex::new(vec![
            (at(50), at(70)),
            (at(10), at(30)),
            (at(20), at(40)),
        ])),
        _tasks: JoinSet::new(),
    };
    let free = |from, to| pulse.free(at(from), at(to)).as_millis();
    assert_eq!(free(0, 100), 50);
    assert_eq!(free(15, 60), 10);
    assert_eq!(free(80, 90), 10);
    assert_eq!(free(22, 25), 0);
}
