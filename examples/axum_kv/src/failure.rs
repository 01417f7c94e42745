//! What the client's errors become in HTTP.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use tower_redis_cluster::{Delivery, Error, ErrorKind};

/// A command that failed. `?` makes one of the client's error.
#[derive(Debug)]
pub(crate) struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self.0.kind() {
            // Not now, perhaps soon: another instance or a later try can do better.
            ErrorKind::Overloaded
            | ErrorKind::Unavailable
            | ErrorKind::Connect
            | ErrorKind::Connection
            | ErrorKind::Topology
            | ErrorKind::TooManyRedirects
            | ErrorKind::Shutdown => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::InvalidCommand => StatusCode::BAD_REQUEST,
            ErrorKind::Server => self.status_of_reply(),
            // The rest is ours to mend: a wrong password, a wrong type asked for.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The status for an error reply of the server.
    fn status_of_reply(&self) -> StatusCode {
        match self.0.server_error().map_or("", |reply| reply.code()) {
            // The request is fine; what is stored under the key is not what it needs.
            "WRONGTYPE" => StatusCode::CONFLICT,
            // `ERR value is not an integer`, `ERR invalid expire time`: the server does not like the arguments.
            "ERR" => StatusCode::BAD_REQUEST,
            "OOM" => StatusCode::INSUFFICIENT_STORAGE,
            "NOAUTH" | "NOPERM" | "WRONGPASS" | "CROSSSLOT" => StatusCode::INTERNAL_SERVER_ERROR,
            // CLUSTERDOWN, LOADING, TRYAGAIN, MASTERDOWN, READONLY...: retried until the timeout, in vain.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the caller may know: the server's words if they are about the request, else what the status says.
    fn explanation(&self, status: StatusCode) -> String {
        match self.0.server_error() {
            Some(reply) if status.is_client_error() => reply.to_string(),
            _ => status.canonical_reason().unwrap_or_default().to_owned(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        // Nodes and slots are for the log. Outside, they are nobody's business.
        if status.is_server_error() {
            tracing::warn!(error = %self.0, %status, "command failed");
        } else {
            tracing::info!(error = %self.0, %status, "command refused");
        }
        let explanation = self.explanation(status) + "\n";
        let mut response = (status, explanation).into_response();

        // An invitation to try again is for requests that were not applied. One that may have been applied can
        // still be repeated if its method is idempotent, which HTTP clients know by themselves: GET, PUT, DELETE.
        if status == StatusCode::SERVICE_UNAVAILABLE && self.0.delivery() != Delivery::Unknown {
            response.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower_redis_cluster::ServerError;

    fn response(error: Error) -> (u16, bool) {
        let response = Failure(error).into_response();
        (
            response.status().as_u16(),
            response.headers().contains_key(RETRY_AFTER),
        )
    }

    #[test]
    fn only_what_was_not_applied_invites_a_retry() {
        let lost = Error::new(ErrorKind::Connection, "closed");
        let not_sent = lost.clone().with_delivery(Delivery::NotSent);
        assert_eq!(response(not_sent), (503, true));
        assert_eq!(response(lost), (503, false));
    }

    #[test]
    fn a_reply_that_outlived_its_retries_is_unavailability() {
        assert_eq!(
            response(ServerError::new("CLUSTERDOWN Hash slot not served").into()),
            (503, true)
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_a_conflict() {
        assert_eq!(
            response(ServerError::new("WRONGTYPE Operation against a key").into()),
            (409, false)
        );
    }
}
