//! The service: routes, handlers and layers.

use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower::load_shed::{LoadShed, LoadShedLayer};
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tower_redis_cluster::cluster::DefaultStack;
use tower_redis_cluster::cluster::commands::SetOptions;
use tower_redis_cluster::{Cluster, Error, MetricKind};
use tracing::Span;
use tracing::field::Empty;

use crate::failure::Failure;

/// How long a command may take, retries included.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_millis(400);

/// How long a request may take. Longer than any command of it: the client knows which node was slow and whether the
/// command was sent, a layer around it only that time is up. What is left for this one are bodies that trickle in.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How many commands may be on their way. At some 0.2 ms for each, 256 make a million per second: more of them wait
/// because the cluster is slow, and will not be faster for waiting.
pub(crate) const MAX_IN_FLIGHT: usize = 256;

/// What handlers share. All of it is cheap to clone; there is one client in the process, and no pool of them.
#[derive(Clone)]
struct App {
    /// Refuses at once what the client has no room for, where it would wait otherwise.
    kv: Cluster<LoadShed<DefaultStack>>,
}

pub(crate) async fn connect(urls: &[String]) -> Result<Cluster, Error> {
    Cluster::builder(urls)
        .timeout(COMMAND_TIMEOUT)
        .max_in_flight(MAX_IN_FLIGHT)
        .connect()
        .await
}

pub(crate) fn router(cluster: Cluster) -> Router {
    // Any layer goes around a whole client: this is the request seam. The result is a client.
    let kv = cluster.layer(LoadShedLayer::new());

    // Outermost first. The span knows the request's id; what compression and the timeout do happens inside it.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            // One line for each request, when its span ends; `failure.rs` adds the reasons.
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(())
                .on_response(record_status)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(DefaultBodyLimit::max(1024 * 1024));

    Router::new()
        .route("/kv/{key}", get(read).put(write).delete(remove))
        .route("/incr/{key}", post(increment))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .layer(layers)
        .with_state(App { kv })
}

/// Serves until `stop` is done, and then until the requests under way are answered. Their timeout bounds that time.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

/// The route is shown, the path is not: the keys in it belong to the users.
fn span(request: &Request) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>();
    tracing::info_span!(
        "http",
        method = %request.method(),
        route,
        status = Empty,
        id = id.and_then(|id| id.header_value().to_str().ok()),
    )
}

fn record_status<B>(response: &Response<B>, _: Duration, span: &Span) {
    span.record("status", response.status().as_u16());
}

// ===== handlers =====

async fn read(
    State(app): State<App>,
    Path(key): Path<String>,
) -> Result<Result<Bytes, StatusCode>, Failure> {
    // `Bytes` is a slice of what the socket gave: unless it is compressed, nothing copies it.
    let value: Option<Bytes> = app.kv.get(key).await?;
    Ok(value.ok_or(StatusCode::NOT_FOUND))
}

#[derive(Deserialize)]
struct WriteParams {
    /// In seconds; for ever unless given.
    ttl: Option<NonZeroU64>,
}

async fn write(
    State(app): State<App>,
    Path(key): Path<String>,
    Query(params): Query<WriteParams>,
    value: Bytes,
) -> Result<StatusCode, Failure> {
    match params.ttl {
        None => app.kv.set(key, value).await?,
        Some(ttl) => {
            let options = SetOptions::new().expires_in(Duration::from_secs(ttl.get()));
            // False only under a condition, of which there is none here.
            app.kv.set_with(key, value, options).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(app): State<App>, Path(key): Path<String>) -> Result<StatusCode, Failure> {
    Ok(match app.kv.del(key).await? {
        0 => StatusCode::NOT_FOUND,
        _ => StatusCode::NO_CONTENT,
    })
}

async fn increment(State(app): State<App>, Path(key): Path<String>) -> Result<String, Failure> {
    // Counting twice does harm: a lost reply is an error here, and the error says that it may have been counted.
    let count = app.kv.incr(key).await?;
    Ok(format!("{count}\n"))
}

/// Says that the process is alive. It does not ask the cluster: that all instances are taken out of service because of it
/// would turn its outage into ours.
async fn health() -> &'static str {
    "alive\n"
}

/// What the client counts, for Prometheus.
async fn metrics(State(app): State<App>) -> String {
    let mut text = String::new();
    for metric in app.kv.metrics().iter() {
        let (suffix, kind) = match metric.kind {
            MetricKind::Gauge => ("", "gauge"),
            _ => ("_total", "counter"),
        };
        let (name, help, value) = (metric.name, metric.help, metric.value);
        let name = format!("redis_client_{name}{suffix}");
        text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}
