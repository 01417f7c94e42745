//! One task of an application: it asks for one thing after another, gives up at random, and enters all in the book.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep, timeout};
use tower_redis_cluster::{Command, Error, ErrorKind, FromValue, Pipeline, Value, cmd};

use crate::book::Effect;
use crate::scene::Scene;
use crate::stack::{Client, LATENESS};

pub const LEDGERS: usize = 6;
pub const COUNTERS: usize = 4;
pub const PAIRS: usize = 3;
const REGISTERS: usize = 3;

/// How many kinds of requests there are.
const KINDS: u32 = 10;

pub struct Actor<'a> {
    scene: &'a Scene,
    client: &'a Client,
    name: String,
    rng: Rng,
    tokens: u32,
    popped: BTreeSet<String>,
    /// Nothing goes wrong any more, and nothing may fail.
    is_calm: bool,
}

/// A command, and the timeout of its own if it has one.
type Timed = (Command, Option<Duration>);

/// What became of a request.
enum Outcome<T> {
    Done(T),
    Failed(Error),
    /// Given up by the actor.
    Left,
}

impl<T> Outcome<T> {
    fn effect(&self) -> Effect {
        match self {
            Self::Done(_) => Effect::Applied,
            Self::Failed(error) => Effect::of(error),
            Self::Left => Effect::Perhaps,
        }
    }

    fn done(&self) -> Option<&T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> Actor<'a> {
    pub fn new(scene: &'a Scene, client: usize, number: usize, rng: Rng) -> Self {
        Self {
            scene,
            client: &scene.clients[client],
            name: format!("{client}.{number}"),
            rng,
            tokens: 0,
            popped: BTreeSet::new(),
            is_calm: false,
        }
    }

    /// Asks so many times, with pauses.
    pub async fn work(&mut self, requests: usize) {
        for _ in 0..requests {
            self.ask().await;
            sleep(Duration::from_millis(self.rng.u64(..120))).await;
        }
    }

    /// Asks for one thing of each kind, none of which may fail now.
    pub async fn finish(&mut self) {
        self.is_calm = true;
        for kind in 0..KINDS {
            self.ask_for(kind).await;
        }
    }

    async fn ask(&mut self) {
        let kind = self.rng.u32(..KINDS);
        self.ask_for(kind).await;
    }

    async fn ask_for(&mut self, kind: u32) {
        match kind {
            0 => self.append().await,
            1 => self.increment().await,
            2 => self.write().await,
            3 => self.read().await,
            4 => self.read_all().await,
            5 => self.write_all().await,
            6 => self.transact().await,
            7 => self.pipeline().await,
            8 => self.push_and_pop().await,
            _ => self.echo().await,
        }
    }

    async fn append(&mut self) {
        let (key, token) = (self.ledger(), self.token());
        let command = cmd("RPUSH").key(&key).arg(&token);
        let command = self.with_some_timeout(command);
        let outcome = self.query::<i64>("append", command).await;
        let mut book = self.scene.book.borrow_mut();
        book.appended(&key, &token, outcome.effect(), outcome.done().copied());
    }

    async fn increment(&mut self) {
        let key = self.counter();
        let command = self.with_some_timeout(cmd("INCR").key(&key));
        let outcome = self.query::<i64>("increment", command).await;
        let mut book = self.scene.book.borrow_mut();
        book.incremented(&key, outcome.effect(), outcome.done().copied());
    }

    async fn write(&mut self) {
        let key = self.register();
        let value = format!("{key}={}", self.token());
        self.scene.book.borrow_mut().writes(&key, &value);
        let command = self.with_some_timeout(cmd("SET").key(&key).arg(&value));
        let outcome = self.query::<()>("write", command).await;
        let mut book = self.scene.book.borrow_mut();
        book.wrote(&key, &value, outcome.effect());
    }

    async fn read(&mut self) {
        let key = self.register();
        let command = self.with_some_timeout(cmd("GET").key(&key));
        let outcome = self.query::<Option<String>>("read", command).await;
        if let Outcome::Done(value) = outcome {
            let mut book = self.scene.book.borrow_mut();
            book.read(&key, value.as_deref(), true);
        }
    }

