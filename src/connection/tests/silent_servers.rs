//! Real servers that fall silent, and real sockets on which nothing arrives any more.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::*;
use crate::connect::{ConnectConfig, Connector};
use crate::testing::LocalCluster;

/// What everything here is long over before.
const LONG: Duration = Duration::from_secs(30);

/// `None` where there is no server program.
async fn start() -> Option<LocalCluster> {
    let Some(server) = LocalCluster::find_server() else {
        println!("skipped: no redis-server or valkey-server on the PATH");
        return None;
    };
    let builder = LocalCluster::builder(&server).primaries(1).replicas(0);
    Some(builder.start().await.expect("a local server"))
}

async fn connect_to(addr: NodeAddr) -> Connection {
    let config = Config::default().suspect_after(Duration::from_millis(300));
    let connector = Connector::new(ConnectConfig::default().connection(config));
    connector.oneshot(addr).await.expect("the server runs")
}

async fn ping(connection: &mut Connection) -> Result<(), Error> {
    connection.ready().await?.call(cmd("PING")).await.map(drop)
}

async fn until_suspect(connection: &Connection) {
    let suspect = async {
        while !connection.is_suspect() {
            assert!(!connection.is_closed(), "it is closed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let suspect = tokio::time::timeout(LONG, suspect).await;
    suspect.expect("silence is suspicious");
}

/// How many connections the server has accepted.
async fn accepted(observer: &mut Connection) -> u64 {
    let info = observer.call(cmd("INFO").arg("stats")).await;
    let info = info.expect("the server runs");
    let info = info.as_str().expect("text");
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("a number")
}

/// A way to the server on which what was connected before a moment gets no byte through after it, either way.
struct Way {
    addr: NodeAddr,
    age: watch::Sender<u32>,
    _tasks: JoinSet<()>,
}

impl Way {
    async fn to(server: &NodeAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let age = watch::Sender::new(0);
        let ages = age.subscribe();
        let server = (server.host().to_owned(), server.port());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pipes = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut ages = ages.clone();
                let server = server.clone();
                pipes.spawn(async move {
                    let born = *ages.borrow();
                    let mut server = TcpStream::connect(server).await.expect("it runs");
                    let outdated = async { _ = ages.wait_for(|age| *age > born).await };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        // Both streams stay open.
                        () = outdated => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            addr: NodeAddr::new("127.0.0.1", port),
            age,
            _tasks: tasks,
        }
    }

    fn swallow_all_of_before(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}

#[tokio::test]
async fn a_connection_whose_packets_are_dropped_is_given_up_soon() {
    let Some(local) = start().await else {
        return;
    };
    let way = Way::to(&local.addr(0)).await;
    let mut connection = connect_to(way.addr.clone()).await;
    ping(&mut connection).await.expect("the server answers");
    way.swallow_all_of_before();

    let start = Instant::now();
    let error = ping(&mut connection).await.expect_err("nothing arrives");
    // At 600 ms, and the machine may be busy; the stall timeout is 10 s.
    assert!(start.elapsed().as_secs() < 8, "{:?}", start.elapsed());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::Unknown)
    );
    assert!(error.to_string().contains("new connection"), "{error}");
    ping(&mut connection).await.expect_err("it is finished");
    let mut connection = connect_to(way.addr.clone()).await;
    ping(&mut connection).await.expect("the server answers");
}

#[tokio::test]
async fn a_stopped_server_is_probed_once_and_keeps_its_connection() {
    let Some(local) = start().await else {
        return;
    };
    let mut connection = connect_to(local.addr(0)).await;
    let mut observer = connect_to(local.addr(0)).await;
    for _ in 0..2 {
        let before = accepted(&mut observer).await;
        local.pause(0).expect("the server runs");
        let call = connection.call(cmd("PING"));
        until_suspect(&connection).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(connection.is_suspect(), "{connection:?}");
        local.resume(0).expect("the server is there");
        call.await.expect("the reply was only late");
        assert!(!connection.is_suspect());
        ping(&mut connection).await.expect("the same connection");
        let probes = accepted(&mut observer).await - before;
        assert!(probes <= 1, "{probes}");
    }
}
