//! The loop that all clients go through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::recorder::{Recorder, Results};
use crate::dataset::Dataset;
use crate::peer::{Failure, Peer, Request, Step};

/// How long a task waits after an error, so that a client that fails at once does not spin.
const AFTER_ERROR: Duration = Duration::from_millis(1);

/// From one key of an `MGET` to the next: a prime, so that none comes twice before all have come.
const STRIDE: usize = 7919;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    WarmUp,
    Measured,
    Over,
}

/// What all tasks share.
pub(super) struct Load {
    request: Request,
    data: Dataset,
    phase: AtomicU8,
    recorder: Recorder,
}

impl Load {
    pub(super) fn new(request: Request, data: Dataset) -> Self {
        Self {
            request,
            data,
            phase: AtomicU8::new(Phase::WarmUp as u8),
            recorder: Recorder::default(),
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn results(&self) -> Results {
        self.recorder.total()
    }

    fn is_in(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Relaxed) == phase as u8
    }

    /// One task: one request at a time until it is over.
    pub(super) async fn run<P: Peer>(self: Arc<Self>, mut peer: P, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let mut start = Instant::now();
        while !self.is_in(Phase::Over) {
            let result = self.request(&mut peer, &mut rng).await;
            let end = Instant::now();
            match result {
                Ok(()) if self.is_in(Phase::Measured) => self.recorder.success(end - start),
                Ok(()) => {}
                Err(error) => {
                    self.recorder.error(|| error.to_string());
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
            start = end;
        }
    }

    async fn request<P: Peer>(&self, peer: &mut P, rng: &mut Rng) -> Result<(), Failure> {
        match self.request {
            Request::Single => self.single(peer, rng).await,
            Request::Pipeline(commands) => self.pipeline(peer, rng, commands).await,
            Request::Mget(keys) => self.mget(peer, rng, keys).await,
        }
    }

    async fn single<P: Peer>(&self, peer: &mut P, rng: &mut Rng) -> Result<(), Failure> {
        let index = rng.usize(..self.data.len());
        match is_set(rng) {
            true => peer.set(self.data.key(index), self.data.value(index)).await,
            false => {
                let found = peer.get(self.data.key(index)).await?;
                self.check(index, found.as_ref().map(AsRef::as_ref))
            }
        }
    }

    async fn pipeline<P: Peer>(
        &self,
        peer: &mut P,
        rng: &mut Rng,
        commands: usize,
    ) -> Result<(), Failure> {
        let mut asked = Vec::with_capacity(commands);
        let mut steps = Vec::with_capacity(commands);
        for _ in 0..commands {
            let index = rng.usize(..self.data.len());
            steps.push(match is_set(rng) {
                true => Step::Set(self.data.key(index), self.data.value(index)),
                false => {
                    asked.push(index);
                    Step::Get(self.data.key(index))
                }
            });
        }
        let found = peer.pipeline(&steps).await?;
        self.check_all(&asked, &found)
    }

    async fn mget<P: Peer>(&self, peer: &mut P, rng: &mut Rng, keys: usize) -> Result<(), Failure> {
        // Each key once: not all clients are prepared for repeated ones.
        let first = rng.usize(..self.data.len());
        let index = |step| (first + step * STRIDE) % self.data.len();
        let asked: Vec<_> = (0..keys).map(index).collect();
        let keys: Vec<_> = asked.iter().map(|index| self.data.key(*index)).collect();
        let found = peer.mget(&keys).await?;
        self.check_all(&asked, &found)
    }

    fn check_all(
        &self,
        asked: &[usize],
        found: &[Option<impl AsRef<[u8]>>],
    ) -> Result<(), Failure> {
        if asked.len() != found.len() {
            return Err(format!("{} values for {} keys", found.len(), asked.len()).into());
        }
        let mut pairs = asked.iter().zip(found);
        pairs.try_for_each(|(index, found)| self.check(*index, found.as_ref().map(AsRef::as_ref)))
    }

    fn check(&self, index: usize, found: Option<&[u8]>) -> Result<(), Failure> {
        let key = self.data.key(index);
        match found {
            Some(found) if self.data.holds(index, found) => Ok(()),
            Some(_) => Err(format!("wrong value of {key}").into()),
            None => Err(format!("no value of {key}").into()),
        }
    }
}

/// Every fourth command.
fn is_set(rng: &mut Rng) -> bool {
    rng.u8(..4) == 0
}