    /// Reads registers of any slots, and another actor's among them.
    async fn read_all(&mut self) {
        let mut keys: Vec<String> = (0..REGISTERS).map(|n| self.register_at(n)).collect();
        keys.push("r0.0-0".to_owned());
        let command = cmd("MGET").arg(&keys);
        let outcome = self
            .query::<Vec<Option<String>>>("read all", (command, None))
            .await;
        if let Outcome::Done(values) = outcome {
            let mut book = self.scene.book.borrow_mut();
            if values.len() != keys.len() {
                book.violation(format!("MGET of {} keys: {values:?}", keys.len()));
            }
            for (key, value) in keys.iter().zip(&values) {
                let by_writer = key.starts_with(&format!("r{}-", self.name));
                book.read(key, value.as_deref(), by_writer);
            }
        }
    }

    /// Writes registers of any slots: a failure tells of each.
    async fn write_all(&mut self) {
        let mut command = cmd("MSET");
        let mut pairs = Vec::new();
        for number in 0..REGISTERS {
            let key = self.register_at(number);
            let value = format!("{key}={}", self.token());
            self.scene.book.borrow_mut().writes(&key, &value);
            command = command.arg(&key).arg(&value);
            pairs.push((key, value));
        }
        let outcome = self.query::<()>("write all", (command, None)).await;
        let mut book = self.scene.book.borrow_mut();
        let whole = outcome.effect();
        let partial = match &outcome {
            Outcome::Failed(error) => error.partial(),
            _ => None,
        };
        for (key, value) in pairs {
            let is_in = |portion: &tower_redis_cluster::Portion| portion.to_string().contains(&key);
            let effect = match partial {
                None => whole,
                Some(partial) if partial.done().any(is_in) => Effect::Applied,
                Some(partial) if partial.not_done().any(|(portion, _)| is_in(portion)) => {
                    Effect::Never
                }
                Some(_) => Effect::Perhaps,
            };
            book.wrote(&key, &value, effect);
        }
    }

    /// A ledger and a counter of one slot go together.
    async fn transact(&mut self) {
        let pair = self.rng.usize(..PAIRS);
        let (ledger, counter) = (format!("{{p{pair}}}l"), format!("{{p{pair}}}c"));
        let token = self.token();
        let pipeline = Pipeline::new()
            .add(cmd("RPUSH").key(&ledger).arg(&token))
            .add(cmd("INCR").key(&counter));
        let request = self.client.transaction::<(i64, i64)>(pipeline);
        let outcome = self
            .attempt("transact", Duration::ZERO, None, request)
            .await;
        let (effect, replies) = (outcome.effect(), outcome.done().copied());
        let mut book = self.scene.book.borrow_mut();
        if let Some((len, count)) = replies
            && len != count
        {
            book.violation(format!("{ledger}: half a transaction: {len} and {count}"));
        }
        book.appended(&ledger, &token, effect, replies.map(|(len, _)| len));
        book.incremented(&counter, effect, replies.map(|(_, count)| count));
    }

    /// Commands for any nodes, each with an outcome of its own.
    async fn pipeline(&mut self) {
        let (first, counter, second) = (self.ledger(), self.counter(), self.ledger());
        let tokens = [self.token(), self.token()];
        let register = self.register();
        let pipeline = Pipeline::new()
            .add(cmd("RPUSH").key(&first).arg(&tokens[0]))
            .add(cmd("INCR").key(&counter))
            .add(cmd("GET").key(&register))
            .add(cmd("RPUSH").key(&second).arg(&tokens[1]));
        let request = self.client.pipeline_each(pipeline);
        let outcome = self
            .attempt("pipeline", Duration::ZERO, None, request)
            .await;
        let whole = outcome.effect();
        let mut results = outcome.done().cloned().into_iter().flatten();
        let mut next = || match results.next() {
            Some(Ok(value)) => (Effect::Applied, Some(value)),
            Some(Err(error)) => (Effect::of(&error), None),
            None => (whole, None),
        };
        let (append, increment, read, another) = (next(), next(), next(), next());
        if self.is_calm
            && [&append, &increment, &read, &another]
                .iter()
                .any(|(_, v)| v.is_none())
        {
            self.scene
                .book
                .borrow_mut()
                .violation("a command of a pipeline failed in the calm");
        }
        let number = |value: Option<Value>| value.and_then(|value| value.as_integer());
        let mut book = self.scene.book.borrow_mut();
        book.appended(&first, &tokens[0], append.0, number(append.1));
        book.incremented(&counter, increment.0, number(increment.1));
        book.appended(&second, &tokens[1], another.0, number(another.1));
        if let Some(value) = read.1 {
            book.read(&register, value.as_str(), true);
        }
    }

