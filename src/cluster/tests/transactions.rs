use std::time::Duration;

use super::{bulk, each, error, stack};
use crate::command::{Target, cmd};
use crate::error::{Delivery, ErrorKind};
use crate::value::{ServerError, Value};
use crate::{Pipeline, Script, Slot};

fn two() -> Pipeline {
    Pipeline::new().incr("{k}a").get("{k}b")
}

#[tokio::test]
async fn the_replies_of_exec_are_typed() {
    let (cluster, sent) = stack(|_| Ok(Value::Array(vec![Value::Integer(1), bulk("text")])));
    let both: (i64, String) = cluster.transaction(two()).await.expect("executed");
    assert_eq!(both, (1, "text".to_owned()));
    let request = sent.requests().remove(0);
    assert!(request.batch().is_some_and(|batch| batch.is_transaction()));
    assert_eq!(request.slot().expect("one slot"), Some(Slot::of("k")));
    assert!(!request.is_idempotent());

    let minute = Duration::from_secs(60);
    let again = two().timeout(minute).idempotent();
    cluster.transaction::<Value>(again).await.expect("executed");
    let request = sent.requests().remove(1);
    assert!(request.is_idempotent());
    assert_eq!(request.own_timeout(), Some(minute));
}

#[tokio::test]
async fn what_cannot_be_of_one_slot_is_not_sent() {
    let (cluster, sent) = stack(|_| Ok(Value::Nil));
    for (bad, message) in [
        (Pipeline::new().incr("a").incr("b"), "different slots"),
        (Pipeline::new().mget(["a", "b"]), "different slots"),
        (two().add(cmd("DBSIZE")), "about nodes rather than keys"),
        (
            two().add(cmd("GET").arg("{k}c").target(Target::AnyPrimary)),
            "target",
        ),
        (two().expire("{k}c", Duration::ZERO), "a time of zero"),
        (
            two().add(crate::Command::transaction([])),
            "cannot be a command of another",
        ),
    ] {
        let error = cluster.transaction::<Value>(bad).await.expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    assert!(sent.lines().is_empty());
}

#[tokio::test]
async fn a_refusal_leaves_nothing_applied() {
    for refusal in ["ERR wrong number of arguments", "EXECABORT", "MOVED 1 a:1"] {
        let (cluster, _) = stack(move |_| Ok(error(refusal)));
        let error = cluster
            .transaction::<Value>(two())
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(error.delivery(), Delivery::NotApplied);
    }
    let (cluster, _) = stack(|_| Ok(Value::Nil));
    // Not even for a type that takes nil: nothing was done.
    let error = cluster.transaction::<()>(two()).await.expect_err("aborted");
    assert_eq!(error.kind(), ErrorKind::Aborted);
    assert_eq!(error.delivery(), Delivery::NotApplied);
}

#[tokio::test]
async fn a_command_that_fails_says_that_the_others_are_applied() {
    let (cluster, _) = stack(|_| Ok(Value::Array(vec![error("WRONGTYPE no"), bulk("text")])));
    let error = cluster
        .transaction::<(i64, String)>(two())
        .await
        .expect_err("failed");
    assert_eq!(
        error.to_string(),
        "WRONGTYPE no (command INCR, at index 0 of a transaction of 2; of the others 1 succeeded)"
    );
    assert_eq!(error.delivery(), Delivery::Unknown);

    type Taken = (Result<i64, ServerError>, String);
    let (failed, _) = cluster.transaction::<Taken>(two()).await.expect("taken");
    assert!(failed.is_err());
}

#[tokio::test]
async fn a_script_is_sent_with_its_source() {
    let (cluster, sent) = stack(|request| each(request, |_| Value::Integer(1)));
    let script = Script::new("return 1");
    let transaction = two().script(script.key("{k}c").arg(5));
    cluster
        .transaction::<Value>(transaction)
        .await
        .expect("executed");
    assert_eq!(
        sent.lines(),
        [["INCR {k}a", "GET {k}b", "EVAL return 1 1 {k}c 5"]]
    );
}
