//! Keeping a connection authenticated: the task that asks for new credentials, and has them sent.
//!
//! The provider may take its time or fail, which is why it is not the driver that waits for it. The task ends with the
//! driver.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{MaybeDone, maybe_done};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::BoxError;

use super::handshake;
use super::queue::Queue;
use crate::addr::NodeAddr;
use crate::command::{Command, cmd};
use crate::connect::{Credentials, CredentialsChanged, CredentialsProvider};
use crate::metrics::Counters;
use crate::value::Value;

/// The least time between two questions to the provider, and the first pause after a failure.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const LONGEST: Duration = Duration::from_secs(60);

/// How long the provider has. At the handshake, that is for the timeout of connecting to say.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is asked for the credentials of one connection, and when again.
pub(crate) struct Renewal {
    provider: Arc<dyn CredentialsProvider>,
    /// Ready if they changed since they were last asked for.
    changed: Option<MaybeDone<CredentialsChanged>>,
    /// How long they last that were given last.
    lifetime: Option<Duration>,
    counters: Counters,
}

impl Renewal {
    pub(crate) fn new(provider: Arc<dyn CredentialsProvider>, counters: Counters) -> Self {
        Self {
            provider,
            changed: None,
            lifetime: None,
            counters,
        }
    }

    /// Asks the provider.
    pub(crate) async fn ask(&mut self, addr: &NodeAddr) -> Result<Option<Credentials>, BoxError> {
        // First of all: a change from here on is seen, whether or not it is in what the provider tells now.
        self.changed = self.provider.changed().map(maybe_done);
        poll_fn(|cx| {
            if let Some(changed) = &mut self.changed {
                let _ = std::pin::Pin::new(changed).poll(cx);
            }
            Poll::Ready(())
        })
        .await;
        let credentials = self.provider.credentials(addr).await?;
        self.lifetime = credentials.as_ref().and_then(Credentials::lifetime);
        Ok(credentials)
    }

    /// False if there is never anything to renew.
    pub(super) fn is_due_ever(&self) -> bool {
        self.changed.is_some() || self.lifetime.is_some()
    }

    /// Renews the credentials for as long as the connection lives.
    pub(super) async fn run(mut self, queue: Arc<Queue>) {
        let mut failures = 0;
        let mut asked = Instant::now();
        loop {
            self.due(failures).await;
            sleep_until(asked + SHORTEST).await;
            asked = Instant::now();
            let reason = match timeout(PATIENCE, self.ask(queue.addr())).await {
                // It was let in, and nothing takes that back.
                Ok(Ok(None)) => {
                    failures = 0;
                    continue;
                }
                Ok(Ok(Some(credentials))) => {
                    let Ok(reply) = queue.push_credentials(auth(&credentials)) else {
                        return;
                    };
                    match reply.await {
                        Ok(Value::Error(error)) => {
                            handshake::without_password(&error, Some(&credentials))
                        }
                        Ok(_) => {
                            failures = 0;
                            self.counters.reauthentications().increment();
                            continue;
                        }
                        Err(_) => return,
                    }
                }
                // What it says may be secret.
                Ok(Err(_)) => "the credentials provider failed".to_owned(),
                Err(_) => format!("the credentials provider took longer than {PATIENCE:?}"),
            };
            failures += 1;
            self.counters.reauthentications_failed().increment();
            tracing::warn!(
                server.address = queue.addr().server_address(),
                server.port = queue.addr().server_port(),
                failures,
                reason,
                "could not renew the credentials of a connection"
            );
        }
    }

    /// Waits until it is time to ask again.
    async fn due(&mut self, failures: u32) {
        let pause = match (failures, self.lifetime) {
            (0, None) => None,
            // The earliest a quarter before the end, and not all connections at the same moment.
            (0, Some(lifetime)) => Some(lifetime.mul_f64(0.75 + 0.15 * fastrand::f64())),
            _ => Some(backoff(failures)),
        };
        let changed = async {
            match &mut self.changed {
                Some(changed) => changed.await,
                None => pending().await,
            }
        };
        let elapsed = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = changed => {}
            () = elapsed => {}
        }
    }
}

fn auth(credentials: &Credentials) -> Command {
    match credentials.user() {
        Some(user) => cmd("AUTH").arg(user).arg(credentials.password()),
        None => cmd("AUTH").arg(credentials.password()),
    }
}

/// Half of it is certain: other than a dial, a renewal that fails is nobody's emergency.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
    ceiling.mul_f64(0.5 + 0.5 * fastrand::f64())
}
