//! Faults of the servers, one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{Command, Error, ErrorKind, cmd};

use super::nodes::{self, SHARDS, pair, promoted};
use super::{Allows, FaultLog, Kind, reshard};

/// How long servers may take for a failover that they have not given up. They do so after 5 seconds.
const SLOW: Duration = Duration::from_secs(11);

/// One fault of a shard's servers.
#[derive(Clone, Debug)]
enum Fault {
    /// SIGSTOP of the primary or of its replica, and SIGCONT before the others take it for failed.
    Pause { is_primary: bool, time: Duration },
    /// SIGKILL of either, and a new start with the data it had before the others take it for failed.
    Restart { is_primary: bool, down: Duration },
    /// `CLUSTER FAILOVER`, in which the primary waits until its replica has everything.
    Failover,
    /// Slots go to another primary.
    Reshard { to: usize, slots: usize },
    /// SIGSTOP of the primary until its replica was promoted.
    PauseUntilPromotion,
    /// SIGKILL of the primary until its replica was promoted.
    KillUntilPromotion,
    /// `CLUSTER FAILOVER FORCE` or `TAKEOVER`, of which the primary knows nothing.
    Takeover(&'static str),
}

impl Fault {
    /// What should pass unnoticed.
    fn draw_gentle(rng: &mut Rng, shard: usize) -> Self {
        match rng.bool() {
            true => Self::Failover,
            false => Self::draw_reshard(rng, shard),
        }
    }

    fn draw(rng: &mut Rng, shard: usize, kind: Kind) -> Self {
        let is_primary = rng.u8(..4) > 0;
        let lossless = match rng.u8(..4) {
            0 => Self::Pause {
                is_primary,
                time: Duration::from_millis(rng.u64(50..1500)),
            },
            1 => Self::Restart {
                is_primary,
                down: Duration::from_millis(rng.u64(..500)),
            },
            2 => Self::Failover,
            _ => Self::draw_reshard(rng, shard),
        };
        let lossy = match rng.u8(..8) {
            0..=1 => Self::PauseUntilPromotion,
            2..=3 => Self::KillUntilPromotion,
            4 => Self::Takeover("FORCE"),
            5 => Self::Takeover("TAKEOVER"),
            _ => return lossless,
        };
        match kind {
            Kind::Lossless => lossless,
            Kind::Lossy => lossy,
        }
    }

    fn draw_reshard(rng: &mut Rng, shard: usize) -> Self {
        Self::Reshard {
            to: (shard + rng.usize(1..SHARDS)) % SHARDS,
            slots: rng.usize(2..12),
        }
    }

    fn allows(&self, kind: Kind) -> Allows {
        match self {
            Self::Failover | Self::Reshard { .. } => Allows::NOTHING,
            Self::Pause { .. } if kind == Kind::Lossless => Allows::LOST,
            _ => Allows::ALL,
        }
    }
}

/// Whoever brings about the faults of servers.
pub(crate) struct Servers {
    pub(crate) local: LocalCluster,
    log: Arc<FaultLog>,
    kind: Kind,
    /// The primary of each shard, as it should be.
    primaries: [usize; SHARDS],
    /// When each node was promoted last.
    promoted: [Option<Instant>; 2 * SHARDS],
    /// Whether these servers are of the sort that counts votes [twice](Self::counts_votes_twice).
    counts_votes_twice: bool,
}

impl Servers {
    pub(crate) async fn new(local: LocalCluster, log: Arc<FaultLog>, kind: Kind) -> Self {
        let info = local.query::<String>(0, cmd("INFO").arg("server")).await;
        let counts_votes_twice = !info.expect("it runs").contains("valkey_version:");
        Self {
            local,
            log,
            kind,
            primaries: std::array::from_fn(|shard| shard),
            promoted: Default::default(),
            counts_votes_twice,
        }
    }

    /// True if a graceful failover to this replica would not be one.
    ///
    /// A replica of Redis (seen with 7.0 and 8.6) that is told to take over within twice the node timeout of its last election
    /// counts the votes of that one again: it takes itself for the primary at once, which nobody believes. Within four times,
    /// it waits before it asks for votes. Either way the primary holds back all writes meanwhile, for up to five seconds.
    /// Valkey has no such flaw.
    fn counts_votes_twice(&self, replica: usize) -> bool {
        let memory = 4 * self.kind.node_timeout() + Duration::from_secs(1);
        self.counts_votes_twice && self.promoted[replica].is_some_and(|at| at.elapsed() < memory)
    }

    /// Failovers and reshards that no application should notice.
    pub(crate) async fn be_gentle(&mut self, mut rng: Rng, until: Instant) {
        while Instant::now() < until {
            let shard = rng.usize(..SHARDS);
            let fault = Fault::draw_gentle(&mut rng, shard);
            self.befall(shard, fault, rng.fork()).await;
        }
    }

