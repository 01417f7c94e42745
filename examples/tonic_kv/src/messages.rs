//! The messages of `kv.proto`.

use prost::Message;
use prost::bytes::Bytes;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetRequest {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetReply {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetRequest {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) ttl_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetReply {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeleteRequest {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeleteReply {
    #[prost(bool, tag = "1")]
    pub(crate) deleted: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct IncrementRequest {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct IncrementReply {
    #[prost(int64, tag = "1")]
    pub(crate) count: i64,
}
