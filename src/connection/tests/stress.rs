//! Many callers at once, some of whom leave, with single commands and batches, over pipes that take a few bytes at a
//! time: no reply may reach another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;
use crate::command::Outcome;
use crate::resp::{Version, encode};
use crate::value::ServerError;

/// How keys begin that the peer refuses to queue.
const REFUSED: &[u8] = b"refused:";

/// Answers each `GET` with its key, in or outside of a transaction, in pieces of any size, until the connection ends.
async fn echo(peer: DuplexStream, largest: usize) {
    let (mut reader, mut writer) = tokio::io::split(peer);
    let mut decoder = Decoder::new(Limits::default());
    let mut read = BytesMut::new();
    let mut replies = BytesMut::new();
    let mut session = Session::default();
    loop {
        while let Some(command) = decoder.decode(&mut read).expect("whole commands") {
            let Value::Array(args) = command else {
                panic!("not a command: {command:?}")
            };
            session.asked += 1;
            if session.asked.is_multiple_of(7) {
                replies.extend_from_slice(b">1\r\n+push\r\n");
            }
            encode(&session.answer(&args), Version::Resp3, &mut replies);
        }
        if replies.is_empty() {
            if reader.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        }
        let piece = replies.len().min(fastrand::usize(1..=largest));
        tokio::select! {
            biased;
            read = reader.read_buf(&mut read) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            written = writer.write(&replies[..piece]) => match written {
                Ok(written) => drop(replies.split_to(written)),
                Err(_) => return,
            },
        }
    }
}

/// What the peer knows of the connection.
#[derive(Default)]
struct Session {
    asked: u64,
    /// What `EXEC` will answer; an error once a command was refused.
    queued: Option<Result<Vec<Value>, ()>>,
}

impl Session {
    fn answer(&mut self, args: &[Value]) -> Value {
        let key = match args {
            [Value::BulkString(name)] => return self.control(name),
            [_, Value::BulkString(key)] => Value::BulkString(key.clone()),
            _ => panic!("not a GET"),
        };
        let is_refused = key.as_bytes().is_some_and(|key| key.starts_with(REFUSED));
        match &mut self.queued {
            None => key,
            Some(queued) if is_refused => {
                *queued = Err(());
                // With the key, so that its caller can tell that it is about its own.
                let mut line = b"ERR ".to_vec();
                line.extend_from_slice(key.as_bytes().expect("a string"));
                Value::Error(ServerError::new(line))
            }
            Some(queued) => {
                if let Ok(keys) = queued {
                    keys.push(key);
                }
                Value::SimpleString("QUEUED".into())
            }
        }
    }

    fn control(&mut self, name: &[u8]) -> Value {
        match name {
            b"ASKING" => {}
            b"MULTI" => assert!(self.queued.replace(Ok(Vec::new())).is_none(), "nested"),
            b"EXEC" => {
                return match self.queued.take().expect("behind a MULTI") {
                    Ok(keys) => Value::Array(keys),
                    Err(()) => Value::Error(ServerError::new("EXECABORT")),
                };
            }
            _ => panic!("not sent by the test"),
        }
        Value::SimpleString("OK".into())
    }
}

/// A question, and its right answer.
struct Question {
    command: Command,
    keys: Vec<String>,
    answer: Value,
}

impl Question {
    /// About keys that nobody else asks for.
    fn any(caller: usize, round: usize) -> Self {
        let kind = fastrand::u8(..4);
        let count = if kind < 2 { 1 } else { fastrand::usize(1..6) };
        let key = |part| {
            // Sometimes more than what is copied.
            let filler = match fastrand::u8(..) {
                0 => 40_000,
                len => usize::from(len),
            };
            let is_refused = kind == 3 && fastrand::u8(..10) == 0;
            let prefix = if is_refused { REFUSED } else { b"" };
            let prefix = String::from_utf8_lossy(prefix);
            format!("{prefix}{caller}:{round}:{part}:{}", "x".repeat(filler))
        };
        let keys: Vec<String> = (0..count).map(key).collect();
        let mut commands: Vec<Command> = keys.iter().map(|key| cmd("GET").arg(key)).collect();
        let all = Value::Array(keys.iter().map(|key| bulk(key)).collect());
        let refused = |key: &&String| key.as_bytes().starts_with(REFUSED);
        let (mut command, answer) = match kind {
            0 | 1 => (commands.remove(0), bulk(&keys[0])),
            2 => {
                commands[0].set_asking(fastrand::bool());
                (Command::pipeline(commands), all)
            }
            _ => {
                let error = |key| Value::Error(ServerError::new(format!("ERR {key}")));
                let answer = keys.iter().find(refused).map_or(all, error);
                (Command::transaction(commands), answer)
            }
        };
        command.set_asking(fastrand::u8(..10) == 0);
        Self {
            command,
            keys,
            answer,
        }
    }

