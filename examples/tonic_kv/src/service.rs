//! The service: methods and layers.

use std::future::Future;
use std::time::Duration;

use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tonic::codegen::http;
use tonic::service::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Extensions, Request, Response, Status};
use tower::ServiceBuilder;
use tower::load_shed::{LoadShed, LoadShedLayer};
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::trace::TraceLayer;
use tower_redis_cluster::cluster::DefaultStack;
use tower_redis_cluster::{Cluster, Command, Error, FromValue, cmd};
use tracing::Span;
use tracing::field::{self, Empty};

use crate::deadline::Deadline;
use crate::failure;
use crate::messages::{
    DeleteReply, DeleteRequest, GetReply, GetRequest, IncrementReply, IncrementRequest, SetReply,
    SetRequest,
};
use crate::proto::kv_server::{Kv, KvServer};

/// How long a command may take, retries included, if the caller does not say how long it waits.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_millis(400);

/// How long a request may take, whatever the caller says.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How many commands may be on their way. At some 0.2 ms for each, 256 make a million per second: more of them wait
/// because the cluster is slow, and will not be faster for waiting.
pub(crate) const MAX_IN_FLIGHT: usize = 256;

pub(crate) async fn connect(urls: &[String]) -> Result<Cluster, Error> {
    Cluster::builder(urls)
        .timeout(COMMAND_TIMEOUT)
        .max_in_flight(MAX_IN_FLIGHT)
        .connect()
        .await
}

/// Serves until `stop` is done, and then until the requests under way are answered. Their timeout bounds that time.
pub(crate) async fn serve(
    listener: TcpListener,
    cluster: Cluster,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    // Outermost first. The span knows the request's id; the deadline counts from here.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            // One line for each request, when its span ends; `failure.rs` adds the reasons.
            TraceLayer::new_for_grpc()
                .make_span_with(span)
                .on_request(())
                .on_response(record_code)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(InterceptorLayer::new(Deadline::intercept));

    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .layer(layers)
        .add_service(KvServer::new(KvService::new(cluster)))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop)
        .await
}

fn span<B>(request: &http::Request<B>) -> Span {
    let id = request.extensions().get::<RequestId>();
    tracing::info_span!(
        "grpc",
        method = request.uri().path(),
        code = Empty,
        id = id.and_then(|id| id.header_value().to_str().ok()),
    )
}

fn record_code<B>(response: &http::Response<B>, _: Duration, span: &Span) {
    // A status other than Ok is known when there is no message: it is among the headers then.
    let status = Status::from_header_map(response.headers());
    span.record(
        "code",
        field::debug(status.map_or(Code::Ok, |status| status.code())),
    );
}

// ===== the methods =====

struct KvService {
    /// Refuses at once what the client has no room for, instead of waiting.
    kv: Cluster<LoadShed<DefaultStack>>,
}

impl KvService {
    fn new(cluster: Cluster) -> Self {
        // Any layer goes around a whole client: this is the request seam. The result is a client.
        Self {
            kv: cluster.layer(LoadShedLayer::new()),
        }
    }

    async fn query<T: FromValue>(
        &self,
        extensions: &Extensions,
        command: Command,
    ) -> Result<T, Status> {
        let command = Deadline::apply(extensions, command);
        let is_idempotent = command.is_idempotent();
        let result = self.kv.query(command).await;
        result.map_err(|error| failure::status(error, is_idempotent))
    }
}

#[tonic::async_trait]
impl Kv for KvService {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let (_, extensions, request) = request.into_parts();
        let command = cmd("GET").arg(key(request.key)?);
        // `Bytes` is a slice of what the socket gave: it is copied once, into the reply.
        let value: Option<Bytes> = self.query(&extensions, command).await?;
        Ok(Response::new(GetReply { value }))
    }

    async fn set(&self, request: Request<SetRequest>) -> Result<Response<SetReply>, Status> {
        let (_, extensions, request) = request.into_parts();
        let mut command = cmd("SET").arg(key(request.key)?).arg(request.value);
        if let Some(ttl) = request.ttl_ms {
            command = command.arg("PX").arg(ttl);
        }
        // Setting the same again does no harm, so that it may be retried even when the reply was lost.
        let () = self.query(&extensions, command.idempotent()).await?;
        Ok(Response::new(SetReply {}))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteReply>, Status> {
        let (_, extensions, request) = request.into_parts();
        let command = cmd("DEL").arg(key(request.key)?);
        let deleted: u64 = self.query(&extensions, command).await?;
        Ok(Response::new(DeleteReply {
            deleted: deleted > 0,
        }))
    }

    async fn increment(
        &self,
        request: Request<IncrementRequest>,
    ) -> Result<Response<IncrementReply>, Status> {
        let (_, extensions, request) = request.into_parts();
        // Counting twice does harm: a lost reply is an error here, and the status says that it may have been counted.
        let command = cmd("INCR").arg(key(request.key)?);
        let count = self.query(&extensions, command).await?;
        Ok(Response::new(IncrementReply { count }))
    }
}

/// In proto3, a field that was forgotten is an empty one.
fn key(key: String) -> Result<String, Status> {
    match key.is_empty() {
        true => Err(Status::invalid_argument("the key is missing")),
        false => Ok(key),
    }
}
