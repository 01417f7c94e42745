use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tower::{BoxError, Layer, Service, service_fn};

use super::{due_in, policy, read, write};
use crate::command::{Command, Outcome};
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::Counters;
use crate::retry::{RetryLayer, RetryPolicy};
use crate::value::{ServerError, Value};

/// What a node below makes of one command of the pipeline, by attempt and position.
type Answer = Result<Value, Error>;

/// What a request came to, and which commands were sent in each attempt.
#[derive(Debug)]
struct Run {
    result: Result<Value, Error>,
    sent: Vec<Vec<usize>>,
    command: Command,
}

impl Run {
    fn outcomes(&self) -> Vec<Outcome> {
        self.command.batch().expect("a pipeline").outcomes()
    }
}

/// A layer below that treats the outcomes as `Route` does.
async fn run(
    policy: RetryPolicy,
    command: Command,
    answer: impl Fn(usize, usize) -> Answer + Clone,
) -> Run {
    let sent = std::cell::RefCell::new(Vec::<Vec<usize>>::new());
    let inner = service_fn(|command: Command| {
        let batch = command.batch().expect("a pipeline");
        let mut sent = sent.borrow_mut();
        sent.push(Vec::new());
        let attempt = sent.len();
        let results = batch
            .begin()
            .0
            .into_iter()
            .enumerate()
            .map(|(part, outcome)| {
                if let Outcome::Final(result) = outcome {
                    return result;
                }
                sent[attempt - 1].push(part);
                answer(attempt, part)
            });
        let results: Vec<_> = results.collect();
        let failed = results.iter().find_map(|result| result.clone().err());
        std::future::ready(match failed {
            Some(error) => {
                batch.record(results.into_iter().map(Outcome::Final).collect());
                Err(BoxError::from(error))
            }
            None => Ok(Value::Array(results.into_iter().flatten().collect())),
        })
    });
    let result = RetryLayer::new(policy)
        .layer(inner)
        .call(command.clone())
        .await;
    Run {
        result: result.map_err(Error::from),
        sent: sent.into_inner(),
        command,
    }
}

fn refusal(line: &str) -> Answer {
    Ok(Value::Error(ServerError::new(line.to_owned())))
}

fn failure(kind: ErrorKind, delivery: Delivery) -> Answer {
    Err(Error::not_sent(kind, "as told").with_delivery(delivery))
}

fn number(number: usize) -> Answer {
    Ok(Value::Integer(number as i64))
}

fn writes(count: usize) -> Command {
    Command::pipeline((0..count).map(|_| write()))
}

#[tokio::test(start_paused = true)]
async fn only_refused_commands_are_sent_again() {
    let answer = |attempt, part| match (attempt, part) {
        (1, 1) | (2, 1) | (1, 3) => refusal("TRYAGAIN later"),
        _ => number(10 * attempt + part),
    };
    let run = run(policy(3), writes(4), answer).await;
    let numbers = [10, 31, 12, 23].map(Value::Integer);
    assert_eq!(run.result.expect("replies"), Value::Array(numbers.into()));
    assert_eq!(run.sent, [vec![0, 1, 2, 3], vec![1, 3], vec![1]]);
}

