//! A stack that writes down what it is sent, and answers the same to all.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tower::Service;
use tower_redis_cluster::{Cluster, Command, Pipeline, Value};

/// The commands sent so far.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<Command>>>);

#[derive(Clone)]
pub(crate) struct Answering {
    reply: Value,
    sent: Sent,
}

pub(crate) fn answering(reply: Value) -> (Cluster<Answering>, Sent) {
    let sent = Sent::default();
    let stack = Answering {
        reply,
        sent: sent.clone(),
    };
    (Cluster::new(stack), sent)
}

impl Service<Command> for Answering {
    type Response = Value;
    type Error = Infallible;
    type Future = Ready<Result<Value, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        self.sent.0.lock().unwrap().push(command);
        ready(Ok(self.reply.clone()))
    }
}

impl Sent {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    /// The last command that was sent.
    pub(crate) fn last(&self) -> Command {
        self.0.lock().unwrap().last().expect("a command").clone()
    }

    /// The one command that was sent, as words and with its name; the servers' table must agree with it.
    pub(crate) fn only(&self) -> (String, String) {
        let sent = self.0.lock().unwrap();
        let [command] = &sent[..] else {
            panic!("{} commands sent", sent.len());
        };
        let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        let line = words.join(" ");
        let info = command.info().expect("the table has it");
        let arity = usize::from(info.arity().unsigned_abs());
        let count = command.arg_count();
        let has_arity = count == arity || info.arity() < 0 && count > arity;
        assert!(has_arity, "{line}: the arity is {}", info.arity());
        let slot = command.slot().expect("keys of one slot");
        let has_keys = !info.key_specs().is_empty();
        assert_eq!(slot.is_some(), has_keys, "{line}: slot {slot:?}");
        (line, command.name().into_owned())
    }
}

pub(crate) fn bulk(text: &str) -> Value {
    Value::BulkString(text.to_owned().into())
}

pub(crate) fn bulks<const N: usize>(texts: [&str; N]) -> Value {
    Value::Array(texts.map(bulk).into())
}

pub(crate) fn ints<const N: usize>(numbers: [i64; N]) -> Value {
    Value::Array(numbers.map(Value::Integer).into())
}

pub(crate) fn ok() -> Value {
    Value::SimpleString("OK".into())
}

pub(crate) fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Checks that a pipeline is this one command. One that blocks is refused.
pub(crate) async fn adds(pipeline: Pipeline, line: &str) {
    let (cluster, sent) = answering(Value::Nil);
    if let Err(error) = cluster.pipeline_each(pipeline).await {
        assert!(error.to_string().contains("hold up"), "{line}: {error}");
        assert!(sent.is_empty());
        return;
    }
    let request = sent.last();
    let [command] = request.batch().expect("a pipeline").commands() else {
        panic!("{line}: not one command");
    };
    let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
    assert_eq!(words.join(" "), line, "in a pipeline");
}

/// Checks rows of calls, on a cluster and in a pipeline, and gives the names of the commands sent.
macro_rules! rows {
    ($($method:ident($($arg:expr),*) => $line:literal, $reply:expr => $result:expr;)*) => {{
        let mut names = Vec::new();
        $(
            let (cluster, sent) = $crate::mock::answering($reply);
            let expected = Ok($result);
            let result = cluster.$method($($arg),*).await.map_err(|error| error.to_string());
            let (line, name) = sent.only();
            assert_eq!(line, $line);
            assert_eq!(result, expected, "{line}");
            $crate::mock::adds(tower_redis_cluster::Pipeline::new().$method($($arg),*), $line).await;
            names.push(name);
        )*
        names
    }};
}
pub(crate) use rows;

/// As [`rows`], for results that cannot be made here: each row ends in a check of its own.
macro_rules! checks {
    ($($method:ident $(::<$type:ty>)? ($($arg:expr),*) => $line:literal, $reply:expr
        => |$result:ident| $check:expr;)*) => {{
        let mut names = Vec::new();
        $(
            let (cluster, sent) = $crate::mock::answering($reply);
            let $result = cluster.$method$(::<$type>)?($($arg),*).await.unwrap();
            let (line, name) = sent.only();
            assert_eq!(line, $line);
            $check;
            names.push(name);
        )*
        names
    }};
}
pub(crate) use checks;
