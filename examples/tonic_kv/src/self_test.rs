//! The service seen from outside: starts a cluster and the service, and asks it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tower::{BoxError, Service, ServiceExt};
use tower_redis_cluster::{Cluster, cmd};

use crate::backend::Backend;
use crate::messages::{DeleteRequest, GetReply, GetRequest, IncrementRequest, SetRequest};
use crate::proto::kv_client::KvClient;
use crate::service::{self, COMMAND_TIMEOUT, MAX_IN_FLIGHT};

type Result<T> = std::result::Result<T, BoxError>;

pub(crate) async fn run() -> Result<()> {
    let backend = Backend::start().await?;
    let cluster = service::connect(&backend.urls()).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(service::serve(listener, cluster.clone(), stopped));
    let channel = Endpoint::try_from(format!("http://{addr}"))?
        .connect()
        .await?;
    let mut kv = KvClient::new(channel);

    keys_and_values(&mut kv).await?;
    mistakes(&mut kv, &cluster).await?;
    overload(&mut kv, &cluster).await?;
    deadline(&mut kv, &cluster, &backend).await?;
    shutdown(kv, addr, &backend, stop, server).await?;
    cluster.shutdown(COMMAND_TIMEOUT).await?;
    assert_eq!(cluster.metrics().open_connections, 0);
    println!("disconnected");
    Ok(())
}

async fn keys_and_values(kv: &mut KvClient<Channel>) -> Result<()> {
    println!("\n# keys and values");
    assert_eq!(shown(kv.get(get("user:1")).await)?.value, None);
    let set = SetRequest {
        key: "user:1".into(),
        value: "Ann".into(),
        ttl_ms: Some(60_000),
    };
    shown(kv.set(set).await)?;
    assert_eq!(
        shown(kv.get(get("user:1")).await)?.value,
        Some("Ann".into())
    );
    assert!(shown(kv.delete(delete("user:1")).await)?.deleted);
    assert!(!shown(kv.delete(delete("user:1")).await)?.deleted);
    assert_eq!(shown(kv.increment(increment("visits")).await)?.count, 1);
    assert_eq!(shown(kv.increment(increment("visits")).await)?.count, 2);
    Ok(())
}

async fn mistakes(kv: &mut KvClient<Channel>, cluster: &Cluster) -> Result<()> {
    println!("\n# mistakes of the caller");
    refused(kv.get(get("")).await, Code::InvalidArgument);
    let _: i64 = cluster.query(cmd("RPUSH").arg("queue").arg("job")).await?;
    refused(kv.get(get("queue")).await, Code::FailedPrecondition);
    Ok(())
}

async fn overload(kv: &mut KvClient<Channel>, cluster: &Cluster) -> Result<()> {
    println!("\n# overload: all {MAX_IN_FLIGHT} places of the client are taken");
    // A request takes its place when it is called, and gives it back when its future is complete or dropped. These
    // are never even polled.
    let mut client = cluster.clone();
    let mut requests = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        requests.push(client.ready().await?.call(cmd("GET").arg("visits")));
    }
    let start = Instant::now();
    refused(kv.get(get("visits")).await, Code::Unavailable);
    assert!(start.elapsed() < COMMAND_TIMEOUT, "refused at once");
    drop(requests);
    shown(kv.get(get("visits")).await)?;
    Ok(())
}

async fn deadline(kv: &mut KvClient<Channel>, cluster: &Cluster, backend: &Backend) -> Result<()> {
    println!("\n# deadline: the cluster hangs for longer than the caller waits");
    let before = cluster.metrics();
    backend.pause()?;
    let status = refused(
        kv.get(within(Duration::from_secs(1), get("visits"))).await,
        Code::DeadlineExceeded,
    );
    backend.resume()?;
    // Not tonic's own words, but the client's.
    assert_eq!(status.message(), "Timeout, may have been applied");
    shown(kv.get(get("visits")).await)?;
    // A slow reply is no reason to drop a connection: it was skipped when it came, and the same connection went on.
    assert_eq!(cluster.metrics().dials_started, before.dials_started);
    Ok(())
}

/// A request that is under way when the service is told to end is answered.
async fn shutdown(
    mut kv: KvClient<Channel>,
    addr: SocketAddr,
    backend: &Backend,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::result::Result<(), tonic::transport::Error>>,
) -> Result<()> {
    println!("\n# shutdown in the middle of a request");
    backend.pause()?;
    let mut other = kv.clone();
    let mut slow = pin!(kv.get(within(Duration::from_secs(4), get("visits"))));
    // Both go over one connection, in the order they are polled in: when the second is refused, the first is there.
    tokio::select! {
        biased;
        reply = &mut slow => return Err(format!("a hanging cluster answered {reply:?}").into()),
        reply = other.get(get("")) => refused(reply, Code::InvalidArgument),
    };
    stop.send(()).map_err(|()| "the server has ended")?;
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.is_finished(), "it waits for the reply");
    backend.resume()?;
    let GetReply { value } = shown(slow.await)?;
    assert_eq!(value, Some("2".into()));
    server.await??;
    println!("drained");
    Ok(())
}

// ===== requests and replies =====

fn get(key: &str) -> GetRequest {
    GetRequest { key: key.into() }
}

fn delete(key: &str) -> DeleteRequest {
    DeleteRequest { key: key.into() }
}

fn increment(key: &str) -> IncrementRequest {
    IncrementRequest { key: key.into() }
}

/// Sends `grpc-timeout` along.
fn within<T>(timeout: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

fn shown<T: Debug>(reply: std::result::Result<Response<T>, Status>) -> Result<T> {
    let reply = reply?.into_inner();
    println!("{reply:?}");
    Ok(reply)
}

#[track_caller]
fn refused<T: Debug>(reply: std::result::Result<Response<T>, Status>, code: Code) -> Status {
    let status = reply.expect_err("this is refused");
    println!("{:?}: {}", status.code(), status.message());
    assert_eq!(status.code(), code);
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_passes_its_own_test() {
    run().await.unwrap();
}
