use std::time::Duration;

use super::{bulk, each, error, stack};
use crate::command::{Command, Outcome, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::{ServerError, Value};
use crate::{Pipeline, Script};

fn three() -> Pipeline {
    Pipeline::new().set("a", 1).incr("b").get("c")
}

fn answer(line: &str) -> Value {
    match line.split(' ').next() {
        Some("SET") => Value::SimpleString("OK".into()),
        Some("INCR") => Value::Integer(7),
        _ => bulk("text"),
    }
}

/// A stack whose requests fail, with these outcomes recorded.
fn failing(
    whole: Error,
    outcomes: Vec<Outcome>,
) -> impl Fn(&Command) -> Result<Value, Error> + Clone {
    move |request| {
        if let Some(batch) = request.batch().filter(|_| !outcomes.is_empty()) {
            batch.record(outcomes.clone());
        }
        Err(whole.clone())
    }
}

fn lost(delivery: Delivery) -> Error {
    Error::not_sent(ErrorKind::Connection, "the connection is gone").with_delivery(delivery)
}

#[tokio::test]
async fn replies_are_typed_and_travel_as_one_request() {
    let (cluster, sent) = stack(|request| each(request, answer));
    let all: ((), i64, String) = cluster.pipeline(three()).await.expect("answered");
    assert_eq!(all, ((), 7, "text".to_owned()));
    let gets: Pipeline = ["a", "b"]
        .map(|key| cmd("GET").arg(key))
        .into_iter()
        .collect();
    let texts: Vec<String> = cluster.pipeline(gets).await.expect("answered");
    assert_eq!(texts, ["text", "text"]);
    assert_eq!(
        sent.lines(),
        [vec!["SET a 1", "INCR b", "GET c"], vec!["GET a", "GET b"]]
    );
}

#[tokio::test]
async fn each_command_has_a_result_of_its_own() {
    let (cluster, _) = stack(|request| {
        each(request, |line| match line {
            "INCR b" => error("WRONGTYPE no number"),
            line => answer(line),
        })
    });
    let results = cluster.pipeline_each(three()).await.expect("answered");
    assert_eq!(results[2].as_ref().ok(), Some(&bulk("text")));
    let error = results[1].as_ref().expect_err("an error reply");
    assert_eq!(error.command(), Some("INCR"));
    assert_eq!(error.delivery(), Delivery::NotApplied);
}

#[tokio::test]
async fn an_empty_pipeline_is_not_sent() {
    let (cluster, sent) = stack(|_| Err(lost(Delivery::NotSent)));
    let none: Vec<String> = cluster
        .pipeline(Pipeline::new())
        .await
        .expect("nothing to do");
    assert!(none.is_empty() && Pipeline::new().is_empty());
    let none = cluster.pipeline_each(Pipeline::new()).await;
    assert!(none.is_ok_and(|none| none.is_empty()));
    assert!(sent.lines().is_empty());
}

#[tokio::test]
async fn what_must_not_be_sent_keeps_all_from_being_sent() {
    let (cluster, sent) = stack(|request| each(request, answer));
    let bad = three()
        .expire("d", Duration::ZERO)
        .getset("e", None::<&str>);
    assert_eq!(bad.len(), 5);
    let error = cluster
        .pipeline_each(bad)
        .await
        .expect_err("a time of zero");
    assert_eq!(
        error.to_string(),
        "a time of zero; the least is a millisecond (command PEXPIRE, at index 3 of a pipeline, nothing was sent)"
    );
    assert_eq!(error.delivery(), Delivery::NotSent);
    let blocking = three().blpop("d", Duration::from_secs(1));
    let error = cluster.pipeline_each(blocking).await.expect_err("blocks");
    assert!(error.to_string().contains("hold up"), "{error}");
    let nested = three().add(Command::pipeline([cmd("GET").arg("a")]));
    let error = cluster.pipeline::<Value>(nested).await.expect_err("nested");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert!(sent.lines().is_empty());
}

#[tokio::test]
async fn what_is_known_of_each_command_survives_the_failure_of_the_whole() {
    let outcomes = vec![
        Outcome::Final(Ok(Value::Integer(1))),
        Outcome::Final(Err(lost(Delivery::Unknown))),
        Outcome::Again(lost(Delivery::NotSent)),
        Outcome::Unsent,
    ];
    let whole = Error::not_sent(ErrorKind::Timeout, "time is up").with_delivery(Delivery::Unknown);
    let (cluster, _) = stack(failing(whole, outcomes));
    let results = cluster.pipeline_each(three().get("d")).await.expect("sent");
    assert_eq!(results[0].as_ref().ok(), Some(&Value::Integer(1)));
    let facts = |index: usize| {
        let error = results[index].as_ref().expect_err("failed");
        (
            error.kind(),
            error.delivery(),
            error.command().map(str::to_owned),
        )
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        facts(1),
        (ErrorKind::Connection, Delivery::Unknown, named("INCR"))
    );
    assert_eq!(
        facts(2),
        (ErrorKind::Timeout, Delivery::NotSent, named("GET"))
    );
    assert_eq!(
        facts(3),
        (ErrorKind::Timeout, Delivery::Unknown, named("GET"))
    );
}

#[tokio::test]
async fn it_fails_as_a_whole_only_if_nothing_was_sent() {
    let (cluster, _) = stack(failing(lost(Delivery::NotSent), Vec::new()));
    let error = cluster.pipeline_each(three()).await.expect_err("not sent");
    assert_eq!(error.delivery(), Delivery::NotSent);

    let (cluster, _) = stack(failing(lost(Delivery::Unknown), Vec::new()));
    let results = cluster.pipeline_each(three()).await.expect("perhaps sent");
    for (result, name) in results.iter().zip(["SET", "INCR", "GET"]) {
        let error = result.as_ref().expect_err("lost");
        assert_eq!(
            (error.command(), error.delivery()),
            (Some(name), Delivery::Unknown)
        );
    }
}

#[tokio::test]
async fn replies_that_cannot_be_told_apart_are_nobodys() {
    for reply in [
        Value::Array(vec![Value::Integer(1)]),
        Value::Integer(1),
        Value::Nil,
    ] {
        let (cluster, _) = stack(move |_| Ok(reply.clone()));
        let results = cluster.pipeline_each(three()).await.expect("sent");
        assert_eq!(results.len(), 3);
        for result in results {
            let error = result.expect_err("not its reply");
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert_eq!(error.delivery(), Delivery::Unknown);
        }
    }
}

#[tokio::test]
async fn the_error_of_the_whole_names_the_command_and_counts_the_others() {
    let outcomes = vec![
        Outcome::Final(Ok(Value::Integer(1))),
        Outcome::Final(Err(lost(Delivery::Unknown))),
        Outcome::Final(Ok(error("WRONGTYPE no"))),
        Outcome::Unsent,
    ];
    let (cluster, _) = stack(failing(lost(Delivery::NotSent), outcomes));
    let error = cluster
        .pipeline::<Value>(three().get("d"))
        .await
        .expect_err("failed");
    assert_eq!(
        error.to_string(),
        "the connection is gone (command INCR, at index 1 of a pipeline of 4, may have been applied; \
         of the others 1 succeeded, 1 not sent, 1 not applied)"
    );
    assert_eq!(error.delivery(), Delivery::Unknown);
}

#[tokio::test]
async fn the_whole_may_be_sent_again_only_if_nothing_was_applied() {
    for (outcomes, delivery) in [
        ([Delivery::NotSent, Delivery::NotSent], Delivery::NotSent),
        (
            [Delivery::NotSent, Delivery::NotApplied],
            Delivery::NotApplied,
        ),
        ([Delivery::NotApplied, Delivery::Unknown], Delivery::Unknown),
    ] {
        let outcomes = outcomes.map(|how| Outcome::Final(Err(lost(how))));
        let (cluster, _) = stack(failing(lost(Delivery::NotSent), outcomes.to_vec()));
        let two = Pipeline::new().incr("a").incr("b");
        let error = cluster.pipeline::<Value>(two).await.expect_err("failed");
        assert_eq!(error.delivery(), delivery);
    }
    let (cluster, _) = stack(|request| {
        each(request, |line| match line {
            "GET c" => error("LOADING"),
            line => answer(line),
        })
    });
    let error = cluster
        .pipeline::<((), i64, String)>(three())
        .await
        .expect_err("loading");
    assert_eq!(error.server_error().map(ServerError::code), Some("LOADING"));
    assert_eq!(error.delivery(), Delivery::Unknown);
}

#[tokio::test]
async fn an_element_may_take_the_error_of_its_command() {
    let (cluster, _) = stack(|request| {
        each(request, |line| match line {
            "INCR b" => error("ERR no number"),
            line => answer(line),
        })
    });
    type Taken = ((), Result<i64, ServerError>, String);
    let (_, failed, text) = cluster.pipeline::<Taken>(three()).await.expect("taken");
    assert_eq!((failed.unwrap_err().code(), &*text), ("ERR", "text"));

    // The error that is told is the one that nothing took.
    type Wrong = ((), Result<i64, ServerError>, u64);
    let error = cluster
        .pipeline::<Wrong>(three())
        .await
        .expect_err("text is no number");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    let message = error.to_string();
    assert!(
        message.starts_with("element 2: expected an unsigned integer"),
        "{message}"
    );
    assert!(
        message.ends_with("(command GET, at index 2 of a pipeline of 3)"),
        "{message}"
    );
}

#[tokio::test]
async fn settings_are_those_of_the_request() {
    let (cluster, sent) = stack(|request| each(request, answer));
    let minute = Duration::from_secs(60);
    let pipeline = three().timeout(minute).idempotent();
    cluster.pipeline::<Value>(pipeline).await.expect("answered");
    let request = sent.requests().remove(0);
    assert_eq!(request.own_timeout(), Some(minute));
    let batch = request.batch().expect("a pipeline");
    assert!(batch.commands().iter().all(Command::is_idempotent));
}

#[tokio::test]
async fn a_pipeline_of_pipelines_keeps_their_order() {
    let (cluster, sent) = stack(|request| {
        each(request, |line| match line {
            line if line.starts_with("EVALSHA") => error("NOSCRIPT No matching script."),
            line => answer(line),
        })
    });
    let script = Script::new("return 1");
    let mut all = three().then(Pipeline::with_capacity(1).script(script.key("x")));
    all.extend([cmd("GET").arg("y")]);
    let results = cluster.pipeline_each(all).await.expect("sent");
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(sent.lines()[0].len(), 5);
    assert_eq!(sent.lines()[1], ["EVAL return 1 1 x"]);
}
