//! The connection against a scripted peer at the other end of a pipe.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{Service, ServiceExt};

use super::*;
use crate::cmd;
use crate::error::{Delivery, ErrorKind};
use crate::resp::{Decoder, Limits, Version};

mod deadlines;
mod hostile;
mod ping;
#[cfg(feature = "testing")]
mod real;
mod renewal;
#[cfg(feature = "testing")]
mod silent_servers;
mod starvation;
mod stress;
mod suspicion;
mod units;

fn connect_over<IO>(io: IO, config: &Config) -> Connection
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    connect_with_prober(io, config, None)
}

fn connect_with_prober<IO>(io: IO, config: &Config, prober: Option<Prober>) -> Connection
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    connect_failing(io, FailedWrites::WriteNothing, config, prober)
}

fn connect_failing<IO>(
    io: IO,
    failed_writes: FailedWrites,
    config: &Config,
    prober: Option<Prober>,
) -> Connection
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let addr = NodeAddr::new("10.0.0.1", 7000);
    Connection::new(io, failed_writes, addr, established(), config, prober, None)
}

/// A handshake without any trace.
fn established() -> Established {
    Established {
        version: Version::Resp3,
        decoder: Decoder::new(Limits::default()),
        unread: BytesMut::new(),
    }
}

fn connect_with(config: Config, pipe: usize) -> (Connection, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(pipe);
    (connect_over(ours, &config), theirs)
}

fn connect() -> (Connection, DuplexStream) {
    connect_with(Config::default(), 1024 * 1024)
}

/// The other end reads nothing within a moment.
async fn expect_nothing(peer: &mut DuplexStream) {
    tokio::time::timeout(Duration::from_millis(1), peer.read_u8())
        .await
        .expect_err("nothing is written");
}

/// Lets the driver and other tasks run until nothing is left to do, without time passing.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

async fn expect(peer: &mut DuplexStream, wire: &str) {
    let mut got = vec![0; wire.len()];
    peer.read_exact(&mut got)
        .await
        .expect("the connection writes");
    assert_eq!(String::from_utf8_lossy(&got), wire);
}

fn get(key: &str) -> (Command, String) {
    let wire = format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len());
    (cmd("GET").arg(key), wire)
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.to_owned().into())
}

// ===== replies =====

