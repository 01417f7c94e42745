//! Who waits for a reply past the deadline of the command: woken by the connection, wherever the command is.

use futures_util::FutureExt;

use super::*;
use crate::wakeup;

const MS: Duration = Duration::from_millis(1);

/// How late the connection may wake its callers.
const LATE: Duration = Duration::from_millis(12);

/// A call with this much time, polled once.
fn call(connection: &mut Connection, key: &str, time: Duration) -> task::Spawn<ResponseFuture> {
    let mut command = get(key).0;
    command.set_deadline(Instant::now() + time);
    let mut call = task::spawn(connection.call(command));
    assert_pending!(call.poll());
    call
}

/// The call is woken when its time is up, which it is in so long, and then ends with this delivery.
async fn expect_end(call: &mut task::Spawn<ResponseFuture>, left: Duration, delivery: Delivery) {
    tokio::time::sleep(left - MS).await;
    assert!(!call.is_woken(), "too early");
    tokio::time::sleep(LATE).await;
    assert!(call.is_woken(), "too late");
    let error = assert_ready_err!(call.poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, delivery)
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_woken_at_the_deadline_of_what_was_written() {
    let (mut connection, mut peer) = connect();
    let mut call = call(&mut connection, "k", 100 * MS);
    expect(&mut peer, &get("k").1).await;
    expect_end(&mut call, 100 * MS, Delivery::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn the_earliest_deadline_counts_whenever_it_came() {
    let (mut connection, _peer) = connect();
    let mut calls = Vec::new();
    for time in [500, 100, 300] {
        calls.push((time, call(&mut connection, "k", time * MS)));
        settle().await;
    }
    calls.sort_by_key(|(time, _)| *time);
    let start = Instant::now();
    for (time, mut call) in calls {
        let left = (start + time * MS) - Instant::now();
        expect_end(&mut call, left, Delivery::Unknown).await;
    }
}

#[tokio::test(start_paused = true)]
async fn answered_commands_do_not_disturb_the_others() {
    let (mut connection, mut peer) = connect();
    let mut first = call(&mut connection, "a", 100 * MS);
    let mut second = call(&mut connection, "b", 200 * MS);
    expect(&mut peer, &(get("a").1 + &get("b").1)).await;
    peer.write_all(b"$1\r\na\r\n").await.expect("open");
    settle().await;
    assert!(first.is_woken());
    assert_eq!(assert_ready_ok!(first.poll()), bulk("a"));
    expect_end(&mut second, 200 * MS, Delivery::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_woken_while_a_full_socket_holds_its_command_up() {
    let (mut connection, _peer) = connect_with(Config::default(), 64);
    // More than is encoded at once, none of which goes out.
    let large = cmd("SET").arg("k").arg(vec![b'x'; 1 << 20]);
    let _large = task::spawn(connection.call(large));
    // Also long after that, when the driver has nothing to do.
    for wait in [0, 50] {
        tokio::time::sleep(wait * MS).await;
        let mut call = call(&mut connection, "k", 100 * MS);
        expect_end(&mut call, 100 * MS, Delivery::NotSent).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_woken_while_a_suspect_connection_holds_its_command_back() {
    let config = Config::default()
        .suspect_after(50 * MS)
        .stall_timeout(Duration::from_secs(60));
    let (mut connection, _peer) = connect_with(config, 1024);
    let _due = call(&mut connection, "due", Duration::from_secs(3600));
    tokio::time::sleep(60 * MS).await;
    assert!(connection.is_suspect());
    // As one that was found ready just before.
    let mut call = call(&mut connection, "k", 20 * MS);
    expect_end(&mut call, 20 * MS, Delivery::NotSent).await;
}

#[tokio::test(start_paused = true)]
async fn who_polls_for_the_first_time_past_the_deadline_is_woken_soon() {
    let (mut connection, _peer) = connect();
    let mut command = get("k").0;
    command.set_deadline(Instant::now() + 100 * MS);
    let mut call = task::spawn(connection.call(command));
    tokio::time::sleep(500 * MS).await;
    assert_pending!(call.poll());
    tokio::time::sleep(LATE).await;
    assert!(call.is_woken());
    assert_ready_err!(call.poll());
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_pipeline_have_its_deadline() {
    let (mut connection, mut peer) = connect();
    let mut pipeline = Command::pipeline([get("a").0, get("b").0]);
    pipeline.set_deadline(Instant::now() + 100 * MS);
    let mut call = task::spawn(connection.call(pipeline));
    assert_pending!(call.poll());
    expect(&mut peer, &(get("a").1 + &get("b").1)).await;
    peer.write_all(b"$1\r\na\r\n").await.expect("open");
    settle().await;
    expect_end(&mut call, 100 * MS, Delivery::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_deadline_is_not_woken() {
    let (mut connection, _peer) = connect_with(Config::default().suspect_after(None), 1024);
    let mut call = task::spawn(connection.call(get("k").0));
    assert_pending!(call.poll());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!call.is_woken());
}

/// What a Timeout around it would find.
#[tokio::test(start_paused = true)]
async fn a_reply_that_is_waited_for_arranges_a_wake_up_at_the_deadline() {
    let (mut connection, _peer) = connect();
    let mut command = get("k").0;
    let deadline = Instant::now() + 100 * MS;
    command.set_deadline(deadline);
    let mut call = task::spawn(connection.call(command));
    let arranged = call.enter(|cx, call| wakeup::heed(cx, |cx| call.poll(cx)).1);
    assert_eq!(arranged, Some(deadline));
    // Dropped in the same poll, it wakes nobody.
    let mut call = call.into_inner();
    task::spawn(()).enter(|cx, _| {
        let (_, arranged) = wakeup::heed(cx, |cx| {
            let polled = call.poll_unpin(cx);
            drop(call);
            polled
        });
        assert_eq!(arranged, None);
    });
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_has_come_arranges_nothing() {
    let (mut connection, mut peer) = connect();
    let mut call = call(&mut connection, "k", 100 * MS);
    expect(&mut peer, &get("k").1).await;
    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    settle().await;
    call.enter(|cx, call| {
        let (polled, arranged) = wakeup::heed(cx, |cx| {
            // As a layer that waits for something else then.
            assert!(call.poll(cx).is_ready());
            std::task::Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(arranged, None);
    });
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_has_gone_is_not_woken() {
    let (mut connection, mut peer) = connect();
    let mut other = call(&mut connection, "other", 200 * MS);
    let command = {
        let mut command = get("k").0;
        command.set_deadline(Instant::now() + 100 * MS);
        command
    };
    let mut gone = Some(connection.call(command));
    let mut caller = task::spawn(());
    caller.enter(|cx, _| assert!(gone.as_mut().expect("there").poll_unpin(cx).is_pending()));
    expect(&mut peer, &(get("other").1 + &get("k").1)).await;
    drop(gone);
    tokio::time::sleep(150 * MS).await;
    assert!(!caller.is_woken());
    expect_end(&mut other, 50 * MS, Delivery::Unknown).await;
}
