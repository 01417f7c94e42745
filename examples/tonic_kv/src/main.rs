//! A gRPC key-value service over a cluster, with tonic; its client too.
//!
//! ```text
//! cargo run -p tonic_kv                                       starts a cluster, serves, tries itself, ends
//! cargo run -p tonic_kv -- --listen 127.0.0.1:50051           starts a cluster, serves until ctrl-c
//! cargo run -p tonic_kv -- redis://10.0.0.1:7000              serves that cluster until ctrl-c
//! grpcurl -plaintext -proto kv.proto -d '{"key": "visits"}' 127.0.0.1:50051 kv.v1.Kv/Increment
//! ```
//!
//! `RUST_LOG=info,tower_redis_cluster=debug` shows the spans of the commands inside those of the requests.
//!
//! What it teaches, in the order to read it:
//!
//! - `service.rs`: one client for all methods, `load_shed` around it, and the layers of the server.
//! - `deadline.rs`: the caller's deadline, `grpc-timeout`, becomes the timeout of its commands.
//! - `failure.rs`: which status each error becomes.
//! - `self_test.rs`: the service seen from outside, through an overload, a deadline and a shutdown.
//! - `build.rs` and `messages.rs`: a gRPC service without `protoc`.

mod args;
mod backend;
mod deadline;
mod failure;
mod messages;
mod self_test;
mod service;

/// The client and the server that `build.rs` generates.
mod proto {
    #![allow(unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/kv.v1.Kv.rs"));
}

use tokio::net::TcpListener;
use tokio::signal;
use tower::BoxError;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::Args;
use crate::backend::Backend;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    print_spans()?;
    let args = Args::from_env()?;
    if args.is_empty() {
        return self_test::run().await;
    }

    // The cluster of a demonstration ends with this variable.
    let mut backend = None;
    let urls = match args.urls.is_empty() {
        true => backend.insert(Backend::start().await?).urls(),
        false => args.urls,
    };
    let cluster = service::connect(&urls).await?;
    let listener = TcpListener::bind(args.listen.as_deref().unwrap_or("127.0.0.1:50051")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    service::serve(listener, cluster.clone(), asked_to_end()).await?;
    // Nothing asks it any more: this closes the connections, and waits for nobody.
    cluster.shutdown(service::COMMAND_TIMEOUT).await?;
    println!("drained");
    Ok(())
}

/// Each span is a line when it ends: what was asked, how it went, how long it took.
fn print_spans() -> Result<(), BoxError> {
    // `Targets` understands what most people write into RUST_LOG, without a regex engine.
    let targets = match std::env::var("RUST_LOG") {
        Ok(filter) => filter.parse()?,
        Err(_) => Targets::new().with_default(LevelFilter::INFO),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(layer)
        .with(targets)
        .init();
    Ok(())
}

/// Ctrl-c, or SIGTERM, which is what orchestrators send.
async fn asked_to_end() {
    #[cfg(unix)]
    let terminated = async {
        signal::unix::signal(signal::unix::SignalKind::terminate())
            .expect("SIGTERM can be handled")
            .recv()
            .await;
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();

    tokio::select! {
        result = signal::ctrl_c() => result.expect("ctrl-c can be handled"),
        () = terminated => {}
    }
}