#[tokio::test(start_paused = true)]
async fn replies_reach_their_callers_in_order() {
    let (mut connection, mut peer) = connect();
    let calls: Vec<_> = (0..3)
        .map(|n| connection.call(get(&n.to_string()).0))
        .collect();
    for n in 0..3 {
        expect(&mut peer, &get(&n.to_string()).1).await;
    }
    peer.write_all(b"$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n")
        .await
        .expect("open");
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("a reply"), bulk(&n.to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_a_late_reply_is_not_given_to_the_next_caller() {
    let (mut connection, mut peer) = connect();
    let gone = connection.call(get("gone").0);
    expect(&mut peer, &get("gone").1).await;
    drop(gone);
    let next = connection.call(get("next").0);
    expect(&mut peer, &get("next").1).await;
    peer.write_all(b"$4\r\ngone\r\n$4\r\nnext\r\n")
        .await
        .expect("open");
    assert_eq!(next.await.expect("a reply"), bulk("next"));
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_left_early_is_never_written() {
    let (mut connection, mut peer) = connect();
    drop(connection.call(get("gone").0));
    let next = connection.call(get("next").0);
    expect(&mut peer, &get("next").1).await;
    peer.write_all(b"$4\r\nnext\r\n").await.expect("open");
    assert_eq!(next.await.expect("a reply"), bulk("next"));
}

#[tokio::test(start_paused = true)]
async fn push_messages_are_not_replies() {
    let (mut connection, mut peer) = connect();
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    peer.write_all(b">2\r\n+invalidate\r\n*0\r\n$1\r\nv\r\n")
        .await
        .expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn rule_2_asking_and_its_command_are_adjacent_and_one_reply() {
    let (mut connection, mut peer) = connect();
    let (mut command, wire) = get("k");
    command.set_asking(true);
    let asking = connection.call(command);
    let next = connection.call(get("n").0);
    let unit = format!("*1\r\n$6\r\nASKING\r\n{wire}{}", get("n").1);
    expect(&mut peer, &unit).await;
    peer.write_all(b"+OK\r\n$1\r\nv\r\n$1\r\nn\r\n")
        .await
        .expect("open");
    assert_eq!(asking.await.expect("a reply"), bulk("v"));
    assert_eq!(next.await.expect("a reply"), bulk("n"));
}

// ===== the end of a connection =====

#[tokio::test(start_paused = true)]
async fn rule_3_each_caller_learns_what_became_of_its_command() {
    // A pipe this small takes the first command and a part of the second.
    let (mut connection, mut peer) = connect_with(Config::default(), 32);
    let answered = connection.call(get("a").0);
    expect(&mut peer, &get("a").1).await;
    let written = connection.call(get("b").0);
    expect(&mut peer, &get("b").1).await;
    let cut = connection.call(get(&"c".repeat(40)).0);
    settle().await;
    let unsent = connection.call(get("d").0);
    settle().await;
    peer.write_all(b"$1\r\na\r\n").await.expect("open");
    drop(peer);

    assert_eq!(answered.await.expect("its reply was read"), bulk("a"));
    for (call, delivery) in [
        (written, Delivery::Unknown),
        (cut, Delivery::Unknown),
        (unsent, Delivery::NotSent),
    ] {
        let error = call.await.expect_err("the connection is gone");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Connection, delivery),
            "{error}"
        );
        assert_eq!(error.node(), Some(connection.addr()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_connection_is_not_ready_and_takes_no_command() {
    let (mut connection, peer) = connect();
    drop(peer);
    settle().await;
    let mut ready = task::spawn(connection.clone());
    let error = assert_ready_err!(ready.enter(|cx, mut connection| connection.poll_ready(cx)));
    assert_eq!(error.kind(), ErrorKind::Connection);
    let error = connection.call(get("k").0).await.expect_err("closed");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn rule_6_malformed_input_ends_the_connection() {
    for garbage in [
        "HTTP/1.1 400 Bad Request\r\n",
        "$-7\r\n",
        "$1\r\nabc",
        ":x\r\n",
    ] {
        let (mut connection, mut peer) = connect();
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(garbage.as_bytes()).await.expect("open");
        let error = call.await.expect_err("no reply");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Protocol, Delivery::Unknown),
            "{garbage:?}"
        );
        assert!(connection.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_nobody_asked_for_ends_the_connection() {
    let (mut connection, mut peer) = connect();
    peer.write_all(b"+OK\r\n").await.expect("open");
    let error = connection.clone().ready().await.map(|_| ());
    assert!(error.is_ok(), "nothing was read yet");
    settle().await;
    let error = connection
        .ready()
        .await
        .map(|_| ())
        .expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_lets_what_is_in_flight_be_answered() {
    let (mut connection, mut peer) = connect();
    let call = connection.call(get("k").0);
    drop(connection);
    expect(&mut peer, &get("k").1).await;
    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
    assert_eq!(peer.read(&mut [0; 8]).await.expect("closed in order"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_for_nobody_ends_with_the_last_handle() {
    let (mut connection, mut peer) = connect();
    let blocked = connection.call(cmd("BLPOP").arg("q").arg(0));
    let wire = "*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n";
    expect(&mut peer, wire).await;
    let other = connection.clone();
    drop((blocked, connection));
    settle().await;
    tokio::time::timeout(Duration::from_millis(1), peer.read(&mut [0; 8]))
        .await
        .expect_err("another handle is left");
    drop(other);
    let mut end = [0; 8];
    let closed = tokio::time::timeout(Duration::from_millis(1), peer.read(&mut end)).await;
    assert_eq!(closed.expect("at once").expect("closed in order"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_its_last_handle() {
    let (connection, mut peer) = connect();
    let clone = connection.clone();
    drop(connection);
    settle().await;
    drop(clone);
    assert_eq!(peer.read(&mut [0; 8]).await.expect("closed in order"), 0);
}

#[test]
fn a_runtime_that_is_shut_down_leaves_no_caller_waiting() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (call, _peer) = runtime.block_on(async {
        let (mut connection, mut peer) = connect();
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        (call, peer)
    });
    drop(runtime);
    let mut call = task::spawn(call);
    let error = assert_ready_err!(call.poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Shutdown, Delivery::Unknown)
    );
}

// ===== reading and writing =====

#[tokio::test(start_paused = true)]
async fn rule_4_large_payloads_both_ways_do_not_deadlock() {
    // The peer answers each command before it reads the next, and the pipe holds a fraction of one.
    let (mut connection, mut peer) = connect_with(Config::default(), 1024);
    let large = "x".repeat(100_000);
    let calls: Vec<_> = (0..4).map(|_| connection.call(get(&large).0)).collect();
    let wire = get(&large).1;
    let reply = format!("${}\r\n{large}\r\n", large.len());
    tokio::spawn(async move {
        for _ in 0..4 {
            expect(&mut peer, &wire).await;
            peer.write_all(reply.as_bytes()).await.expect("open");
        }
    });
    for call in calls {
        assert_eq!(call.await.expect("a reply"), bulk(&large));
    }
}

#[tokio::test(start_paused = true)]
async fn commands_that_come_together_go_out_in_one_write() {
    let (mut connection, mut peer) = connect();
    let _calls: Vec<_> = (0..100)
        .map(|n| connection.call(get(&n.to_string()).0))
        .collect();
    let mut bytes = vec![0; 64 * 1024];
    let read = peer.read(&mut bytes).await.expect("open");
    let commands = bytes[..read].iter().filter(|byte| **byte == b'*').count();
    assert_eq!(commands, 100);
}

// ===== bounds =====

#[tokio::test(start_paused = true)]
async fn rule_5_the_bound_on_commands_is_backpressure() {
    let (mut connection, mut peer) = connect_with(Config::default().max_in_flight(2), 1024);
    let calls = [connection.call(get("a").0), connection.call(get("b").0)];
    let mut waiting = task::spawn(connection.clone());
    assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    expect(&mut peer, &get("a").1).await;
    peer.write_all(b"$1\r\na\r\n").await.expect("open");
    settle().await;
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn rule_5_the_bound_on_bytes_is_backpressure() {
    let (mut connection, _peer) = connect_with(Config::default().max_bytes(1000), 1024);
    let _call = connection.call(get(&"x".repeat(1000)).0);
    let mut waiting = task::spawn(connection);
    assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn rule_5_who_does_not_ask_first_is_refused_in_the_end() {
    let (mut connection, _peer) = connect_with(Config::default().max_in_flight(2), 1024);
    let mut calls: Vec<_> = (0..5)
        .map(|_| task::spawn(connection.call(get("k").0)))
        .collect();
    let error = assert_ready_err!(calls[4].poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Overloaded, Delivery::NotSent)
    );
}

#[tokio::test(start_paused = true)]
async fn callers_that_wait_for_room_are_told_when_the_connection_ends() {
    let (mut connection, peer) = connect_with(Config::default().max_in_flight(1), 1024);
    let _call = connection.call(get("a").0);
    let mut waiting = task::spawn(connection);
    assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    drop(peer);
    settle().await;
    assert!(waiting.is_woken());
    assert_ready_err!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn abandoned_commands_leave_room_once_the_driver_has_seen_them() {
    let (mut connection, mut peer) = connect_with(Config::default().max_in_flight(1), 1024);
    drop(connection.call(get("gone").0));
    settle().await;
    connection.ready().await.expect("room");
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    drop(call);
}

// ===== deadlines and stalls =====

#[tokio::test(start_paused = true)]
async fn a_deadline_tells_whether_the_command_was_written() {
    let (mut connection, mut peer) = connect_with(Config::default(), 16);
    let mut command = get("k").0;
    command.set_deadline(Instant::now() + Duration::from_millis(100));

    // Its caller's timer fires before the driver has run.
    let mut call = task::spawn(connection.call(command.clone()));
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(100)).await;
    drop(call);

    command.set_deadline(Instant::now() + Duration::from_millis(100));
    let mut written = task::spawn(connection.call(command));
    assert_pending!(written.poll());
    peer.read_u8().await.expect("it is being written");
    tokio::time::advance(Duration::from_millis(100)).await;
    let error = assert_ready_err!(written.poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::Unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn silence_while_replies_are_due_ends_the_connection() {
    let (mut connection, mut peer) = connect_with(
        Config::default().stall_timeout(Duration::from_secs(3)),
        1024,
    );
    let start = Instant::now();
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    let error = call.await.expect_err("the connection is given up");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::Unknown)
    );
    assert_eq!(start.elapsed().as_secs(), 3);
    let error = connection.ready().await.map(|_| ()).expect_err("finished");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_that_answers_something_is_not_stalled() {
    let (mut connection, mut peer) = connect_with(
        Config::default().stall_timeout(Duration::from_secs(3)),
        1024,
    );
    let calls: Vec<_> = (0..4)
        .map(|n| connection.call(get(&n.to_string()).0))
        .collect();
    tokio::spawn(async move {
        let mut bytes = [0; 1024];
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        }
        while peer.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    });
    for call in calls {
        assert_eq!(call.await.expect("a reply"), bulk("v"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_not_stalled() {
    let config = Config::default()
        .stall_timeout(Duration::from_secs(3))
        .ping_interval(None);
    let (mut connection, mut peer) = connect_with(config, 1024);
    for _ in 0..3 {
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        call.await.expect("a reply");
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    connection.ready().await.expect("still open");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_by_its_own_wish_is_not_a_stall() {
    let (mut connection, mut peer) = connect_with(
        Config::default().stall_timeout(Duration::from_secs(3)),
        1024,
    );
    let blocked = connection.call(cmd("BLPOP").arg("k").arg(60));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(50)).await;
        peer.write_all(b"*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
            .await
            .expect("open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(
        blocked.await.expect("a reply"),
        Value::Array(vec![bulk("k"), bulk("v")])
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocked_command_nobody_waits_for_does_not_hold_up_the_connection_for_ever() {
    let (mut connection, _peer) = connect_with(
        Config::default().stall_timeout(Duration::from_secs(3)),
        1024,
    );
    let blocked = connection.call(cmd("BLPOP").arg("k").arg(0));
    settle().await;
    drop(blocked);
    let error = connection
        .call(get("k").0)
        .await
        .expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn commands_that_change_the_connection_are_refused() {
    let (mut connection, _peer) = connect();
    let mut call = task::spawn(connection.call(cmd("SUBSCRIBE").arg("news")));
    let error = assert_ready!(call.poll()).expect_err("refused");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::InvalidCommand, Delivery::NotSent)
    );
}