    /// Something of one's own goes into a queue, and comes out again on an exclusive connection.
    async fn push_and_pop(&mut self) {
        let key = format!("q{}", self.name);
        let token = self.token();
        let push = cmd("RPUSH").key(&key).arg(&token);
        let pushed = self.query::<i64>("push", (push, None)).await.effect();
        // To wait until the client is ready does not count for a command that blocks.
        let block = Duration::from_millis(100) + self.scene.settings.timeout;
        let pop = cmd("BLPOP").key(&key).arg("0.1");
        let request = self.client.query::<Option<(String, String)>>(pop);
        let popped = self.attempt("pop", block, None, request).await;
        if pushed == Effect::Applied
            && let Outcome::Done(popped) = popped
        {
            let mut book = self.scene.book.borrow_mut();
            match popped {
                // What earlier pops have left comes first.
                Some((from, old))
                    if from == key
                        && old.starts_with(&self.name)
                        && self.popped.insert(old.clone()) => {}
                // An earlier pop, of which nothing is known, may have come late and taken it.
                None if !self.is_calm => {}
                other => book.violation(format!("{key}: popped {other:?} after {token}")),
            }
        }
    }

    async fn echo(&mut self) {
        let token = self.token();
        let command = self.with_some_timeout(cmd("ECHO").arg(&token));
        let outcome = self.query::<String>("echo", command).await;
        if let Outcome::Done(reply) = outcome
            && reply != token
        {
            let mut book = self.scene.book.borrow_mut();
            book.violation(format!("{token} was echoed as {reply}"));
        }
    }

    // ===== asking =====

    async fn query<T: FromValue>(&mut self, what: &str, (command, own): Timed) -> Outcome<T> {
        let request = self.client.query(command);
        self.attempt(what, Duration::ZERO, own, request).await
    }

    /// Waits for the outcome of a request, or goes away before; and looks whether it came in time.
    async fn attempt<T>(
        &mut self,
        what: &str,
        block: Duration,
        own: Option<Duration>,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Outcome<T> {
        let start = Instant::now();
        let patience = match !self.is_calm && self.rng.u32(..8) == 0 {
            true => Duration::from_millis(self.rng.u64(..60)),
            false => Duration::from_secs(60),
        };
        let outcome = match timeout(patience, request).await {
            Ok(Ok(value)) => Outcome::Done(value),
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::Left,
        };
        let settings = &self.scene.settings;
        let allowed = own.unwrap_or(settings.timeout) + block + LATENESS;
        let allowed = allowed + self.scene.starved_since(start);
        let elapsed = start.elapsed();
        let how = match &outcome {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Failed(error) => format!("{:?} {}", error.kind(), error.delivery()),
            Outcome::Left => "left".to_owned(),
        };
        self.scene.record(&format!("{} {what} {how}", self.name));
        let mut book = self.scene.book.borrow_mut();
        if elapsed > allowed {
            book.violation(format!("{what} took {elapsed:?}, of {allowed:?}: {how}"));
        }
        match &outcome {
            Outcome::Failed(error) if self.is_calm || !is_expected(error) => {
                book.violation(format!("{what} failed: {error}"));
            }
            _ => {}
        }
        outcome
    }

    /// Gives some commands less time than the others have.
    fn with_some_timeout(&mut self, command: Command) -> Timed {
        if self.is_calm || self.rng.u32(..4) > 0 {
            return (command, None);
        }
        let most = self.scene.settings.timeout.as_millis() as u64;
        let own = Duration::from_millis(self.rng.u64(1..=most));
        (command.timeout(own), Some(own))
    }

    fn token(&mut self) -> String {
        self.tokens += 1;
        format!("{}:{}", self.name, self.tokens)
    }

    fn ledger(&mut self) -> String {
        format!("l{}", self.rng.usize(..LEDGERS))
    }

    fn counter(&mut self) -> String {
        format!("c{}", self.rng.usize(..COUNTERS))
    }

    fn register(&mut self) -> String {
        let number = self.rng.usize(..REGISTERS);
        self.register_at(number)
    }

    fn register_at(&self, number: usize) -> String {
        format!("r{}-{number}", self.name)
    }
}

/// What may go wrong when servers and connections do.
fn is_expected(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect
            | ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::Server
            | ErrorKind::TooManyRedirects
            | ErrorKind::Topology
            | ErrorKind::Overloaded
            | ErrorKind::Unavailable
    )
}
