//! One client's connection: reads requests, has them executed, writes the replies.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::commands::reply;
use super::dispatch::Outcome;
use super::faults::Answer;
use super::outbox::Outbox;
use super::stall::Stall;
use super::state::Shared;
use crate::resp::{Decoder, Limits, Version, encode};
use crate::value::Value;

/// Bytes of replies that may wait for a client that does not read; its requests wait too then.
const MAX_UNWRITTEN: usize = 64 * 1024 * 1024;

/// Bytes to read at once, at least.
const READ_LEN: usize = 16 * 1024;

/// Bytes of requests that are read ahead while the client is blocked.
const MAX_UNREAD: usize = 1024 * 1024;

/// Serves a connection that a client has made to `node`, in a task of its own; drops it if the node is not there.
pub(super) fn spawn<S>(shared: &Arc<Shared>, node: usize, peer: String, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (client, stall) = {
        let mut state = shared.lock();
        let Some(client) = state.admit(node, peer) else {
            return;
        };
        (client, Arc::clone(&state.nodes[node].faults.stall))
    };
    let session = Session {
        stall,
        seat: Seat {
            shared: Arc::clone(shared),
            node,
            client,
        },
        decoder: Decoder::new(Limits::default()),
        input: BytesMut::new(),
        outbox: Outbox::default(),
        scratch: BytesMut::new(),
        wait: None,
        is_closing: false,
    };
    // Not under the lock: a runtime that has shut down drops the session at once, and that takes the lock.
    let task = shared.runtime.spawn(session.run(stream)).abort_handle();
    match shared.lock().nodes[node].clients.get_mut(&client) {
        Some(client) => client.task = Some(task),
        // It was dismissed meanwhile.
        None => task.abort(),
    }
}

/// A client's place at its node, given up on drop.
struct Seat {
    shared: Arc<Shared>,
    node: usize,
    client: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.lock().dismiss(self.node, self.client);
    }
}

struct Session {
    seat: Seat,
    stall: Arc<Stall>,
    decoder: Decoder,
    input: BytesMut,
    outbox: Outbox,
    /// One reply, encoded.
    scratch: BytesMut,
    wait: Option<Wait>,
    /// Write what is in the outbox, and close.
    is_closing: bool,
}

/// A blocking command under way.
struct Wait {
    reply: oneshot::Receiver<Value>,
    deadline: Option<Instant>,
}

/// What a session waited for.
enum Event {
    Stalled,
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Due,
    /// The blocking command's reply, or none in time.
    Unblocked(Option<Value>),
}

impl Session {
    async fn run<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        loop {
            self.stall.ends().await;
            self.answer_all();
            let due = self.outbox.next_due();
            if self.is_closing && self.outbox.len() == 0 {
                // Says so before the socket goes, so that the client reads the last reply.
                let _ = writer.shutdown().await;
                return;
            }
            let wants_input = !self.is_closing
                && self.outbox.len() < MAX_UNWRITTEN
                && (self.wait.is_none() || self.input.len() < MAX_UNREAD);
            self.input
                .reserve(self.decoder.bytes_needed().max(READ_LEN));
            // In a fixed order, so that one schedule of faults always has one course.
            let event = tokio::select! {
                biased;
                () = self.stall.begins() => Event::Stalled,
                value = unblocked(&mut self.wait) => Event::Unblocked(value),
                written = writer.write(&self.outbox.ready), if !self.outbox.ready.is_empty() => Event::Written(written),
                read = reader.read_buf(&mut self.input), if wants_input => Event::Read(read),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Event::Due,
            };
            match event {
                Event::Stalled | Event::Due => {}
                Event::Read(Ok(0) | Err(_)) | Event::Written(Ok(0) | Err(_)) => return,
                Event::Read(Ok(_)) => {}
                Event::Written(Ok(len)) => drop(self.outbox.ready.split_to(len)),
                Event::Unblocked(value) => self.end_wait(value),
            }
        }
    }

    /// Executes the requests that have arrived, as far as the client may go on.
    fn answer_all(&mut self) {
        if self.outbox.len() == 0 && self.wait.is_none() {
            let seat = &self.seat;
            seat.shared.lock().end_batch(seat.node, seat.client);
        }
        while !self.is_closing && self.wait.is_none() && self.outbox.len() < MAX_UNWRITTEN {
            let args = match self.decoder.decode(&mut self.input) {
                Ok(None) => return,
                Ok(Some(request)) => arguments(request),
                Err(_) => None,
            };
            let Some(args) = args else {
                self.is_closing = true;
                let error = reply::error("ERR Protocol error: expected an array of bulk strings");
                return self.send(Answer::Value(Value::Error(error)), None);
            };
            // An empty request is none.
            if args.is_empty() {
                continue;
            }
            let seat = &self.seat;
            let outcome = seat.shared.lock().execute(seat.node, seat.client, args);
            match outcome {
                Outcome::Answer(answer, version) => self.send(answer, Some(version)),
                Outcome::LastAnswer(value, version) => {
                    self.is_closing = true;
                    self.send(Answer::Value(value), Some(version));
                }
                Outcome::Wait { reply, deadline } => self.wait = Some(Wait { reply, deadline }),
                Outcome::Gone => self.is_closing = true,
            }
        }
    }

    fn end_wait(&mut self, value: Option<Value>) {
        let Some(mut wait) = self.wait.take() else {
            return;
        };
        let value = value.or_else(|| {
            self.seat.shared.lock().unblock(self.seat.client);
            // Another client may have served this one just before.
            wait.reply.try_recv().ok()
        });
        self.send(Answer::Value(value.unwrap_or(Value::Nil)), None);
    }

    fn send(&mut self, answer: Answer, version: Option<Version>) {
        self.scratch.clear();
        let mut state = self.seat.shared.lock();
        let node = &mut state.nodes[self.seat.node];
        match answer {
            Answer::Raw(bytes) => self.scratch.extend_from_slice(&bytes),
            Answer::Value(value) => {
                let current = node.clients.get(&self.seat.client);
                let version = version.or(current.map(|client| client.version));
                encode(&value, version.unwrap_or(Version::Resp2), &mut self.scratch);
            }
        }
        if let Some(len) = node.faults.cut(self.scratch.len()) {
            self.scratch.truncate(len);
            self.is_closing = true;
        }
        self.outbox.push(&self.scratch, node.faults.delay);
    }
}

/// The end of a blocking command, with its reply or by timeout; never, if there is none.
async fn unblocked(wait: &mut Option<Wait>) -> Option<Value> {
    let Some(wait) = wait else {
        return std::future::pending().await;
    };
    let deadline = wait.deadline;
    let timed_out = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        value = &mut wait.reply => value.ok(),
        () = timed_out => None,
    }
}

/// The arguments of a request, copied off the read buffer, which would otherwise live as long as any of them.
fn arguments(request: Value) -> Option<Vec<Bytes>> {
    let Value::Array(values) = request else {
        return None;
    };
    let bulk = |value| match value {
        Value::BulkString(bytes) => Some(Bytes::copy_from_slice(&bytes)),
        _ => None,
    };
    values.into_iter().map(bulk).collect()
}
