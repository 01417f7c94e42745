//! What requests do while their node cannot be reached.

use tokio::sync::watch;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn unreachable(_: u32) -> Result<Value, BoxError> {
    failure(ErrorKind::Unavailable, Delivery::NotSent)
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_needs_no_budget() {
    let policy = RetryPolicy::new(3).budget(0.0, 0.0);
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::Connect,
        ErrorKind::Overloaded,
    ] {
        let answer = |attempt| match attempt {
            3 => Ok(Value::Nil),
            _ => failure(kind, Delivery::NotSent),
        };
        let run = run(policy.clone(), write(), answer).await;
        assert_eq!(run.result.expect("in time"), Value::Nil, "{kind:?}");
    }
    // Nor does it earn any.
    let run = run(policy, write(), |_| refusal("TRYAGAIN")).await;
    assert_eq!(run.attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_cluster_ends_the_pause() {
    let (sender, changes) = watch::channel(0);
    let policy = policy(3)
        .backoff(3600 * SECOND, 3600 * SECOND)
        .hurry_on(changes);
    let answer = |attempt| match attempt {
        2 => Ok(Value::Nil),
        _ => unreachable(attempt),
    };
    let change = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        sender.send_modify(|change| *change += 1);
    };
    fastrand::seed(1);
    let (run, ()) = tokio::join!(run(policy, write(), answer), change);
    assert_eq!(run.result.expect("the answer"), Value::Nil);
    assert!(run.took < Duration::from_millis(30), "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn earlier_changes_and_a_teller_that_is_gone_end_no_pause() {
    let (sender, changes) = watch::channel(0);
    sender.send_replace(1);
    let policy = policy(1).backoff(SECOND, SECOND).hurry_on(changes);
    let took = async || {
        let mut took = Vec::new();
        for _ in 0..20 {
            took.push(run(policy.clone(), write(), unreachable).await.took);
        }
        took.into_iter().max().expect("twenty runs")
    };
    assert!(took().await > SECOND / 2);
    drop(sender);
    assert!(took().await > SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_no_reason_to_send_again_what_merely_failed() {
    let (sender, changes) = watch::channel(0);
    let policy = policy(1)
        .backoff(3600 * SECOND, 3600 * SECOND)
        .hurry_on(changes);
    let inner =
        service_fn(|_: Command| async { failure(ErrorKind::Connection, Delivery::Unknown) });
    let mut service = RetryLayer::new(policy).layer(inner);
    let mut response = task::spawn(service.call(read()));
    assert_pending!(response.poll());
    sender.send_replace(1);
    assert!(!response.is_woken());
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_for_an_unreachable_node_than_there_is_room_for() {
    let counters = Counters::new();
    let policy = policy(3).max_waiting(2).counters(counters.clone());
    let inner = service_fn(|command: Command| {
        let is_dead = command.name() == "SOME.WRITE";
        async move {
            match is_dead {
                true => unreachable(0),
                false => refusal("TRYAGAIN"),
            }
        }
    });
    let mut service = RetryLayer::new(policy).layer(inner);
    let mut call = |command| {
        let mut response = task::spawn(service.call(command));
        let is_waiting = response.poll().is_pending();
        (response, is_waiting)
    };
    let (first, is_waiting) = call(write());
    assert!(is_waiting);
    let (_second, is_waiting) = call(write());
    assert!(is_waiting);
    let (_third, is_waiting) = call(write());
    assert!(!is_waiting, "there is no room");
    assert_eq!(counters.snapshot().retries_withheld, 1);
    // A node that answers is waited for by whoever wants to.
    let (_other, is_waiting) = call(read());
    assert!(is_waiting);
    drop(first);
    let (_fourth, is_waiting) = call(write());
    assert!(is_waiting, "whoever leaves makes room");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_keeps_its_place_until_an_attempt_has_ended_that_reached_the_node() {
    let at_once = Duration::from_nanos(1);
    let policy = policy(9).max_waiting(1).backoff(at_once, at_once);
    let attempts = Arc::new(AtomicU32::new(0));
    let inner = service_fn(move |command: Command| {
        let attempts = Arc::clone(&attempts);
        async move {
            if command.name() == "SOME.READ" {
                return unreachable(0);
            }
            let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
            // An attempt to connect that takes its time, and then a node that is slow to refuse and to answer.
            if attempt > 1 {
                tokio::time::sleep(SECOND).await;
            }
            match attempt {
                1 | 2 => unreachable(attempt),
                3 => refusal("TRYAGAIN"),
                _ => Ok(Value::Nil),
            }
        }
    });
    let service = RetryLayer::new(policy).layer(inner);
    let first = tokio::spawn(service.clone().call(write()));
    for (after, has_room) in [(0.5, false), (1.0, false), (1.0, true)] {
        tokio::time::sleep(SECOND.mul_f64(after)).await;
        let mut other = task::spawn(service.clone().call(read()));
        assert_eq!(other.poll().is_pending(), has_room);
    }
    first.await.expect("it runs").expect("the answer");
}

#[tokio::test(start_paused = true)]
async fn the_time_until_the_deadline_is_used_to_its_end() {
    let timeout = Duration::from_secs(1);
    for _ in 0..50 {
        let over = Instant::now() + Duration::from_millis(970);
        let answer = |_| match Instant::now() >= over {
            true => Ok(Value::Nil),
            false => refusal("CLUSTERDOWN"),
        };
        let run = run(policy(3), due_in(write(), timeout), answer).await;
        assert_eq!(run.result.expect("the answer"), Value::Nil);
    }
}
