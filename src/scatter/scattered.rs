//! A request on its way to several nodes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::members::Members;
use super::plan::{Plan, Spread};
use crate::command::{Batch, BlockTime, Command, TopologyCell};
use crate::error::{Delivery, Error};
use crate::value::Value;

pin_project! {
    /// A request that several nodes answer.
    ///
    /// ```text
    ///              which nodes there are        ready
    ///  call ──> Asking ──────────────> Readying ─────> Gathering ──> response
    ///   │                                                  ^
    ///   └──────── the keys say where it goes ──────────────┘
    /// ```
    pub(super) struct Scattered<S: Service<Command>> {
        service: S,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        /// Waits for the topology.
        Asking {
            #[pin] answer: F,
            cell: Arc<TopologyCell>,
            request: Option<Unplanned>,
        },
        /// Waits for the service to be ready once more.
        Readying { planned: Option<Planned> },
        /// Waits for the replies.
        Gathering {
            #[pin] reply: F,
            batch: Arc<Batch>,
            plan: Option<Plan>,
        },
    }
}

/// A request for which the topology has to be known.
struct Unplanned {
    command: Command,
    spreads: Vec<Spread>,
    since: Instant,
}

/// A request that is ready to be sent.
struct Planned {
    plan: Plan,
    sent: Command,
}

impl<S> Scattered<S>
where
    S: Service<Command, Response = Value>,
    S::Error: Into<BoxError>,
{
    /// Sends a request over a service that is ready.
    ///
    /// # Errors
    ///
    /// If it cannot be sent as it is.
    pub(super) fn new(
        mut service: S,
        command: Command,
        spreads: Vec<Spread>,
    ) -> Result<Self, Error> {
        let state = if spreads.iter().any(Spread::needs_nodes) {
            let (query, cell) = Command::confirmed_topology_query();
            let query = query.with_limits_of(&command);
            let request = Unplanned {
                command,
                spreads,
                since: Instant::now(),
            };
            State::Asking {
                answer: service.call(query),
                cell,
                request: Some(request),
            }
        } else {
            let (plan, sent) = Plan::new(command, spreads, None)?;
            gathering(&mut service, plan, sent)
        };
        Ok(Self { service, state })
    }
}

fn gathering<S: Service<Command>>(service: &mut S, plan: Plan, sent: Command) -> State<S::Future> {
    let batch = Arc::clone(sent.batch().expect("a plan is sent as a pipeline"));
    State::Gathering {
        reply: service.call(sent),
        batch,
        plan: Some(plan),
    }
}

impl Unplanned {
    fn plan(self, answer: Result<Value, Error>, cell: &TopologyCell) -> Result<Planned, Error> {
        let name = self.command.name();
        // Whatever became of the question, the command itself was not sent.
        let unsent = |error: Error| error.with_delivery(Delivery::NotSent).with_command(name);
        let members = answer
            .and_then(|_| Members::answered(cell))
            .map_err(unsent)?;
        let (plan, mut sent) = Plan::new(self.command, self.spreads, Some(&members))?;
        if sent.block_time() == BlockTime::NotBlocking {
            // To the caller it is one wait.
            sent.set_waiting_since(self.since);
        }
        Ok(Planned { plan, sent })
    }
}

impl<S> Future for Scattered<S>
where
    S: Service<Command, Response = Value>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Value, Error>;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Asking {
                    answer,
                    cell,
                    request,
                } => {
                    let answer = ready!(answer.poll(cx)).map_err(ours);
                    let request = request.take().expect("taken once");
                    State::Readying {
                        planned: Some(request.plan(answer, cell)?),
                    }
                }
                StateProj::Readying { planned } => {
                    ready!(this.service.poll_ready(cx)).map_err(ours)?;
                    let Planned { plan, sent } = planned.take().expect("taken once");
                    gathering(this.service, plan, sent)
                }
                StateProj::Gathering { reply, batch, plan } => {
                    let whole = ready!(reply.poll(cx)).map_err(ours);
                    let plan = plan.take().expect("polled after it was ready");
                    return Poll::Ready(plan.conclude(batch.settle(whole)));
                }
            };
            this.state.set(next);
        }
    }
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from(error.into())
}
