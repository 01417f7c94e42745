//! Servers in a thread of their own.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tower_redis_cluster::Cluster;
use tower_redis_cluster::testing::FakeCluster;

/// Three nodes, until this is dropped.
pub(crate) struct Servers {
    urls: Vec<String>,
    stalls: UnboundedSender<(bool, mpsc::Sender<()>)>,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let (started, urls) = mpsc::channel();
        let (stalls, mut told) = tokio::sync::mpsc::unbounded_channel::<(bool, mpsc::Sender<()>)>();
        thread::spawn(move || {
            super::runtime().block_on(async {
                let fake = FakeCluster::start(3).await;
                started.send(fake.urls()).expect("the test waits for it");
                while let Some((stall, done)) = told.recv().await {
                    for node in fake.nodes() {
                        if stall {
                            node.stall();
                        } else {
                            node.resume();
                        }
                    }
                    done.send(()).expect("the test waits for it");
                }
            });
        });
        let urls = urls.recv().expect("the servers start");
        Self { urls, stalls }
    }

    /// Has the nodes read, but not answer; or answer again.
    pub(crate) fn stall(&self, stall: bool) {
        let (done, is_done) = mpsc::channel();
        self.stalls.send((stall, done)).expect("the servers run");
        is_done.recv().expect("the servers run");
    }

    /// A client that does not lose patience.
    pub(crate) async fn connect(&self) -> Cluster {
        let builder = Cluster::builder(&self.urls).timeout(Duration::from_secs(60));
        builder.connect().await.expect("the servers run")
    }
}
