//! The future of [`Route`](super::Route).

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::batch::BatchRun;
use super::exchange::{Ended, Exchange, Sender};
use super::kept::Begun;
use super::make::MakeNode;
use super::replies::{
    DEADLINE_PASSED, MOVED_TO_ITSELF, is_sign_of_change, too_many_redirects, unserved,
};
use super::shared::{Handle, Refreshed};
use super::waiting::Waiters;
use crate::addr::NodeAddr;
use crate::command::{Command, Slot, Target};
use crate::error::{Delivery, Error, ErrorKind};
use crate::topology::{Redirect, RedirectKind};
use crate::trace;
use crate::value::{ServerError, Value};

pin_project! {
    /// The way of one command through the cluster.
    ///
    /// ```text
    ///   keys in different slots           no node known
    ///  Failed <────────────────── call ──────────────────> Waiting
    ///                              │                        │  ^
    ///                   node known │    ┌───────────────────┘  │ MOVED to where
    ///                              v    v  refreshed           │ it comes from
    ///            reply <────────── Exchanging ─────────────────┘
    ///                                │    ^
    ///                                └────┘ MOVED, ASK; not sent, and the map names another node by now
    /// ```
    ///
    /// A pipeline has a way of its own, which its commands go side by side; a question for the topology is answered
    /// as soon as there is one.
    ///
    /// It holds on to the task that keeps the topology, so that a wait for it always ends.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<C: MakeNode> {
        handle: Arc<Handle<C>>,
        #[pin]
        exchange: Exchange<C>,
        state: State<C>,
        slot: Option<Slot>,
        redirects: u32,
        was_polled: bool,
    }
}

/// What is rare is boxed, so that it does not make the future larger for every command.
enum State<C: MakeNode> {
    /// Talks to a node.
    Exchanging,
    /// The command cannot be sent as it is; the error is taken by the first poll.
    Failed { error: Option<Error> },
    /// Waits for the outcome of a refresh.
    Waiting { refresh: Box<Refresh> },
    /// Talks to all nodes that the commands of a pipeline are for.
    Batch { run: Box<BatchRun<C>> },
    /// The question for the topology is answered.
    Told,
}

/// A refresh that is waited for.
struct Refresh {
    refreshed: Refreshed,
    /// What the deadline passes "while", for the error.
    during: Cow<'static, str>,
}

/// Who sends a single command.
struct Single<'a, C: MakeNode> {
    handle: &'a Handle<C>,
    slot: Option<Slot>,
}

impl<C: MakeNode> Sender<C> for Single<'_, C> {
    fn nodes(&self) -> C {
        self.handle.nodes()
    }

    fn has_moved(&self, command: &Command, from: &NodeAddr) -> bool {
        let is_pinned = matches!(command.explicit_target(), Some(Target::Node(_)));
        !is_pinned && self.handle.shared().current().has_moved(self.slot, from)
    }

    fn waiters(&self) -> Option<&Arc<Waiters>> {
        Some(self.handle.shared().current().waiters())
    }

    fn keep(&self, addr: &NodeAddr, node: C::Node) {
        if let Some(slot) = self.slot {
            self.handle.keep(slot, addr, node);
        }
    }
}

/// The first step of a command.
enum Step<C: MakeNode> {
    /// The service of the command's node was kept.
    Begun(NodeAddr, Begun<C::Node>),
    /// To a node.
    Exchange(NodeAddr),
    Other(State<C>),
}

impl<C: MakeNode> ResponseFuture<C> {
    /// The response to a command, sent by a make-service that its owner goes on to use.
    #[inline]
    pub(super) fn new(handle: &Arc<Handle<C>>, nodes: &mut C, command: Command) -> Self {
        // One that has a plain slot need not be checked.
        if let Some(slot) = command.plain_slot()
            && let Some((addr, begun)) = handle.begin(slot, &command)
        {
            let exchange = Exchange::on_kept(addr, command, begun);
            return Self::in_state(handle, exchange, State::Exchanging, Some(slot));
        }
        Self::by_rules(handle, nodes, command)
    }

    /// As [`new`](Self::new), of any command, to a node that need not be known.
    #[inline(never)]
    fn by_rules(handle: &Arc<Handle<C>>, nodes: &mut C, command: Command) -> Self {
        let mut slot = None;
        let (exchange, state) = match set_out(handle, &command, &mut slot) {
            Ok(Step::Begun(addr, begun)) => {
                (Exchange::on_kept(addr, command, begun), State::Exchanging)
            }
            Ok(Step::Exchange(addr)) => (Exchange::making(addr, command, nodes), State::Exchanging),
            Ok(Step::Other(state)) => (Exchange::new(command), state),
            Err(error) => {
                let state = State::Failed { error: Some(error) };
                (Exchange::new(command), state)
            }
        };
        Self::in_state(handle, exchange, state, slot)
    }

    #[inline]
    fn in_state(
        handle: &Arc<Handle<C>>,
        exchange: Exchange<C>,
        state: State<C>,
        slot: Option<Slot>,
    ) -> Self {
        Self {
            handle: Arc::clone(handle),
            exchange,
            state,
            slot,
            redirects: 0,
            was_polled: false,
        }
    }

