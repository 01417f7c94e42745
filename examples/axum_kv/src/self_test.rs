//! The service seen from outside: starts a cluster and the service, and asks it.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Bytes;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, RETRY_AFTER};
use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::{BoxError, Service, ServiceExt};
use tower_redis_cluster::{Cluster, cmd};

use crate::backend::Backend;
use crate::service::{self, COMMAND_TIMEOUT, MAX_IN_FLIGHT};

type Result<T> = std::result::Result<T, BoxError>;

pub(crate) async fn run() -> Result<()> {
    let backend = Backend::start().await?;
    let cluster = service::connect(&backend.urls()).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(service::serve(
        listener,
        service::router(cluster.clone()),
        stopped,
    ));
    let http = Client::new(addr);

    keys_and_values(&http).await?;
    mistakes(&http, &cluster).await?;
    overload(&http, &cluster).await?;
    outage(&http, &cluster, &backend).await?;
    shutdown(addr, stop, server).await?;
    cluster.shutdown(COMMAND_TIMEOUT).await?;
    assert_eq!(cluster.metrics().open_connections, 0);
    println!("disconnected");
    Ok(())
}

async fn keys_and_values(http: &Client) -> Result<()> {
    println!("\n# keys and values");
    http.send(Method::GET, "/kv/user:1", "").await?.is(404);
    http.send(Method::PUT, "/kv/user:1?ttl=60", "Ann")
        .await?
        .is(204);
    http.send(Method::GET, "/kv/user:1", "")
        .await?
        .is(200)
        .says("Ann");
    http.send(Method::DELETE, "/kv/user:1", "").await?.is(204);
    http.send(Method::DELETE, "/kv/user:1", "").await?.is(404);

    http.send(Method::POST, "/incr/visits", "")
        .await?
        .is(200)
        .says("1\n");
    http.send(Method::POST, "/incr/visits", "")
        .await?
        .is(200)
        .says("2\n");

    let long = "a long story ".repeat(100);
    http.send(Method::PUT, "/kv/story", &long).await?.is(204);
    let story = http.get_compressed("/kv/story").await?.is(200);
    assert_eq!(story.0.headers()[CONTENT_ENCODING], "gzip");
    assert!(story.0.headers().contains_key("x-request-id"));
    Ok(())
}

async fn mistakes(http: &Client, cluster: &Cluster) -> Result<()> {
    println!("\n# mistakes of the caller");
    http.send(Method::PUT, "/kv/user:1?ttl=soon", "Ann")
        .await?
        .is(400);
    http.send(Method::POST, "/incr/story", "")
        .await?
        .is(400)
        .says("ERR value is not an integer or out of range\n");
    let _: i64 = cluster.query(cmd("RPUSH").arg("queue").arg("job")).await?;
    http.send(Method::GET, "/kv/queue", "").await?.is(409);
    Ok(())
}

async fn overload(http: &Client, cluster: &Cluster) -> Result<()> {
    println!("\n# overload: all {MAX_IN_FLIGHT} places of the client are taken");
    // A request takes its place when it is called, and gives it back when its future is complete or dropped. These
    // are never even polled.
    let mut client = cluster.clone();
    let mut requests = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        requests.push(client.ready().await?.call(cmd("GET").arg("story")));
    }
    let start = Instant::now();
    let refused = http.send(Method::GET, "/kv/story", "").await?.is(503);
    assert!(start.elapsed() < COMMAND_TIMEOUT, "refused at once");
    assert_eq!(refused.0.headers()[RETRY_AFTER], "1");
    http.send(Method::GET, "/healthz", "").await?.is(200);
    drop(requests);
    http.send(Method::GET, "/kv/story", "").await?.is(200);
    Ok(())
}

async fn outage(http: &Client, cluster: &Cluster, backend: &Backend) -> Result<()> {
    println!("\n# outage: the cluster hangs for a while");
    let before = cluster.metrics();
    backend.pause()?;
    http.send(Method::GET, "/kv/story", "").await?.is(504);
    backend.resume()?;
    http.send(Method::GET, "/kv/story", "").await?.is(200);
    // A slow reply is no reason to drop a connection: it was skipped when it came, and the same connection went on.
    assert_eq!(cluster.metrics().dials_started, before.dials_started);
    http.send(Method::GET, "/healthz", "").await?.is(200);
    http.send(Method::GET, "/metrics", "").await?.is(200);
    Ok(())
}

/// A request that is under way when the service is told to end is answered.
async fn shutdown(
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
) -> Result<()> {
    println!("\n# shutdown in the middle of an upload");
    let mut stream = BufReader::new(TcpStream::connect(addr).await?);
    let head = "PUT /kv/late HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    // The server says so when the handler begins to wait for the body.
    assert_eq!(line(&mut stream).await?, "HTTP/1.1 100 Continue");
    assert_eq!(line(&mut stream).await?, "");

    // The server is told before the body is on its way, and takes no more connections from then on.
    stop.send(()).map_err(|()| "the server has ended")?;
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.is_finished(), "it waits for the upload");
    stream.write_all(b"late").await?;
    assert_eq!(line(&mut stream).await?, "HTTP/1.1 204 No Content");
    println!("PUT    /kv/late -> 204 No Content");
    server.await??;
    println!("drained");
    Ok(())
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}

// ===== the client =====

struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    addr: SocketAddr,
}

/// A response with its body, and claims about it.
struct Answer(Response<Bytes>);

impl Client {
    fn new(addr: SocketAddr) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, addr }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Result<Answer> {
        let request = Request::builder().method(method).uri(self.uri(path));
        self.answer(request.body(Full::from(body.to_owned()))?)
            .await
    }

    async fn get_compressed(&self, path: &str) -> Result<Answer> {
        let request = Request::get(self.uri(path)).header(ACCEPT_ENCODING, "gzip");
        self.answer(request.body(Full::default())?).await
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let shown = format!("{:<6} {}", request.method().as_str(), request.uri().path());
        let (head, body) = self.http.request(request).await?.into_parts();
        println!("{shown} -> {}", head.status);
        let body = body.collect().await?.to_bytes();
        Ok(Answer(Response::from_parts(head, body)))
    }
}

impl Answer {
    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(
            Ok(self.0.status()),
            StatusCode::from_u16(status).map_err(drop)
        );
        self
    }

    #[track_caller]
    fn says(self, body: &str) -> Self {
        assert_eq!(self.0.body(), body);
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_passes_its_own_test() {
    run().await.unwrap();
}
