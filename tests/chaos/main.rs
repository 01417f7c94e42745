//! Chaos with a history checker: a real cluster, servers and connections that fail in every way, tasks that write, count and
//! leave, and a reckoning at the end.
//!
//! ```text
//! cargo test --test chaos -- --nocapture
//! CHAOS_SEED=7 CHAOS_SECONDS=3600 cargo test --release --test chaos -- --nocapture
//! REDIS_SERVER=/path/to/valkey-server cargo test --test chaos
//! ```
//!
//! A round has a cluster of its own and a seed, which decides what befalls whom in which order, and what the tasks ask; when
//! exactly is up to the machine. It is printed at the start and in each failure, and `CHAOS_SEED` begins with it. Time is
//! divided into rounds of [`ROUND`], each with the next seed.
//!
//! # The faults
//!
//! [Servers](faults::servers) are stopped, killed and started again, failed over and given each other's slots, one at a
//! time; at the same time the [lines](faults::lines) to them are closed, closed in one direction, held up (in one
//! direction or both, with nothing closed), delayed, cut in the middle of a reply, refused, and closed by the server.
//! In the first quarter of a round there are graceful failovers and reshards alone.
//!
//! # What is checked
//!
//! - **Each reply belongs to its request.** All values and tokens are unique and name their key.
//! - **What was acknowledged is there, once**; what may have been applied is there once or not at all; and what was told to
//!   be [not sent or not applied](tower_redis_cluster::Delivery) is not there. A future that was dropped before its first
//!   poll was not sent. Counters are between the acknowledged and the acknowledged and unknown increments.
//! - **Transactions** are applied as a whole or not at all.
//! - **No request comes back more than 50 ms after its deadline**, not counting time in which [control timers](pulse) on
//!   the same runtime were late. In every second round, which has two worker threads, it is 500 ms.
//! - **No error but those that a fault at hand excuses.** Graceful failovers and reshards excuse none. Shortly after the
//!   last fault there are none.
//! - **Nothing panics.**
//! - **Nothing is left**: every key can be read at the end, and when the client is dropped, sockets, server-side connections and
//!   tasks are as before.
//!
//! # What servers themselves lose
//!
//! Replication is asynchronous: when a replica takes over from a primary that was killed or that knows nothing of it, writes
//! that the primary acknowledged may be gone, and no client can help it. Therefore there are two [kinds](faults::Kind) of
//! rounds:
//!
//! | | lossless | lossy |
//! |---|---|---|
//! | SIGSTOP, shorter than the node timeout | yes | yes |
//! | SIGKILL and a new start, before a replica is promoted | yes | yes, and it may be |
//! | `CLUSTER FAILOVER`, reshards, faults of lines | yes | yes |
//! | SIGSTOP and SIGKILL until a replica is promoted | | yes |
//! | `CLUSTER FAILOVER FORCE` and `TAKEOVER` | | yes |
//! | all checks | yes | but that acknowledged writes are there |
//!
//! A server that is killed and started again has what it acknowledged, because it answers after it has synced its log to the
//! disk (`appendfsync always`). In lossy rounds there are ledgers that lose nothing either: their entries count as
//! acknowledged when `WAIT` has said that the only replica has them, and no server fault begins before the last one is over
//! and all replicas have caught up. These are checked in full in both kinds, unless the servers promoted a replica by
//! themselves, because the machine stood still for longer than the node timeout: nobody knows what they lost then, and the
//! output says so.
//!
//! A read in a lossy round may see any value that was there before.

mod checks;
mod faults;
mod journal;
mod leaks;
mod ledger;
mod load;
mod numbers;
mod panics;
mod proxy;
mod pulse;
mod request;
mod round;
mod settings;
mod workload;

use std::time::Duration;

use self::faults::Kind;

/// How long the faults of one round last at most.
const ROUND: Duration = Duration::from_secs(30);

/// Rounds of one kind, with one seed after the other.
fn rounds(kind: Kind) {
    let (first, mut left) = (settings::seed(), settings::time());
    for seed in first.. {
        let time = left.min(ROUND);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers(kind, seed))
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(round::run(kind, seed, time));
        left -= time;
        if left.is_zero() {
            return;
        }
    }
}

/// One worker thread, so that what is late is seen, or two, so that tasks run side by side: both in any run.
fn workers(kind: Kind, seed: u64) -> usize {
    let is_even = seed.is_multiple_of(2);
    if is_even == (kind == Kind::Lossless) {
        1
    } else {
        2
    }
}

#[test]
fn nothing_is_lost_crossed_or_left() {
    panics::watch();
    rounds(Kind::Lossless);
    rounds(Kind::Lossy);
}
