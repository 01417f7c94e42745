//! What the client's errors become in gRPC.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tower_redis_cluster::{Delivery, Error, ErrorKind};

/// What a server tells callers that retry by themselves: how long to wait, or, if negative, not to retry. See gRPC's
/// proposal A6, "Pushback".
const RETRY_PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The status for a command that failed.
pub(crate) fn status(error: Error, is_idempotent: bool) -> Status {
    let code = code(&error);
    tracing::warn!(%error, ?code, "command failed");
    // Nodes and slots are for the log. What the caller needs besides the code is whether the command took effect, and
    // the server's words if they are about the request.
    let mut status = match error.server_error() {
        Some(reply) if is_callers_mistake(code) => Status::new(code, reply.to_string()),
        _ => Status::new(code, format!("{:?}, {}", error.kind(), error.delivery())),
    };
    if error.delivery() == Delivery::Unknown && !is_idempotent {
        let never = MetadataValue::from_static("-1");
        status.metadata_mut().insert(RETRY_PUSHBACK, never);
    }
    status
}

fn is_callers_mistake(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::FailedPrecondition)
}

fn code(error: &Error) -> Code {
    match error.kind() {
        // By the book, Unavailable is what a caller may try again.
        ErrorKind::Overloaded
        | ErrorKind::Unavailable
        | ErrorKind::Connect
        | ErrorKind::Connection
        | ErrorKind::Topology
        | ErrorKind::TooManyRedirects
        | ErrorKind::Shutdown => Code::Unavailable,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::InvalidCommand => Code::InvalidArgument,
        ErrorKind::Server => match error.server_error().map_or("", |reply| reply.code()) {
            // The arguments are fine, but not for what is stored under the key.
            "WRONGTYPE" => Code::FailedPrecondition,
            // `ERR value is not an integer`, `ERR invalid expire time`: the server does not like the arguments.
            "ERR" => Code::InvalidArgument,
            "OOM" => Code::ResourceExhausted,
            "NOAUTH" | "NOPERM" | "WRONGPASS" | "CROSSSLOT" => Code::Internal,
            // CLUSTERDOWN, LOADING, TRYAGAIN, MASTERDOWN, READONLY...: retried until the timeout, in vain.
            _ => Code::Unavailable,
        },
        // The rest is ours to mend: a wrong password, a wrong type asked for.
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_not_to_repeat_what_may_have_been_applied() {
        let forbids_retry = |error, is_idempotent| {
            let status = status(error, is_idempotent);
            assert_eq!(status.code(), Code::Unavailable);
            status.metadata().contains_key(RETRY_PUSHBACK)
        };
        let lost = Error::new(ErrorKind::Connection, "closed");
        let not_sent = lost.clone().with_delivery(Delivery::NotSent);
        assert!(!forbids_retry(not_sent, false));
        assert!(!forbids_retry(lost.clone(), true));
        assert!(forbids_retry(lost, false));
    }
}
