//! Generates the client and the server of `kv.proto` from a description in Rust, so that no `protoc` is needed.
//!
//! The messages are written by hand, in `src/messages.rs`. With `protoc` at hand, `tonic_prost_build::compile_protos`
//! makes both from the `.proto` file.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let service = Service::builder()
        .package("kv.v1")
        .name("Kv")
        .method(unary("get", "Get"))
        .method(unary("set", "Set"))
        .method(unary("delete", "Delete"))
        .method(unary("increment", "Increment"))
        .build();
    Builder::new().compile(&[service]);
}

/// `rpc Route(RouteRequest) returns (RouteReply)`.
fn unary(name: &str, route: &str) -> Method {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("crate::messages::{route}Request"))
        .output_type(format!("crate::messages::{route}Reply"))
        .codec_path("tonic_prost::ProstCodec")
        .build()
}