    /// What comes of an exchange: the outcome, unless the command goes on.
    #[inline(never)]
    fn judge(self: Pin<&mut Self>, ended: Ended) -> Option<Result<Value, Error>> {
        let mut reply = match ended {
            Ended::Replied(reply) => reply,
            Ended::Failed(error) => return Some(Err(error)),
            Ended::Moved => {
                let this = self.project();
                match this.handle.shared().current().locate(*this.slot) {
                    Some(addr) => this.exchange.go_to(addr, false),
                    None => *this.state = await_refresh(this.handle),
                }
                return None;
            }
        };
        let Value::Error(error) = &mut reply else {
            return Some(Ok(reply));
        };
        match self.redirect(error) {
            Some(Ok(redirect)) => return self.follow(redirect).err().map(Err),
            Some(Err(error)) => {
                self.trigger();
                return Some(Err(error));
            }
            None => {}
        }
        if is_sign_of_change(error) {
            self.trigger();
        }
        if let Some(addr) = self.exchange.addr() {
            error.set_origin(addr, self.slot);
        }
        Some(Ok(reply))
    }

    /// Polls what the command waits for where that is not an exchange. Ready with nothing if there is another step.
    #[inline(never)]
    fn poll_exchanging(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Value, Error>>> {
        let this = self.as_mut().project();
        let result = match this.state {
            State::Exchanging => return Poll::Ready(None),
            State::Failed { error } => Err(error.take().expect("polled after it was ready")),
            State::Waiting { refresh } => {
                let outcome = ready!(refresh.refreshed.as_mut().poll(cx));
                match self.refreshed(outcome) {
                    Ok(()) => return Poll::Ready(None),
                    Err(error) => Err(error),
                }
            }
            State::Batch { run } => ready!(run.poll(cx)),
            State::Told => Ok(Value::Nil),
        };
        Poll::Ready(Some(result))
    }

    /// Goes on after a refresh that was waited for.
    fn refreshed(self: Pin<&mut Self>, outcome: Result<(), Error>) -> Result<(), Error> {
        let this = self.project();
        let current = this.handle.shared().current();
        if let Some(cell) = this.exchange.command().topology_cell() {
            if this.exchange.command().wants_confirmed_topology() {
                outcome.clone()?;
            }
            let Some(topology) = current.load_full() else {
                return Err(unserved(outcome));
            };
            cell.get_or_init(|| topology);
            *this.state = State::Told;
            return Ok(());
        }
        let Some(addr) = current.locate(*this.slot) else {
            return Err(unserved(outcome));
        };
        this.exchange.go_to(addr, false);
        *this.state = State::Exchanging;
        Ok(())
    }

    /// Looks whether the deadline has passed, with nothing to go on with.
    #[inline(never)]
    fn poll_deadline(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Value, Error>> {
        let deadline = self.exchange.command().deadline();
        if deadline.is_none_or(|deadline| deadline > Instant::now()) {
            return Poll::Pending;
        }
        let result = self.as_mut().timed_out(cx);
        Poll::Ready(self.conclude(result))
    }

    /// Says where an outcome comes from.
    #[inline(never)]
    fn conclude(&self, result: Result<Value, Error>) -> Result<Value, Error> {
        match result {
            Ok(reply) => {
                self.answered();
                Ok(reply)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The redirect that an error reply is.
    fn redirect(&self, error: &ServerError) -> Option<Result<Redirect, Error>> {
        if let Some(Target::Node(_)) = self.exchange.command().explicit_target() {
            // The application chose the node: what it answers is what was asked for.
            return None;
        }
        let from = self.exchange.addr()?;
        let map = &self.handle.shared().config().addr_map;
        Redirect::read(error, &map.answered_by(from))
    }

    /// Sets out for the node that a redirect names.
    fn follow(self: Pin<&mut Self>, redirect: Redirect) -> Result<(), Error> {
        let shared = Arc::clone(self.handle.shared());
        let from = self.exchange.addr().expect("a node has answered").clone();
        let redirects = self.redirects as usize;
        if redirects >= shared.config().max_redirects {
            self.trigger();
            return Err(too_many_redirects(redirects, &redirect, &from));
        }
        shared.count(&redirect);
        if shared.take_note(std::slice::from_ref(&redirect), &from) {
            self.trigger();
        }

        let kind = redirect.kind();
        let this = self.project();
        *this.redirects += 1;
        this.slot.get_or_insert(redirect.slot());
        if kind == RedirectKind::Moved && *redirect.addr() == from {
            // Whoever answered there is not who the cluster means: its host name may have a new address. Asked at
            // once it would say the same again.
            shared.current().renew(&from);
            let refresh = Refresh {
                refreshed: this.handle.refresh(),
                during: MOVED_TO_ITSELF.into(),
            };
            *this.state = State::Waiting {
                refresh: Box::new(refresh),
            };
        } else {
            this.exchange
                .go_to(redirect.into_addr(), kind == RedirectKind::Ask);
        }
        Ok(())
    }

    fn trigger(&self) {
        self.handle.trigger();
    }

    #[inline]
    fn answered(&self) {
        if let Some(addr) = self.exchange.addr() {
            trace::answered_by(addr);
        }
    }

    /// The outcome once the deadline has passed.
    fn timed_out(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<Value, Error> {
        let this = self.project();
        match this.state {
            State::Batch { run } => run.expire(cx),
            State::Waiting { refresh } => Err(Error::not_sent(
                ErrorKind::Timeout,
                format!("{DEADLINE_PASSED} {}", refresh.during),
            )
            .with_delivery(Delivery::NotSent)),
            _ => Err(this.exchange.ended_by(DEADLINE_PASSED)),
        }
    }

    /// Takes note of a failure for the topology's sake, and says in the error where it happened.
    fn failed(&self, error: Error) -> Error {
        if matches!(self.state, State::Exchanging)
            && let Some(addr) = self.exchange.addr()
        {
            let deadline = self.exchange.command().deadline();
            let was_connecting = self.exchange.is_connecting();
            let handle = &self.handle;
            handle.failed(addr, &error, deadline, was_connecting);
        }

        let mut error = error.with_command(self.exchange.command().name());
        if let Some(slot) = self.slot {
            error = error.with_slot(slot);
        }
        if let Some(addr) = self.exchange.addr() {
            error = error.with_node(addr.clone());
        }
        if self.redirects > 0 && error.delivery() == Delivery::NotSent {
            // An earlier node has seen the command, and refused it.
            error = error.with_delivery(Delivery::NotApplied);
        }
        error
    }
}

/// The first step, by the kind of command.
fn set_out<C: MakeNode>(
    handle: &Arc<Handle<C>>,
    command: &Command,
    slot: &mut Option<Slot>,
) -> Result<Step<C>, Error> {
    let shared = handle.shared();
    if shared.config().checks_arguments {
        command.check()?;
    }
    if let Some(batch) = command.batch().filter(|batch| !batch.is_transaction()) {
        let run = BatchRun::new(Arc::clone(handle), command.clone(), Arc::clone(batch));
        let run = Box::new(run);
        return Ok(Step::Other(State::Batch { run }));
    }
    if let Some(cell) = command.topology_cell() {
        let is_good_enough = !command.wants_confirmed_topology() || handle.is_confirmed();
        if is_good_enough && let Some(topology) = shared.current().load_full() {
            cell.get_or_init(|| topology);
            return Ok(Step::Other(State::Told));
        }
        shared.config().seeds()?;
        return Ok(Step::Other(await_refresh(handle)));
    }
    *slot = match command.explicit_target() {
        None => command.slot_for_routing()?,
        Some(Target::Slot(slot)) => Some(*slot),
        Some(Target::AnyPrimary) => None,
        Some(Target::Node(addr)) => return Ok(Step::Exchange(addr.clone())),
        Some(Target::AllPrimaries | Target::AllNodes) => {
            return Err(command.for_several_nodes());
        }
    };
    if let Some(slot) = *slot
        && let Some((addr, begun)) = handle.begin(slot, command)
    {
        return Ok(Step::Begun(addr, begun));
    }
    if let Some(addr) = shared.current().locate(*slot) {
        return Ok(Step::Exchange(addr));
    }
    shared.config().seeds()?;
    Ok(Step::Other(await_refresh(handle)))
}

/// Waits for what may tell of a node that is not known.
fn await_refresh<C: MakeNode>(handle: &Handle<C>) -> State<C> {
    let (refreshed, during) = handle.missing();
    let refresh = Box::new(Refresh { refreshed, during });
    State::Waiting { refresh }
}

impl<C: MakeNode> Future for ResponseFuture<C> {
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            let polled = if let State::Exchanging = this.state {
                let sender = Single {
                    handle: this.handle,
                    slot: *this.slot,
                };
                match this.exchange.poll(cx, &sender) {
                    Poll::Ready(Ended::Replied(reply)) if !matches!(reply, Value::Error(_)) => {
                        self.answered();
                        return Poll::Ready(Ok(reply));
                    }
                    Poll::Ready(ended) => Poll::Ready(self.as_mut().judge(ended)),
                    Poll::Pending => Poll::Pending,
                }
            } else {
                self.as_mut().poll_exchanging(cx)
            };
            match polled {
                Poll::Ready(Some(result)) => return Poll::Ready(self.conclude(result)),
                Poll::Ready(None) => {}
                Poll::Pending => {
                    // Whoever has the timer, the timeout layer or the connection, has us polled once more when it fires.
                    return match std::mem::replace(self.as_mut().project().was_polled, true) {
                        true => self.poll_deadline(cx),
                        false => Poll::Pending,
                    };
                }
            }
        }
    }
}

impl<C: MakeNode> fmt::Debug for ResponseFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("command", self.exchange.command())
            .field("node", &self.exchange.addr())
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
