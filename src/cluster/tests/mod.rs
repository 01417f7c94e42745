//! What is sent for pipelines, transactions and scripts, and what is made of the answers, over a stack that answers as
//! each test says.

mod costs;
mod instances;
mod pipelines;
mod scripts;
mod transactions;

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tower::Service;

use super::Cluster;
use crate::command::Command;
use crate::error::Error;
use crate::value::{ServerError, Value};

/// The requests that the stack has seen.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Command>>>);

impl Sent {
    /// The commands of each request, as words.
    fn lines(&self) -> Vec<Vec<String>> {
        self.requests().iter().map(lines).collect()
    }

    fn requests(&self) -> Vec<Command> {
        self.0.lock().expect("no panic").clone()
    }
}

fn lines(request: &Command) -> Vec<String> {
    let line = |command: &Command| {
        let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        words.join(" ")
    };
    match request.batch() {
        Some(batch) => batch.commands().iter().map(line).collect(),
        None => vec![line(request)],
    }
}

/// A stack that answers each request as a function says.
#[derive(Clone)]
struct Answering<F> {
    answer: F,
    sent: Sent,
}

fn stack<F>(answer: F) -> (Cluster<Answering<F>>, Sent)
where
    F: Fn(&Command) -> Result<Value, Error> + Clone,
{
    let sent = Sent::default();
    let stack = Answering {
        answer,
        sent: sent.clone(),
    };
    (Cluster::new(stack), sent)
}

impl<F> Service<Command> for Answering<F>
where
    F: Fn(&Command) -> Result<Value, Error>,
{
    type Response = Value;
    type Error = Error;
    type Future = Ready<Result<Value, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let result = (self.answer)(&command);
        self.sent.0.lock().expect("no panic").push(command);
        ready(result)
    }
}

/// Answers each command of a batch by itself.
fn each(request: &Command, answer: impl Fn(&str) -> Value) -> Result<Value, Error> {
    let replies = lines(request).iter().map(|line| answer(line)).collect();
    Ok(Value::Array(replies))
}

fn error(line: &'static str) -> Value {
    Value::Error(ServerError::new(line))
}

fn bulk(text: &'static str) -> Value {
    Value::BulkString(text.into())
}
