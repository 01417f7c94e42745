//! One task: one request at a time, and a check of each reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tower_redis_cluster::{Delivery, Error, Slot};

use super::Shard;
use super::recorder::{Ended, Recorder};
use crate::outages::clock::Moment;
use crate::peer::{Failure, Peer};

/// How many keys a task has.
const KEYS: usize = 48;

/// How long a task waits after an error, so that a client that fails at once does not spin.
const AFTER_ERROR: Duration = Duration::from_millis(1);

/// Of so many requests one is a `SET`, one an `INCR`, and the others are a `GET`.
const MIX: usize = 8;

/// A task with keys of its own, all of one shard. No one else writes them.
pub(super) struct Task {
    keys: Vec<Key>,
    /// A key that is only incremented.
    counter: String,
    /// How often that was tried.
    increments: i64,
    is_affected: bool,
    last_success: Arc<AtomicUsize>,
    rng: Rng,
}

struct Key {
    name: String,
    /// The number of the last write that was tried; each key counts its own.
    written: u64,
}

/// Something other than what was asked for.
struct Wrong(String);

impl Task {
    pub(super) fn new(number: usize, shard: &Shard, last_success: Arc<AtomicUsize>) -> Self {
        let names = (0..).map(|index| format!("task{number}:{index}"));
        let mut names = names.filter(|name| shard.slots.contains(&Slot::of(name).number()));
        let counter = names.next().expect("there are always more names");
        let key = |name| Key { name, written: 0 };
        Self {
            keys: names.map(key).take(KEYS).collect(),
            counter,
            increments: 0,
            is_affected: shard.is_affected,
            last_success,
            rng: Rng::with_seed(number as u64),
        }
    }

    /// Until the process ends.
    pub(super) async fn run<P: Peer>(
        mut self,
        mut peer: P,
        recorder: Arc<Recorder>,
    ) -> Result<(), Failure> {
        loop {
            let start = Moment::now()?;
            let ended = self.request(&mut peer).await;
            let end = Moment::now()?;
            let is_success = matches!(ended, Ended::Well);
            recorder.record(self.is_affected, start, end, ended);
            match is_success {
                true => self
                    .last_success
                    .store(recorder.millis(end), Ordering::Relaxed),
                false => tokio::time::sleep(AFTER_ERROR).await,
            }
        }
    }

    async fn request<P: Peer>(&mut self, peer: &mut P) -> Ended {
        let index = self.rng.usize(..self.keys.len());
        let key = &mut self.keys[index];
        match self.rng.usize(..MIX) {
            0 => {
                self.increments += 1;
                match peer.incr(&self.counter).await {
                    Ok(count) => self.check_count(count).into(),
                    Err(error) => failed_write(&*error),
                }
            }
            1 => match key.write(peer).await {
                Ok(()) => Ended::Well,
                Err(error) => failed_write(&*error),
            },
            _ => match peer.get(&key.name).await {
                Ok(found) => key.check(found.as_ref().map(AsRef::as_ref)).into(),
                Err(error) => Ended::Failed {
                    why: error.to_string(),
                    may_be_applied: false,
                },
            },
        }
    }

    /// A failover may lose increments, but nothing may add any. What was added once is not held against later replies.
    fn check_count(&mut self, count: i64) -> Result<(), Wrong> {
        let tried = self.increments;
        self.increments = tried.max(count);
        match (1..=tried).contains(&count) {
            true => Ok(()),
            false => Err(Wrong(format!(
                "{count} after {tried} increments of {}",
                self.counter
            ))),
        }
    }
}

impl Key {
    async fn write<P: Peer>(&mut self, peer: &mut P) -> Result<(), Failure> {
        self.written += 1;
        let value = format!("{}={}", self.name, self.written);
        peer.set(&self.name, Bytes::from(value)).await
    }

    /// A failover may lose writes, but nothing may bring what was not written.
    fn check(&self, found: Option<&[u8]>) -> Result<(), Wrong> {
        let Some(found) = found else {
            return Ok(());
        };
        let found = String::from_utf8_lossy(found);
        let number = found
            .strip_prefix(&self.name)
            .and_then(|rest| rest.strip_prefix('=')?.parse().ok());
        match number {
            Some(1..) if number <= Some(self.written) => Ok(()),
            _ => Err(Wrong(format!("{} holds {found}", self.name))),
        }
    }
}

impl From<Result<(), Wrong>> for Ended {
    fn from(result: Result<(), Wrong>) -> Self {
        match result {
            Ok(()) => Self::Well,
            Err(Wrong(what)) => Self::Wrong(what),
        }
    }
}

/// Whether it may have been applied all the same, only this crate says.
fn failed_write(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Ended {
    let delivery = error.downcast_ref::<Error>().map(Error::delivery);
    Ended::Failed {
        why: error.to_string(),
        may_be_applied: !matches!(delivery, Some(Delivery::NotSent | Delivery::NotApplied)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tower_redis_cluster::Slot;

    use super::Task;
    use crate::outages::application::Shard;

    fn task() -> Task {
        let shard = Shard {
            slots: 100..=5000,
            is_affected: false,
        };
        Task::new(3, &shard, Arc::default())
    }

    #[test]
    fn all_keys_are_of_the_shard() {
        let task = task();
        let names = task.keys.iter().map(|key| &key.name).chain([&task.counter]);
        assert!(
            names
                .map(|name| Slot::of(name).number())
                .all(|slot| (100..=5000).contains(&slot))
        );
    }

    #[test]
    fn only_what_was_written_to_a_key_is_right() {
        let mut task = task();
        let other = format!("{}=1", task.keys[1].name);
        let key = &mut task.keys[0];
        key.written = 2;
        let is_right = |found: String| key.check(Some(found.as_bytes())).is_ok();
        assert!(is_right(format!("{}=1", key.name)));
        assert!(is_right(format!("{}=2", key.name)));
        assert!(!is_right(format!("{}=3", key.name)));
        assert!(!is_right(other));
    }

    #[test]
    fn an_increment_too_many_is_wrong_once() {
        let mut task = task();
        task.increments = 4;
        assert!(task.check_count(4).is_ok());
        assert!(task.check_count(5).is_err());
        task.increments += 1;
        assert!(task.check_count(6).is_ok());
    }
}