#[tokio::test(start_paused = true)]
async fn array_is_passed_on_unchanged_when_no_retry_is_allowed() {
    let answer = |_, part| match part {
        1 => refusal("TRYAGAIN later"),
        part => number(part),
    };
    let run = run(policy(0), writes(3), answer).await;
    let Ok(Value::Array(replies)) = run.result else {
        panic!("replies");
    };
    assert!(matches!(&replies[1], Value::Error(error) if error.code() == "TRYAGAIN"));
    assert_eq!(replies[2], Value::Integer(2));
    assert_eq!(run.sent.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_of_one_batch_are_bounded_as_those_of_one_command() {
    let answer = |_, part| match part {
        0 => refusal("CLUSTERDOWN wait"),
        part => number(part),
    };
    let first = run(policy(3), writes(2), answer).await;
    assert_eq!(first.sent, [vec![0, 1], vec![0], vec![0], vec![0]]);
    assert!(matches!(first.result, Ok(Value::Array(replies)) if replies[1] == Value::Integer(1)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_deny_what_an_attempt_before_may_have_done() {
    let lost = || failure(ErrorKind::Connection, Delivery::Unknown);
    // Refused at last with replies to all, and with another command that failed.
    for of_another in [number(7), failure(ErrorKind::Connection, Delivery::Unknown)] {
        let answer = |attempt, part| match (attempt, part) {
            (1, 0 | 1) => lost(),
            (_, 0) => refusal("CLUSTERDOWN wait"),
            (1, 2) => refusal("CLUSTERDOWN wait"),
            (_, 2) => of_another.clone(),
            (_, part) => number(part),
        };
        let run = run(
            policy(2),
            Command::pipeline([read(), read(), write()]),
            answer,
        )
        .await;
        run.result
            .as_ref()
            .expect_err("not known what became of it");
        let [Outcome::Final(refused), Outcome::Final(answered), _] = &run.outcomes()[..] else {
            panic!("{run:?}");
        };
        let error = refused.as_ref().expect_err("refused");
        assert_eq!(error.delivery(), Delivery::Unknown);
        assert_eq!(
            error.server_error().map(ServerError::code),
            Some("CLUSTERDOWN")
        );
        assert_eq!(answered.as_ref().ok(), Some(&Value::Integer(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_may_have_done_is_remembered_through_all_that_follow() {
    let answer = |attempt, part| match (attempt, part) {
        (1, 0) => failure(ErrorKind::Connection, Delivery::Unknown),
        (2, 0) => refusal("CLUSTERDOWN wait"),
        (_, 0) => failure(ErrorKind::Connect, Delivery::NotSent),
        (_, part) => number(part),
    };
    let commands = Command::pipeline([read(), write()]);
    let run = run(policy(3), commands, answer).await;
    assert_eq!(run.sent.len(), 4);
    // Of the whole as of the command.
    let whole = run.result.as_ref().expect_err("failed");
    assert_eq!(whole.delivery(), Delivery::Unknown);
    let outcomes = run.outcomes();
    assert!(
        matches!(&outcomes[0], Outcome::Final(Err(error)) if error.delivery() == Delivery::Unknown),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn error_of_the_whole_does_not_deny_what_was_applied() {
    // The second attempt is refused by a layer in between.
    let attempts = AtomicU32::new(0);
    let inner = service_fn(|command: Command| {
        let batch = command.batch().expect("a pipeline");
        let is_first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        std::future::ready(match is_first {
            true => {
                batch.begin();
                let refused = Error::not_sent(ErrorKind::Connect, "refused");
                batch.conclude(vec![Err(refused), Ok(Value::Integer(1))])
            }
            false => Err(Error::not_sent(ErrorKind::Overloaded, "full")),
        })
    });
    let mut service = RetryLayer::new(policy(1)).layer(inner);
    let error = service.call(writes(2)).await.expect_err("full");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Overloaded, Delivery::Unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_out_while_refusals_have_the_deadline() {
    let over = Instant::now() + Duration::from_secs(2);
    let answer = |_, part| match part {
        0 => failure(ErrorKind::Overloaded, Delivery::NotSent),
        1 if Instant::now() < over => refusal("CLUSTERDOWN wait"),
        part => number(part),
    };
    let command = due_in(writes(3), Duration::from_secs(5));
    let run = run(policy(2), command, answer).await;
    let overloaded = run.result.as_ref().expect_err("one failed");
    assert!(overloaded.is_overloaded());
    let tries = |part| run.sent.iter().filter(|sent| sent.contains(&part)).count();
    assert_eq!((tries(0), tries(2)), (3, 1));
    assert!(tries(1) > 3);
    assert!(matches!(&run.outcomes()[0], Outcome::Final(Err(error)) if error.attempts() == 3));
    assert!(matches!(
        &run.outcomes()[1],
        Outcome::Final(Ok(Value::Integer(1)))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_applied_is_sent_again_only_if_idempotent() {
    let answer = |attempt, part| match attempt {
        1 => failure(ErrorKind::Connection, Delivery::Unknown),
        _ => number(part),
    };
    let mixed = || Command::pipeline([write(), read()]);
    let first = run(policy(3), mixed(), answer).await;
    assert_eq!(first.sent, [vec![0, 1], vec![1]]);
    let error = first.result.as_ref().expect_err("the write's");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert!(matches!(&first.outcomes()[1], Outcome::Final(Ok(_))));

    let second = run(policy(3), mixed().idempotent(), answer).await;
    assert_eq!(second.sent, [vec![0, 1], vec![0, 1]]);
    second.result.expect("replies");
}

#[tokio::test(start_paused = true)]
async fn refused_reply_beside_a_failure_is_sent_again_too() {
    let answer = |attempt, part| match (attempt, part) {
        (1, 0) => failure(ErrorKind::Connect, Delivery::NotSent),
        (1, 1) => refusal("TRYAGAIN later"),
        (_, part) => number(part),
    };
    let run = run(policy(3), writes(3), answer).await;
    assert_eq!(run.sent, [vec![0, 1, 2], vec![0, 1]]);
    run.result.expect("replies");
}

#[tokio::test(start_paused = true)]
async fn failure_that_knows_no_parts_is_judged_for_each() {
    let attempts = Arc::new(AtomicU32::new(0));
    let inner = service_fn(|command: Command| {
        command.batch().expect("a pipeline").begin();
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        std::future::ready(match attempt {
            0 => Err(BoxError::from("broken")),
            _ => Ok(Value::Array(vec![Value::Nil; 2])),
        })
    });
    let command = Command::pipeline([write(), read()]);
    let mut service = RetryLayer::new(policy(3)).layer(inner);
    // The write may have been applied: it is settled, and the mock, which sends all, is told so.
    service.call(command.clone()).await.expect("replies");
    let outcomes = command.batch().expect("a pipeline").outcomes();
    assert!(
        matches!(&outcomes[0], Outcome::Final(Err(error)) if error.delivery() == Delivery::Unknown)
    );
    assert!(matches!(&outcomes[1], Outcome::Unsent));
}

#[tokio::test(start_paused = true)]
async fn one_batch_takes_one_token_and_an_empty_budget_ends_it() {
    let counters = Counters::new();
    // Two tokens.
    let policy = RetryPolicy::new(9)
        .budget(0.0, 0.2)
        .counters(counters.clone());
    let answer = |_, part| match part {
        0 => number(0),
        _ => refusal("TRYAGAIN later"),
    };
    let run = run(policy, writes(100), answer).await;
    assert_eq!(run.sent.len(), 3);
    assert!(run.result.is_ok());
    let metrics = counters.snapshot();
    assert_eq!((metrics.retries, metrics.retries_withheld), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn batch_that_waited_for_the_budget_in_vain_ends_with_what_there_is() {
    let policy = RetryPolicy::new(9).budget(0.0, 0.0);
    let answer = |_, part| match part {
        0 => refusal("CLUSTERDOWN wait"),
        part => number(part),
    };
    let run = run(policy, due_in(writes(2), Duration::from_secs(5)), answer).await;
    assert_eq!(run.sent.len(), 1);
    let Ok(Value::Array(replies)) = run.result else {
        panic!("replies");
    };
    assert!(matches!(&replies[0], Value::Error(error) if error.code() == "CLUSTERDOWN"));
    assert_eq!(replies[1], Value::Integer(1));
}

#[tokio::test(start_paused = true)]
async fn last_outcomes_tell_the_attempts() {
    let answer = |_, part| match part {
        0 => failure(ErrorKind::Connect, Delivery::NotSent),
        1 => failure(ErrorKind::InvalidCommand, Delivery::NotSent),
        part => number(part),
    };
    let run = run(policy(3), writes(3), answer).await;
    assert_eq!(run.result.as_ref().expect_err("failed").attempts(), 4);
    let attempts = run.outcomes().into_iter().map(|outcome| match outcome {
        Outcome::Final(Err(error)) => error.attempts(),
        _ => 0,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [4, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn dropped_between_attempts_it_tells_of_the_last() {
    let answer = |_, part| match part {
        0 => refusal("TRYAGAIN later"),
        part => number(part),
    };
    let command = writes(2);
    let request = run(policy(9), command.clone(), answer);
    tokio::time::timeout(Duration::from_millis(1), request)
        .await
        .expect_err("it pauses");
    let outcomes = command.batch().expect("a pipeline").outcomes();
    assert!(
        matches!(&outcomes[0], Outcome::Again(error) if error.delivery() == Delivery::NotApplied)
    );
    assert!(matches!(&outcomes[1], Outcome::Final(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn transaction_is_retried_as_a_whole_or_not_at_all() {
    let whole = |delivery, attempts| async move {
        let run = super::run(
            policy(3),
            Command::transaction([write(), read()]),
            move |_| super::failure(ErrorKind::Connection, delivery),
        );
        assert_eq!(run.await.attempts, attempts, "{delivery:?}");
    };
    whole(Delivery::NotApplied, 4).await;
    whole(Delivery::Unknown, 1).await;
    let transaction = || Command::transaction([write(), read()]);
    let refused = |_| super::refusal("TRYAGAIN");
    assert_eq!(
        super::run(policy(3), transaction(), refused).await.attempts,
        4
    );
    // What EXEC answered was applied, whatever is in it.
    let inside = |_| {
        Ok(Value::Array(vec![Value::Error(ServerError::new(
            "READONLY",
        ))]))
    };
    assert_eq!(
        super::run(policy(3), transaction(), inside).await.attempts,
        1
    );
}

/// A pipeline of two over a connection that was lost after the reply to the first, and how often it was sent.
async fn over_a_single_connection(second: Delivery, first: Option<Delivery>) -> (Error, usize) {
    let calls = std::cell::Cell::new(0);
    let connection = service_fn(|command: Command| {
        calls.set(calls.get() + 1);
        let lost =
            |delivery| Error::not_sent(ErrorKind::Connection, "lost").with_delivery(delivery);
        let first = first.map_or(Ok(Value::Integer(1)), |delivery| Err(lost(delivery)));
        let outcomes = [first, Err(lost(second))].map(Outcome::Final);
        command.batch().expect("a pipeline").record(outcomes.into());
        std::future::ready(Err::<Value, _>(BoxError::from(lost(Delivery::Unknown))))
    });
    let result = RetryLayer::new(policy(3))
        .layer(connection)
        .call(writes(2))
        .await;
    (Error::from(result.expect_err("lost")), calls.get())
}

#[tokio::test(start_paused = true)]
async fn pipeline_of_which_a_part_was_applied_is_not_sent_again_where_nobody_would_leave_that_out()
{
    let (error, calls) = over_a_single_connection(Delivery::NotSent, None).await;
    assert_eq!((error.delivery(), calls), (Delivery::Unknown, 1));
    let (_, calls) = over_a_single_connection(Delivery::NotSent, Some(Delivery::NotSent)).await;
    assert_eq!(calls, 4, "all of it may be sent again");
}
