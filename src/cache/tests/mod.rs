//! The cache over mocks: a `Mock` that makes `Mock`s, and time that is paused.

mod edges;
mod idle;
mod rules;
mod stress;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio_test::task;
use tower::{Layer, Service};
use tower_test::mock::{self, Mock, SendResponse};

use super::future::ResponseFuture;
use super::{Cached, ConnectionCache, ConnectionCacheLayer};
use crate::addr::NodeAddr;
use crate::metrics::{Counters, Metrics};

type Connection = Mock<&'static str, &'static str>;
type Peer = mock::Handle<&'static str, &'static str>;

fn node(port: u16) -> NodeAddr {
    NodeAddr::new("node", port)
}

struct Fixture {
    cache: ConnectionCache<Mock<NodeAddr, Connection>>,
    dials: mock::Handle<NodeAddr, Connection>,
    counters: Counters,
}

impl Fixture {
    fn new() -> Self {
        Self::with(ConnectionCacheLayer::new())
    }

    fn with(layer: ConnectionCacheLayer) -> Self {
        let counters = Counters::new();
        let (make, dials) = mock::pair();
        Self {
            cache: layer.counters(counters.clone()).layer(make),
            dials,
            counters,
        }
    }

    /// A request for node 1.
    fn ask(&mut self) -> task::Spawn<ResponseFuture<Connection>> {
        task::spawn(self.cache.call(node(1)))
    }

    /// The next dial, when it begins. Time passes if nothing else is to be done.
    async fn dial(&mut self) -> SendResponse<Connection> {
        let dial = soon(self.dials.next_request()).await;
        dial.expect("the cache lives").1
    }

    async fn assert_no_dial(&mut self) {
        settle().await;
        assert!(
            matches!(self.dials.poll_request(), Poll::Pending),
            "an unwanted dial"
        );
    }

    /// A connection to node 1 that is made now.
    async fn connect(&mut self) -> (Cached<Connection>, Peer) {
        let asked = self.ask();
        let (connection, peer) = mock::pair();
        self.dial().await.send_response(connection);
        (soon(asked).await.expect("connected"), peer)
    }

    /// A request for node 1 that fails now.
    async fn fail(&mut self) -> crate::Error {
        let asked = self.ask();
        self.dial().await.send_error("refused");
        soon(asked).await.expect_err("refused")
    }

    fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }
}

/// What `future` gives. Time is paused, so that a test that waits for nothing fails at once and does not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    let week = Duration::from_secs(7 * 24 * 3600);
    tokio::time::timeout(week, future)
        .await
        .expect("it never comes")
}

/// A connector that never answers, and a token of which each attempt under way holds one more.
fn stuck() -> (
    impl Service<
        NodeAddr,
        Response = Connection,
        Error = Infallible,
        Future: Future<Output = Result<Connection, Infallible>> + Send,
    > + Clone
    + Send
    + 'static,
    Arc<()>,
) {
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    let connect = tower::service_fn(move |_| {
        let held = held.upgrade();
        async move {
            let _held = held;
            std::future::pending().await
        }
    });
    (connect, token)
}

/// Lets every task that can run do so, without letting time pass.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
