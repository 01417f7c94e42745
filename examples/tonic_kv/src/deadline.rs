//! The caller's deadline, which becomes the timeout of each command made for it.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Status};
use tower_redis_cluster::Command;

use crate::service::REQUEST_TIMEOUT;

/// The header in which a caller says how long it is going to wait.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// When the caller has to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// An interceptor: notes the deadline when the request arrives, so that all that happens before its command is
    /// sent counts.
    pub(crate) fn intercept(mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(timeout) = timeout(request.metadata()) {
            // tonic watches the same deadline, at both ends, and answers with no more than "Timeout expired". We are a
            // little earlier, with what the client of the cluster knows: which node, and whether it was sent.
            let deadline = Instant::now() + timeout.min(REQUEST_TIMEOUT).mul_f64(0.9);
            request.extensions_mut().insert(Self(deadline));
        }
        Ok(request)
    }

    /// Gives a command the time that is left; without a deadline, the client's timeout holds.
    ///
    /// So a caller may have less time than the client's timeout, or more, up to [`REQUEST_TIMEOUT`].
    pub(crate) fn apply(extensions: &Extensions, command: Command) -> Command {
        match extensions.get::<Self>() {
            Some(Self(deadline)) => {
                command.timeout(deadline.saturating_duration_since(Instant::now()))
            }
            None => command,
        }
    }
}

/// Up to eight digits and a unit: gRPC over HTTP/2, "Timeout".
fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let count: u32 = digits.parse().ok()?;
    let unit = match unit {
        "H" => Duration::from_secs(3600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    Some(unit * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &'static str) -> Option<Duration> {
        let mut metadata = MetadataMap::new();
        metadata.insert(GRPC_TIMEOUT, header.parse().unwrap());
        timeout(&metadata)
    }

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(parsed("250m"), Some(Duration::from_millis(250)));
        assert_eq!(
            parsed("99999999H"),
            Some(Duration::from_secs(3600 * 99_999_999))
        );
        for wrong in ["", "m", "250", "250x", "-1m", "123456789n"] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }
}
