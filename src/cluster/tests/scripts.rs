use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, service_fn};

use super::{bulk, each, error, stack};
use crate::command::{Command, Target};
use crate::error::{Error, ErrorKind};
use crate::value::Value;
use crate::{Cluster, Pipeline, Script, TimeoutLayer};

const MISSING: &str = "NOSCRIPT No matching script. Please use EVAL.";

const SHA1: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

fn script() -> Script {
    Script::new("return 1")
}

/// A node that has no script until it is sent one with its source.
fn forgetful() -> impl Fn(&Command) -> Result<Value, Error> + Clone {
    let has_it = Arc::new(AtomicBool::new(false));
    move |request| {
        let name = &*request.name();
        if name.starts_with("EVALSHA") && !has_it.load(Ordering::Relaxed) {
            return Ok(error(MISSING));
        }
        has_it.store(true, Ordering::Relaxed);
        Ok(Value::Integer(1))
    }
}

#[test]
fn a_script_is_named_by_the_digest_of_its_source() {
    assert_eq!(script().sha1(), SHA1);
    assert_eq!(
        Script::new("").sha1(),
        "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    );
    assert_eq!(script().source(), b"return 1");
    assert!(!format!("{:?}", Script::new("secret").arg("secret")).contains("secret"));
}

#[tokio::test]
async fn the_source_is_sent_when_the_node_does_not_have_the_script() {
    let (cluster, sent) = stack(forgetful());
    let call = script().key(["{k}a", "{k}b"]).arg(5).key("{k}c").arg("x");
    for _ in 0..2 {
        let one: i64 = cluster.script(call.clone()).await.expect("runs");
        assert_eq!(one, 1);
    }
    let by_name = format!("EVALSHA {SHA1} 3 {{k}}a {{k}}b {{k}}c 5 x");
    let by_source = "EVAL return 1 3 {k}a {k}b {k}c 5 x";
    assert_eq!(sent.lines().concat(), [&by_name, by_source, &by_name]);
}

#[tokio::test]
async fn both_requests_are_sent_in_the_same_way() {
    let minute = Duration::from_secs(60);
    for (script, names) in [
        (script(), ["EVALSHA", "EVAL"]),
        (script().read_only(), ["EVALSHA_RO", "EVAL_RO"]),
    ] {
        let (cluster, sent) = stack(forgetful());
        let call = script.key("k").idempotent().timeout(minute);
        let call = call.target(Target::AnyPrimary);
        cluster.script::<i64>(call).await.expect("runs");
        assert_eq!(sent.requests().len(), 2);
        for (request, name) in sent.requests().iter().zip(names) {
            assert_eq!(request.name(), name);
            assert!(request.is_idempotent());
            assert_eq!(request.is_read_only(), name.ends_with("_RO"));
            assert_eq!(request.own_timeout(), Some(minute));
            assert_eq!(request.explicit_target(), Some(&Target::AnyPrimary));
        }
    }
}

#[tokio::test]
async fn an_error_out_of_the_script_does_not_run_it_again() {
    for out_of_it in [
        "NOSCRIPT No matching script. script: e0e1, on @user_script:1.",
        "WRONGTYPE no",
    ] {
        let (cluster, sent) = stack(move |_| Ok(error(out_of_it)));
        cluster.script::<i64>(script()).await.expect_err("failed");
        assert_eq!(sent.lines().len(), 1);
    }
}

#[tokio::test]
async fn only_the_calls_that_were_refused_are_sent_again_from_a_pipeline() {
    let (cluster, sent) = stack(|request| {
        each(request, |line| match line {
            line if line.ends_with("1 new") && line.starts_with("EVALSHA") => error(MISSING),
            line if line.starts_with("EVALSHA") => bulk("by name"),
            line if line.starts_with("EVAL ") => bulk("by source"),
            _ => bulk("other"),
        })
    });
    let pipeline = Pipeline::new()
        .script(script().key("old"))
        .script(script().key("new"))
        .get("k");
    let all: [String; 3] = cluster.pipeline(pipeline).await.expect("all run");
    assert_eq!(all, ["by name", "by source", "other"]);
    assert_eq!(sent.lines()[1..], [["EVAL return 1 1 new"]]);
}

#[tokio::test]
async fn a_call_whose_source_was_not_sent_says_so() {
    let (cluster, _) = stack(|request| {
        if request
            .batch()
            .is_some_and(|batch| batch.commands().len() == 1)
        {
            return Err(Error::not_sent(ErrorKind::Overloaded, "too much"));
        }
        each(request, |line| match line {
            line if line.starts_with("EVALSHA") => error(MISSING),
            _ => bulk("other"),
        })
    });
    let pipeline = Pipeline::new().get("k").script(script().key("new"));
    let results = cluster
        .pipeline_each(pipeline)
        .await
        .expect("the first was sent");
    assert!(results[0].is_ok());
    let error = results[1].as_ref().expect_err("not sent");
    assert_eq!(
        (error.kind(), error.command()),
        (ErrorKind::Overloaded, Some("EVALSHA"))
    );
}

#[tokio::test(start_paused = true)]
async fn both_requests_share_one_deadline() {
    let slow = service_fn(async |command: Command| {
        sleep(Duration::from_millis(300)).await;
        let missing = || error(MISSING);
        Ok::<_, Error>(match command.batch() {
            Some(batch) => Value::Array(batch.commands().iter().map(|_| missing()).collect()),
            None => missing(),
        })
    });
    let timeout = TimeoutLayer::new(Duration::from_millis(400));
    let cluster = Cluster::new(ServiceBuilder::new().layer(timeout).service(slow));
    let start = Instant::now();
    let error = cluster.script::<i64>(script()).await.expect_err("too slow");
    assert!(error.is_timeout());
    assert!(
        start.elapsed() < Duration::from_millis(450),
        "{:?}",
        start.elapsed()
    );

    let start = Instant::now();
    let pipeline = Pipeline::new().script(script().key("k"));
    let error = cluster
        .pipeline::<Value>(pipeline)
        .await
        .expect_err("too slow");
    assert!(error.is_timeout());
    assert!(
        start.elapsed() < Duration::from_millis(450),
        "{:?}",
        start.elapsed()
    );
}
