mod outages;
mod pipelines;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, Service, service_fn};

use super::{Retry, RetryLayer, RetryPolicy};
use crate::addr::NodeAddr;
use crate::command::{Command, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::metrics::Counters;
use crate::value::{ServerError, Value};

/// What a request came to, how often it was tried, and how long it took.
struct Run {
    result: Result<Value, Error>,
    attempts: u32,
    took: Duration,
}

fn refusal(code: &str) -> Result<Value, BoxError> {
    Ok(Value::Error(ServerError::new(format!("{code} not now"))))
}

fn failure(kind: ErrorKind, delivery: Delivery) -> Result<Value, BoxError> {
    Err(Error::not_sent(kind, "as told")
        .with_delivery(delivery)
        .into())
}

/// A policy under which the number of attempts is known.
fn policy(retries: usize) -> RetryPolicy {
    RetryPolicy::new(retries).no_budget()
}

async fn run(
    policy: RetryPolicy,
    command: Command,
    answer: impl Fn(u32) -> Result<Value, BoxError> + Clone,
) -> Run {
    let attempts = Arc::new(AtomicU32::new(0));
    let inner = service_fn(|_: Command| {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
        std::future::ready(answer(attempt))
    });
    let began = Instant::now();
    let result = RetryLayer::new(policy).layer(inner).call(command).await;
    Run {
        result: result.map_err(Error::from),
        attempts: attempts.load(Ordering::Relaxed),
        took: began.elapsed(),
    }
}

fn read() -> Command {
    cmd("SOME.READ").idempotent()
}

fn write() -> Command {
    cmd("SOME.WRITE")
}

fn due_in(mut command: Command, time: Duration) -> Command {
    command.set_deadline(Instant::now() + time);
    command
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_passed_on_at_once() {
    let run = run(policy(3), read(), |_| Ok(Value::Integer(1))).await;
    assert_eq!(run.result.expect("the answer"), Value::Integer(1));
    assert_eq!((run.attempts, run.took), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_retried_for_every_command_until_it_ends() {
    for code in [
        "TRYAGAIN",
        "CLUSTERDOWN",
        "MASTERDOWN",
        "LOADING",
        "READONLY",
        "MOVED",
        "ASK",
    ] {
        let answer = |attempt| match attempt {
            3 => Ok(Value::Nil),
            _ => refusal(code),
        };
        let run = run(policy(3), write(), answer).await;
        assert_eq!(run.result.expect(code), Value::Nil);
        assert_eq!(run.attempts, 3, "{code}");
    }
}

/// The connection was lost while the command was on its way, and then the node was not ready.
fn lost_and_refused(attempt: u32) -> Result<Value, BoxError> {
    match attempt {
        1 => failure(ErrorKind::Connection, Delivery::Unknown),
        _ => refusal("CLUSTERDOWN"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_deny_what_an_attempt_before_may_have_done() {
    let write = write().idempotent();
    let write = run(policy(2), write, lost_and_refused).await;
    let error = write.result.expect_err("refused");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(
        error.server_error().map(ServerError::code),
        Some("CLUSTERDOWN")
    );
    assert_eq!((error.attempts(), write.attempts), (3, 3));

    // A read applies nothing, and a command that was only refused was not applied.
    let get = run(policy(2), cmd("GET").arg("k"), lost_and_refused).await;
    assert!(matches!(get.result, Ok(Value::Error(_))));
    let refused = run(policy(2), read(), |_| refusal("CLUSTERDOWN")).await;
    assert!(matches!(refused.result, Ok(Value::Error(_))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_no_longer_authenticated_is_retried_a_few_times() {
    let answer = |attempt| match attempt {
        2 => Ok(Value::Nil),
        _ => refusal("NOAUTH"),
    };
    let healed = run(policy(3), write(), answer).await;
    assert_eq!(healed.result.expect("on another connection"), Value::Nil);
    // However long the deadline.
    let due = due_in(write(), Duration::from_secs(60));
    let in_vain = run(policy(3), due, |_| refusal("NOAUTH")).await;
    assert_eq!(in_vain.attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn another_error_reply_is_an_answer() {
    for code in [
        "WRONGTYPE",
        "ERR",
        "BUSY",
        "CROSSSLOT",
        "NOPERM",
        "WRONGPASS",
        "",
    ] {
        let run = run(policy(3), read(), |_| refusal(code)).await;
        assert!(matches!(run.result, Ok(Value::Error(_))));
        assert_eq!(run.attempts, 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_chosen_node_refuses_for_being_the_wrong_one_is_an_answer() {
    let chosen = || read().target(Target::Node(NodeAddr::new("10.0.0.1", 7000)));
    for (code, attempts) in [("MOVED", 1), ("ASK", 1), ("READONLY", 1), ("LOADING", 4)] {
        let run = run(policy(3), chosen(), |_| refusal(code)).await;
        assert_eq!(run.attempts, attempts, "{code}");
    }
    let pipeline = Command::pipeline([chosen()]);
    let moved = |_| refusal("MOVED").map(|reply| Value::Array(vec![reply]));
    let run = run(policy(3), pipeline, moved).await;
    assert_eq!(run.attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_applied_is_retried_and_what_may_have_been_only_if_idempotent() {
    use Delivery::{NotApplied, NotSent, Unknown};
    for (command, delivery, attempts) in [
        (write(), NotSent, 4),
        (write(), NotApplied, 4),
        (write(), Unknown, 1),
        (read(), Unknown, 4),
        (cmd("GET").arg("k"), Unknown, 4),
        (cmd("INCR").arg("k"), Unknown, 1),
        (cmd("INFO"), Unknown, 4),
        (cmd("PUBLISH").arg("c").arg("m"), Unknown, 1),
        (cmd("SCRIPT").arg("LOAD").arg("return 1"), Unknown, 4),
        (cmd("SCRIPT").arg("FLUSH"), Unknown, 1),
    ] {
        let answer = |_| failure(ErrorKind::Connection, delivery);
        let run = run(policy(3), command.clone(), answer).await;
        assert_eq!(run.attempts, attempts, "{command:?} {delivery:?}");
        let error = run.result.expect_err("the last error");
        assert_eq!(error.attempts(), attempts);
        assert_eq!(error.delivery(), delivery);
    }
}

#[tokio::test(start_paused = true)]
async fn what_time_does_not_mend_is_not_retried() {
    for kind in [
        ErrorKind::InvalidCommand,
        ErrorKind::Config,
        ErrorKind::Conversion,
        ErrorKind::Authentication,
        ErrorKind::Shutdown,
    ] {
        let run = run(policy(3), read(), |_| failure(kind, Delivery::NotSent)).await;
        assert_eq!(run.attempts, 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_layers_error_is_of_unknown_delivery() {
    for (command, attempts) in [(write(), 1), (read(), 4)] {
        let run = run(policy(3), command, |_| Err("broken".into())).await;
        assert_eq!(run.attempts, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn load_shed_below_is_retried() {
    let answer = |_| Err(tower::load_shed::error::Overloaded::new().into());
    assert_eq!(run(policy(3), write(), answer).await.attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_the_count_bounds_refusals_too() {
    let run = run(policy(3), write(), |_| refusal("CLUSTERDOWN")).await;
    assert_eq!(run.attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn a_request_with_time_outlasts_an_election() {
    for outage in [
        refusal as fn(&str) -> _,
        |_| failure(ErrorKind::Connect, Delivery::NotSent),
        |_| failure(ErrorKind::Topology, Delivery::NotSent),
    ] {
        let over = Instant::now() + Duration::from_secs(4);
        let answer = |_| match Instant::now() >= over {
            true => Ok(Value::Nil),
            false => outage("CLUSTERDOWN"),
        };
        let command = due_in(write(), Duration::from_secs(5));
        let run = run(RetryPolicy::new(3), command, answer).await;
        assert_eq!(run.result.expect("the answer"), Value::Nil);
        // No more than a client should send into an election.
        assert!(run.attempts < 50, "{}", run.attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn count_all_bounds_refusals_under_a_deadline() {
    let command = due_in(write(), Duration::from_secs(5));
    let run = run(policy(3).count_all(), command, |_| refusal("CLUSTERDOWN")).await;
    assert_eq!(run.attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_under_a_deadline() {
    let command = due_in(write(), Duration::from_secs(5));
    let answer = |_| failure(ErrorKind::Overloaded, Delivery::NotSent);
    assert_eq!(run(policy(3), command, answer).await.attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn no_retries_are_none_whatever_the_deadline() {
    let command = due_in(write(), Duration::from_secs(5));
    let run = run(policy(0), command, |_| refusal("CLUSTERDOWN")).await;
    assert_eq!(run.attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_outcome_comes_before_the_deadline() {
    let timeout = Duration::from_millis(400);
    for _ in 0..50 {
        let run = run(policy(3), due_in(write(), timeout), |_| refusal("LOADING")).await;
        assert!(matches!(run.result, Ok(Value::Error(_))));
        assert!(run.took < timeout, "{:?}", run.took);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retried_past_the_deadline() {
    let command = due_in(read(), Duration::ZERO);
    let answer = |_| failure(ErrorKind::Timeout, Delivery::Unknown);
    let run = run(policy(3), command, answer).await;
    assert_eq!((run.attempts, run.took), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_a_refusal_names_the_refusal_as_its_cause() {
    let answer = |attempt| match attempt {
        1 => refusal("CLUSTERDOWN"),
        _ => failure(ErrorKind::Timeout, Delivery::Unknown),
    };
    let error = run(policy(3), write(), answer).await.result.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    let cause = error.source().expect("a cause").to_string();
    assert!(cause.contains("CLUSTERDOWN"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_before_sending_is_retried_without_a_pause_once() {
    let answer = |attempt| match attempt {
        2 => Ok(Value::Nil),
        _ => failure(ErrorKind::Connection, Delivery::NotSent),
    };
    assert_eq!(run(policy(3), write(), answer).await.took, Duration::ZERO);
    let always = |_| failure(ErrorKind::Connection, Delivery::NotSent);
    assert!(run(policy(3), write(), always).await.took > Duration::ZERO);
    let unreachable = |attempt| match attempt {
        2 => Ok(Value::Nil),
        _ => failure(ErrorKind::Connect, Delivery::NotSent),
    };
    assert!(run(policy(3), write(), unreachable).await.took > Duration::ZERO);
}

/// Loses its first command, and is finished then.
#[derive(Clone, Default)]
struct Finished(Arc<AtomicU32>);

impl Service<Command> for Finished {
    type Response = Value;
    type Error = Error;
    type Future = std::future::Ready<Result<Value, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(Error::not_sent(ErrorKind::Unavailable, "finished")),
        })
    }

    fn call(&mut self, _: Command) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        let error = Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown);
        std::future::ready(Err(error))
    }
}

#[tokio::test(start_paused = true)]
async fn service_that_is_finished_does_not_deny_the_attempts_before() {
    let mut service = RetryLayer::new(policy(3)).layer(Finished::default());
    let error = service.call(read()).await.expect_err("finished");
    assert_eq!(
        (error.kind(), error.delivery(), error.attempts()),
        (ErrorKind::Unavailable, Delivery::Unknown, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_withholds_retries_of_all_clones() {
    let counters = Counters::new();
    let policy = RetryPolicy::new(3)
        .budget(0.0, 0.5)
        .counters(counters.clone());
    let answer = |_| refusal("TRYAGAIN");
    let attempts = [
        run(policy.clone(), write(), answer).await.attempts,
        run(policy, write(), answer).await.attempts,
    ];
    // 0.5 retries per second over ten seconds are 5.
    assert_eq!(attempts, [4, 3]);
    assert_eq!(counters.snapshot().retries, 5);
    assert_eq!(counters.snapshot().retries_withheld, 1);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_outlasts_an_election_within_the_budget() {
    let policy = RetryPolicy::new(3).budget(0.0, 1.0);
    let over = Instant::now() + Duration::from_secs(3);
    let answer = |_| match Instant::now() >= over {
        true => Ok(Value::Nil),
        false => refusal("CLUSTERDOWN"),
    };
    let requests = (0..200).map(|_| {
        let command = due_in(write(), Duration::from_secs(10));
        run(policy.clone(), command, answer)
    });
    let runs = futures::future::join_all(requests).await;
    let attempts: u32 = runs.iter().map(|run| run.attempts).sum();
    // The first of each, the answered, and the reserve of ten seconds and three.
    assert!(attempts <= 2 * 200 + 13, "{attempts}");
    for run in runs {
        run.result.expect("the answer");
        assert!(run.took < Duration::from_secs(4), "{:?}", run.took);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_without_end_is_named_before_the_deadline_and_no_load_on_it() {
    let counters = Counters::new();
    let policy = RetryPolicy::new(3)
        .budget(0.0, 0.0)
        .counters(counters.clone());
    let timeout = Duration::from_secs(10);
    for _ in 0..20 {
        let command = due_in(write(), timeout);
        let run = run(policy.clone(), command, |_| refusal("CLUSTERDOWN")).await;
        assert!(matches!(run.result, Ok(Value::Error(_))));
        assert_eq!(run.attempts, 1);
        assert!(run.took < timeout, "{:?}", run.took);
    }
    let metrics = counters.snapshot();
    assert_eq!((metrics.retries, metrics.retries_withheld), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn requests_fill_the_budget() {
    // Which requests are sampled must not depend on chance: the first would do for all.
    fastrand::seed(1);
    let policy = RetryPolicy::new(1).budget(1.0, 0.0);
    let refused = |_| refusal("TRYAGAIN");
    assert_eq!(run(policy.clone(), write(), refused).await.attempts, 1);
    // One in 64 fills it for all.
    for _ in 0..2000 {
        run(policy.clone(), write(), |_| Ok(Value::Nil)).await;
    }
    assert_eq!(run(policy, write(), refused).await.attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_share_their_count_of_attempts() {
    let inner = service_fn(|_: Command| async {
        Err::<Value, _>(Error::not_sent(ErrorKind::Overloaded, "full"))
    });
    let mut service: Retry<_> = RetryLayer::new(policy(1)).layer(inner);
    for _ in 0..2 {
        let error = service.call(write()).await.unwrap_err();
        assert_eq!(error.attempts(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_pauses_end_wakes_the_request_and_dropping_it_ends_it() {
    let inner = service_fn(|_: Command| async { refusal("TRYAGAIN") });
    let mut service = RetryLayer::new(policy(3)).layer(inner);
    let mut response = task::spawn(service.call(write()));
    assert_pending!(response.poll());
    advance(Duration::from_secs(1)).await;
    assert!(response.is_woken());
    drop(response);
    let mut other = task::spawn(service.call(write()));
    for _ in 0..3 {
        assert_pending!(other.poll());
        advance(Duration::from_secs(1)).await;
    }
    let result = assert_ready!(other.poll());
    assert!(matches!(result, Ok(Value::Error(_))));
}

#[tokio::test(start_paused = true)]
async fn forced_unblock_is_retried_and_an_operators_is_not() {
    for (line, attempts) in [
        (
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            4,
        ),
        ("UNBLOCKED client unblocked via CLIENT UNBLOCK", 1),
    ] {
        let answer = |_| Ok(Value::Error(ServerError::new(line)));
        assert_eq!(run(policy(3), write(), answer).await.attempts, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn last_error_does_not_deny_what_an_earlier_attempt_may_have_applied() {
    let answer = |attempt| match attempt {
        1 => failure(ErrorKind::Connection, Delivery::Unknown),
        _ => failure(ErrorKind::Connect, Delivery::NotSent),
    };
    let run = run(policy(3), read(), answer).await;
    let error = run.result.expect_err("the last error");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.delivery(), Delivery::Unknown);
}