    /// Holds that what a failed pipeline knows is about its own commands.
    fn check_outcomes(&self) {
        let Some(batch) = self.command.batch() else {
            return;
        };
        for (key, outcome) in self.keys.iter().zip(batch.outcomes()) {
            if let Outcome::Final(Ok(reply)) = outcome {
                assert!(reply == bulk(key), "{key:.20} got another's reply");
            }
        }
    }
}

/// What a caller does with its question.
#[derive(Clone, Copy, PartialEq)]
enum Patience {
    /// It leaves at any point.
    None,
    /// It looks again when its time is up.
    Look,
    /// It is woken when its time is up, if not before.
    Wake,
    /// It waits for as long as it takes.
    Endless,
}

impl Patience {
    fn any() -> Self {
        match fastrand::u8(..6) {
            0 | 1 => Self::None,
            2 => Self::Look,
            3 => Self::Wake,
            _ => Self::Endless,
        }
    }

    fn deadline(self) -> Instant {
        let time = match self {
            Self::None | Self::Endless => Duration::from_secs(3600),
            Self::Look => Duration::ZERO,
            Self::Wake => Duration::from_millis(fastrand::u64(..20)),
        };
        Instant::now() + time
    }
}

async fn see(
    mut call: task::Spawn<ResponseFuture>,
    patience: Patience,
) -> Option<Result<Value, Error>> {
    match patience {
        Patience::None => {
            for _ in 0..fastrand::u8(..4) {
                if call.poll().is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            None
        }
        Patience::Look => {
            let first = call.poll();
            if first.is_ready() {
                return ready(first);
            }
            for _ in 0..fastrand::u8(..8) {
                tokio::task::yield_now().await;
            }
            ready(call.poll())
        }
        Patience::Wake | Patience::Endless => Some(call.into_inner().await),
    }
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// One caller, who asks one question after another.
async fn ask(mut connection: Connection, caller: usize, rounds: usize, answers: Arc<AtomicUsize>) {
    for round in 0..rounds {
        let mut question = Question::any(caller, round);
        let patience = Patience::any();
        question.command.set_deadline(patience.deadline());
        let ready = connection.ready().await.expect("it stays open");
        let call = ready.call(question.command.clone());
        match see(task::spawn(call), patience).await {
            Some(Ok(reply)) => {
                assert!(reply == question.answer, "{caller}:{round} got another's");
                answers.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(error)) if error.is_timeout() => question.check_outcomes(),
            Some(Err(error)) => panic!("it stays open: {error}"),
            None => {}
        }
    }
}

async fn run(config: Config, pipe: usize, callers: usize, rounds: usize) {
    let (connection, peer) = connect_with(config, pipe);
    tokio::spawn(echo(peer, pipe));
    let answers = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let answers = Arc::clone(&answers);
        tasks.spawn(ask(connection.clone(), caller, rounds, answers));
    }
    let all = tokio::time::timeout(Duration::from_secs(60), tasks.join_all());
    all.await.expect("nobody waits for ever");
    assert!(answers.load(Ordering::Relaxed) > callers * rounds / 3);

    // Nothing is left that counts against the bounds, once the abandoned are seen.
    let mut connection = connection;
    let last = connection.ready().await.expect("open").call(get("last").0);
    assert_eq!(last.await.expect("a reply"), bulk("last"));
    // A caller may have its reply a moment before its place is free.
    let freed = async {
        while connection.handle.queue.in_flight() != (0, 0) {
            tokio::task::yield_now().await;
        }
    };
    let freed = tokio::time::timeout(Duration::from_secs(60), freed).await;
    freed.expect("every place is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_over_a_tiny_pipe() {
    run(Config::default(), 64, 64, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_while_the_bounds_are_reached() {
    let config = Config::default().max_in_flight(64).max_bytes(20_000);
    run(config, 4096, 64, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_in_pieces_of_any_size() {
    run(Config::default(), 64 * 1024, 64, 500).await;
}
