//! What is asked, and whether it is what was answered.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tower_redis_cluster::{Cluster, Error, ErrorKind, Pipeline, cmd};

use super::server::is_value_of;

/// How many numbers a task takes at a time.
const BLOCK: u64 = 64;

pub(crate) struct Load {
    operations: u64,
    next: AtomicU64,
    answered: AtomicU64,
    left: AtomicU64,
    late: AtomicU64,
    lost: AtomicU64,
    unexpected: AtomicU64,
    crossed: AtomicU64,
}

/// What became of the commands.
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) left: u64,
    pub(crate) late: u64,
    pub(crate) unexpected: u64,
    pub(crate) crossed: u64,
}

impl Load {
    pub(crate) fn new(operations: u64) -> Self {
        Self {
            operations,
            next: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            left: AtomicU64::new(0),
            late: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            unexpected: AtomicU64::new(0),
            crossed: AtomicU64::new(0),
        }
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations
    }

    pub(crate) fn counts(&self) -> Counts {
        let value = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            answered: value(&self.answered),
            left: value(&self.left),
            late: value(&self.late),
            unexpected: value(&self.unexpected),
            crossed: value(&self.crossed),
        }
    }

    pub(crate) async fn run(&self, cluster: Cluster, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        loop {
            let first = self.next.fetch_add(BLOCK, Ordering::Relaxed);
            if first >= self.operations {
                return;
            }
            let mut n = first;
            while n < first + BLOCK {
                let most = first + BLOCK - n;
                n += self.request(&cluster, &mut rng, n, most).await;
            }
        }
    }

    /// Makes one request, of these many commands at most; gives how many it had.
    async fn request(&self, cluster: &Cluster, rng: &mut Rng, n: u64, most: u64) -> u64 {
        let key = n.to_string();
        match rng.u8(..100) {
            0..70 => self.check(&key, &cluster.get(&key).await),
            70..80 => {
                let time = Duration::from_micros(rng.u64(500..5_000));
                let get = cmd("GET").arg(&key).timeout(time);
                self.check(&key, &cluster.query(get).await);
            }
            80..88 => {
                let get = cluster.get(&key);
                match until_polled(rng.u32(..4), get).await {
                    Some(value) => self.check(&key, &value),
                    None => count(&self.left, 1),
                }
            }
            88..92 => {
                let time = Duration::from_micros(rng.u64(..3_000));
                match tokio::time::timeout(time, cluster.get(&key)).await {
                    Ok(value) => self.check(&key, &value),
                    Err(_) => count(&self.left, 1),
                }
            }
            92..96 => {
                let commands = rng.u64(1..12).min(most);
                return self.pipeline(cluster, rng, n, commands).await;
            }
            96..98 => {
                let commands = rng.u64(1..6).min(most);
                let keys: Vec<_> = (n..n + commands).map(|n| n.to_string()).collect();
                let values = cluster.mget::<Vec<Bytes>>(&keys).await;
                self.check_all(&keys, values);
                return commands;
            }
            _ if most > 1 => {
                let keys = [format!("{{{n}}}"), format!("{{{n}}}:{}", n + 1)];
                let gets = keys.iter();
                let gets = gets.fold(Pipeline::new(), |all, key| all.add(cmd("GET").arg(key)));
                self.check_all(&keys, cluster.transaction::<Vec<Bytes>>(gets).await);
                return 2;
            }
            _ => self.check(&key, &cluster.get(&key).await),
        }
        1
    }

    async fn pipeline(&self, cluster: &Cluster, rng: &mut Rng, n: u64, commands: u64) -> u64 {
        let keys: Vec<_> = (n..n + commands).map(|n| n.to_string()).collect();
        let gets = keys.iter();
        let mut gets = gets.fold(Pipeline::new(), |all, key| all.add(cmd("GET").arg(key)));
        if rng.u8(..8) == 0 {
            gets = gets.timeout(Duration::from_micros(rng.u64(500..5_000)));
        }
        let polls = if rng.u8(..8) == 0 {
            rng.u32(..4)
        } else {
            u32::MAX
        };
        match until_polled(polls, cluster.pipeline_each(gets)).await {
            None => count(&self.left, commands),
            Some(Err(error)) => self.failed(&error, commands),
            Some(Ok(values)) if values.len() as u64 != commands => self.cross(&keys[0], &values),
            Some(Ok(values)) => {
                for (key, value) in keys.iter().zip(values) {
                    let value = value.map(|value| value.as_bytes().cloned().unwrap_or_default());
                    self.check(key, &value);
                }
            }
        }
        commands
    }

    fn check(&self, key: &str, value: &Result<Bytes, Error>) {
        match value {
            Ok(value) if is_value_of(key.as_bytes(), value) => count(&self.answered, 1),
            Ok(value) => self.cross(key, value),
            Err(error) => self.failed(error, 1),
        }
    }

    fn check_all(&self, keys: &[String], values: Result<Vec<Bytes>, Error>) {
        match values {
            Ok(values) if values.len() == keys.len() => {
                for (key, value) in keys.iter().zip(values) {
                    self.check(key, &Ok(value));
                }
            }
            Ok(values) => self.cross(&keys[0], &values),
            Err(error) => self.failed(&error, keys.len() as u64),
        }
    }

    fn cross(&self, key: &str, got: &impl fmt::Debug) {
        println!("{key} was answered {got:.200?}");
        count(&self.crossed, 1);
    }

    fn failed(&self, error: &Error, commands: u64) {
        let what = match error.kind() {
            ErrorKind::Timeout => &self.late,
            ErrorKind::Connection | ErrorKind::Connect | ErrorKind::Unavailable => &self.lost,
            // Refused, and no time to ask again.
            ErrorKind::Server if error.server_error().is_some_and(|e| e.code() == "TRYAGAIN") => {
                &self.late
            }
            _ => {
                println!("unexpected: {error}");
                &self.unexpected
            }
        };
        count(what, commands);
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// Drops the future after so many polls, unless it is ready by then.
async fn until_polled<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            answered,
            left,
            late,
            unexpected,
            crossed,
        } = self.counts();
        let lost = self.lost.load(Ordering::Relaxed);
        write!(
            f,
            "{answered} answered, {left} left, {late} late, {lost} lost, {unexpected} unexpected, {crossed} crossed"
        )
    }
}
