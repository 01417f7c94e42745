//! What the driver makes of it when nothing arrives.

use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::{Driver, Due};
use crate::connection::silence::Meaning;
use crate::connection::suspicion::{Report, Suspicion};
use crate::connection::write_buffer::WriteBuffer;
use crate::error::{Error, ErrorKind};

impl<IO> Driver<IO> {
    /// Ready with the end of the connection once it is certain that nothing will arrive.
    ///
    /// Asked only after the socket was looked at: what waited there while this process did not run counts as heard.
    pub(super) fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            if self.suspicion.is_some()
                && let Poll::Ready(error) = self.poll_suspicion(cx)
            {
                return Poll::Ready(error);
            }
            let is_due = !self.in_flight.is_empty();
            let meaning = ready!(self.silence.poll_meaning(cx, is_due));
            match meaning {
                Meaning::Idle => {
                    self.ping();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // Its caller still waits for it.
                Meaning::Suspicious | Meaning::Stalled if self.is_excused() => self.heard(),
                Meaning::Suspicious => self.suspect(),
                Meaning::Stalled => return Poll::Ready(self.stalled()),
            }
        }
    }

    /// While the connection is suspect, ready once it need not be waited for.
    fn poll_suspicion(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            let is_waited_for = self.is_waited_for();
            let Some(suspicion) = &mut self.suspicion else {
                return Poll::Pending;
            };
            // Who waits has as long as with handles left.
            if self.queue.is_let_go(cx.waker())
                && (!is_waited_for || suspicion.poll_patience(cx).is_ready())
            {
                return Poll::Ready(Error::not_sent(
                    ErrorKind::Connection,
                    format!(
                        "the connection was let go of after nothing had arrived for {:?} although replies were due",
                        self.silence.elapsed()
                    ),
                ));
            }
            ready!(suspicion.poll_disproved(cx));
            // Who waits for what is slow on one connection only, as while writes are paused, may do so for longer.
            if !is_waited_for || self.silence.is_twice_suspicious() {
                return Poll::Ready(self.silent());
            }
        }
    }

    /// Takes note that the peer does what it should.
    pub(super) fn heard(&mut self) {
        self.stirred();
        self.silence.restart();
    }

    /// Takes note that the peer is there.
    pub(super) fn stirred(&mut self) {
        self.silence.stirred();
        if self.suspicion.is_some() {
            self.trust();
        }
    }

    #[cold]
    fn trust(&mut self) {
        self.suspicion = None;
        self.silence.trust();
        self.queue.set_suspect(false);
        self.trace("the connection is no longer suspect");
    }

    fn suspect(&mut self) {
        self.silence.suspect();
        let report = self.suspicions.as_ref();
        let report = report.map(|to| Report::new(to, self.queue.addr()));
        let start = self.probe_pace.take(Instant::now());
        self.suspicion = Some(Suspicion::new(
            self.prober.as_ref(),
            start,
            self.silence.patience(),
            report,
        ));
        self.has_waited = true;
        self.queue.set_suspect(true);
        self.trace("the connection is suspect: nothing arrives although replies are due");
    }

    /// Asks for a sign of life that nobody waits for.
    fn ping(&mut self) {
        self.put(Due::Nobody, WriteBuffer::encode_ping);
        self.begins = true;
    }

    /// True if the command whose turn it is explains the silence. Replies come in order, so no other can.
    fn is_excused(&self) -> bool {
        let first = self.in_flight.front();
        first.is_some_and(|first| match &first.due {
            Due::Nobody | Due::Credentials(_) => false,
            Due::One {
                promise,
                may_be_silent,
                ..
            } => *may_be_silent && !promise.is_abandoned(),
            Due::Unit(unit) => unit.may_be_silent(),
        })
    }

    /// True if somebody waits for the reply that is next.
    fn is_waited_for(&self) -> bool {
        let first = self.in_flight.front();
        first.is_some_and(|first| match &first.due {
            Due::Nobody | Due::Credentials(_) => false,
            Due::One { promise, .. } => !promise.is_abandoned(),
            Due::Unit(unit) => unit.is_waited_for(),
        })
    }

    fn silent(&self) -> Error {
        let elapsed = self.silence.elapsed();
        Error::not_sent(
            ErrorKind::Timeout,
            format!(
                "nothing arrived on the connection for {elapsed:?} although replies were due, and the node answers on a new \
                 connection"
            ),
        )
    }

    fn stalled(&self) -> Error {
        let elapsed = self.silence.fruitless();
        Error::not_sent(
            ErrorKind::Timeout,
            format!("no reply arrived on the connection for {elapsed:?} although replies were due"),
        )
    }

    fn trace(&self, message: &'static str) {
        let addr = self.queue.addr();
        tracing::debug!(
            server.address = addr.server_address(),
            server.port = addr.server_port(),
            in_flight = self.in_flight.len(),
            message
        );
    }
}
