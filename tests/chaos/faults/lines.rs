//! Faults of the lines between the client and the servers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;
use tower::{Service, ServiceExt};
use tower_redis_cluster::{Command, ConnectConfig, Connector, NodeAddr, cmd};

use super::{Allows, FaultLog};
use crate::proxy::{Direction, Proxies};

/// One fault of the lines to one node.
#[derive(Clone, Debug)]
enum Fault {
    Close,
    HalfClose(Direction),
    Hold(Vec<Direction>, Duration),
    Delay(Duration, Duration),
    CutAfter(usize),
    Refuse(Duration),
    /// The server closes all connections by itself.
    ClientKill,
}

impl Fault {
    fn draw(rng: &mut Rng) -> Self {
        let mut millis =
            |range: std::ops::Range<u64>| Duration::from_millis(rng.u64(range.start..range.end));
        let (short, long) = (millis(1..60), millis(50..2500));
        match rng.u8(..10) {
            0 => Self::Close,
            1 => Self::HalfClose(Direction::BOTH[rng.usize(..2)]),
            2 => Self::Hold(vec![Direction::ToServer], long),
            3 => Self::Hold(vec![Direction::ToClient], long),
            4 => Self::Hold(Direction::BOTH.to_vec(), long),
            5 => Self::Delay(short, long),
            6 => Self::CutAfter(rng.usize(1..100)),
            7 => Self::CutAfter(rng.usize(100..50_000)),
            8 => Self::Refuse(long),
            _ => Self::ClientKill,
        }
    }

    fn allows(&self) -> Allows {
        match self {
            // Whoever is silent may be taken for lost.
            Self::Hold(..) => Allows::LOST,
            Self::Delay(..) => Allows::LATE,
            _ => Allows::LOST,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Goes on until it is over. All faults are ended then.
pub(crate) async fn run(
    mut rng: Rng,
    proxies: Arc<Proxies>,
    nodes: Vec<NodeAddr>,
    log: Arc<FaultLog>,
    is_over: Arc<AtomicBool>,
) {
    while !is_over.load(Ordering::Relaxed) {
        let (pause, node) = (rng.u64(20..400), rng.usize(..nodes.len()));
        let fault = Fault::draw(&mut rng);
        sleep(Duration::from_millis(pause)).await;
        let what = format!("lines to node {node}: {fault}");
        let _in_force = log.begin(what, fault.allows());
        bring_about(fault, &proxies, node, &nodes[node]).await;
    }
    proxies.heal();
}

async fn bring_about(fault: Fault, proxies: &Proxies, node: usize, addr: &NodeAddr) {
    match fault {
        Fault::Close => proxies.close(node),
        Fault::HalfClose(direction) => proxies.half_close(node, direction),
        Fault::Hold(directions, time) => {
            for holds in [true, false] {
                for direction in &directions {
                    proxies.hold(node, *direction, holds);
                }
                if holds {
                    sleep(time).await;
                }
            }
        }
        Fault::Delay(delay, time) => {
            proxies.delay(node, delay);
            sleep(time).await;
            proxies.delay(node, Duration::ZERO);
        }
        Fault::CutAfter(bytes) => {
            proxies.cut_after(node, bytes);
            // It comes when so much was sent.
            sleep(Duration::from_millis(300)).await;
        }
        Fault::Refuse(time) => {
            proxies.refuse(node, true);
            proxies.close(node);
            sleep(time).await;
            proxies.refuse(node, false);
        }
        Fault::ClientKill => {
            let kill = cmd("CLIENT").arg("KILL").arg(["TYPE", "normal"]);
            // The node may be down.
            let _ = tokio::time::timeout(Duration::from_secs(1), tell(addr, kill)).await;
        }
    }
}

async fn tell(addr: &NodeAddr, command: Command) -> Result<(), tower_redis_cluster::Error> {
    let connector = Connector::new(ConnectConfig::default());
    let mut connection = connector.oneshot(addr.clone()).await?;
    connection.ready().await?.call(command).await?;
    Ok(())
}