    /// All faults of this kind. Says when it is over, once the servers agree.
    pub(crate) async fn rage(
        mut self,
        mut rng: Rng,
        until: Instant,
        is_over: Arc<AtomicBool>,
    ) -> Self {
        while Instant::now() < until {
            let (shard, pause) = (rng.usize(..SHARDS), rng.u64(..300));
            let fault = Fault::draw(&mut rng, shard, self.kind);
            sleep(Duration::from_millis(pause)).await;
            self.befall(shard, fault, rng.fork()).await;
        }
        is_over.store(true, Ordering::Relaxed);
        self
    }

    async fn befall(&mut self, shard: usize, fault: Fault, mut rng: Rng) {
        let (primary, replica) = pair(&self.local, shard).await;
        let fault = match fault {
            Fault::Failover if self.counts_votes_twice(replica) => {
                Fault::draw_reshard(&mut rng, shard)
            }
            fault => fault,
        };
        let what = format!("shard {shard}, of node {primary} and its replica {replica}: {fault:?}");
        let log = Arc::clone(&self.log);
        // Until all agree: a node that was started again has yet to hear of the others.
        let _in_force = log.begin(&what, fault.allows(self.kind));
        let expected = match fault {
            Fault::Reshard { .. } => Some(primary),
            // Long enough for a promotion, or not.
            Fault::Pause { .. } | Fault::Restart { .. } => None,
            _ => Some(replica),
        };
        let node = |is_primary| if is_primary { primary } else { replica };
        let done = match fault {
            Fault::Pause { is_primary, time } => self.pause(node(is_primary), time).await,
            Fault::Restart { is_primary, down } => self.restart(node(is_primary), down).await,
            Fault::Failover => self.fail_over(replica, None).await,
            Fault::Takeover(how) => self.fail_over(replica, Some(how)).await,
            Fault::Reshard { to, slots } => {
                let (to, _) = pair(&self.local, to).await;
                reshard::run(&self.local, &mut rng, primary, to, slots).await;
                Ok(())
            }
            Fault::PauseUntilPromotion => self.pause_until_promotion(primary, replica).await,
            Fault::KillUntilPromotion => self.kill_until_promotion(primary, replica).await,
        };
        done.unwrap_or_else(|error| panic!("{what}: {error}"));
        nodes::settled(&self.local).await;
        self.primaries[shard] = match expected {
            Some(expected) => expected,
            None => pair(&self.local, shard).await.0,
        };
        if self.primaries[shard] == replica {
            self.promoted[replica] = Some(Instant::now());
        }
        self.look_for_surprises().await;
    }

    /// Looks whether the servers promoted a replica by themselves, which they do when the machine stands still. Then
    /// nobody knows what they lost.
    pub(crate) async fn look_for_surprises(&mut self) {
        for shard in 0..SHARDS {
            let (primary, _) = pair(&self.local, shard).await;
            if primary != std::mem::replace(&mut self.primaries[shard], primary) {
                self.log
                    .surprise(format_args!("node {primary} was promoted unasked"));
            }
        }
    }

    async fn pause(&self, node: usize, time: Duration) -> Result<(), Error> {
        self.local.pause(node)?;
        sleep(time).await;
        self.local.resume(node)
    }

    async fn restart(&mut self, node: usize, down: Duration) -> Result<(), Error> {
        self.local.kill(node)?;
        sleep(down).await;
        self.local.restart(node)
    }

    async fn fail_over(&self, replica: usize, how: Option<&str>) -> Result<(), Error> {
        let command = cmd("CLUSTER").arg("FAILOVER");
        let command = how.into_iter().fold(command, Command::arg);
        // The servers give it up when one of them is slow; then they are told again.
        for _ in 0..10 {
            // Refused by one that is a primary meanwhile.
            let _ = self.local.query::<()>(replica, command.clone()).await;
            let is_done = tokio::time::timeout(SLOW, promoted(&self.local, replica)).await;
            if is_done.is_ok() {
                return Ok(());
            }
        }
        let message = "the replica is not promoted";
        Err(Error::new(ErrorKind::Timeout, message))
    }

    async fn pause_until_promotion(&self, node: usize, replica: usize) -> Result<(), Error> {
        self.local.pause(node)?;
        promoted(&self.local, replica).await;
        self.local.resume(node)
    }

    async fn kill_until_promotion(&mut self, node: usize, replica: usize) -> Result<(), Error> {
        self.local.kill(node)?;
        promoted(&self.local, replica).await;
        self.local.restart(node)
    }
}
