//! Peers and sockets that behave badly, and connections that have it hard.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::ReadBuf;

use super::*;

/// Takes all it is given at once, and passes it on only when it is flushed, as a TLS stream may.
struct Lazy {
    inner: DuplexStream,
    held: BytesMut,
}

impl AsyncRead for Lazy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lazy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.held.is_empty() {
            match Pin::new(&mut this.inner).poll_write(cx, &this.held) {
                Poll::Ready(written) => drop(this.held.split_to(written?)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_holds_back_is_flushed_when_it_can_be() {
    let (ours, mut peer) = tokio::io::duplex(16);
    let io = Lazy {
        inner: ours,
        held: BytesMut::new(),
    };
    let mut connection = connect_over(io, &Config::default());
    let (command, wire) = get(&"k".repeat(100));
    let call = connection.call(command);
    settle().await;
    let read = tokio::time::timeout(Duration::from_secs(1), expect(&mut peer, &wire)).await;
    read.expect("all of it comes");
    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

/// Has push messages to read without end, and takes every write.
struct Flood {
    written: tokio::sync::mpsc::UnboundedSender<usize>,
    reads: usize,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads += 1;
        assert!(self.reads < 10_000, "nothing but reads");
        buf.put_slice(b">1\r\n+x\r\n");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let _ = self.written.send(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn rule_4_input_without_end_does_not_keep_writes_waiting() {
    let (written, mut writes) = tokio::sync::mpsc::unbounded_channel();
    let mut connection = connect_over(Flood { written, reads: 0 }, &Config::default());
    let (command, wire) = get("k");
    let _call = connection.call(command);
    assert_eq!(writes.recv().await, Some(wire.len()));
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_command_written_in_part_is_finished_though_its_caller_left() {
    let (mut connection, mut peer) = connect_with(Config::default(), 32);
    let (large, wire) = get(&"x".repeat(100));
    let gone = connection.call(large);
    settle().await;
    drop(gone);
    let next = connection.call(get("n").0);
    expect(&mut peer, &wire).await;
    expect(&mut peer, &get("n").1).await;
    peer.write_all(b"$1\r\nx\r\n$1\r\nn\r\n")
        .await
        .expect("open");
    assert_eq!(next.await.expect("a reply"), bulk("n"));
}

#[tokio::test(start_paused = true)]
async fn rule_6_what_is_beyond_a_limit_ends_the_connection_before_it_arrives() {
    let nested = "*1\r\n".repeat(200);
    for header in [
        "$536870913\r\n",
        "*16777217\r\n",
        "%9223372036854775807\r\n",
        &nested,
    ] {
        let (mut connection, mut peer) = connect();
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(header.as_bytes()).await.expect("open");
        let error = call.await.expect_err("no reply");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{header:.20}");
        assert!(connection.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_before_its_command_is_not_given_to_it() {
    let (mut connection, mut peer) = connect_with(Config::default(), 1024);
    // The driver finds both at the same time.
    peer.write_all(b"+STRAY\r\n").await.expect("open");
    settle().await;
    let error = connection.call(get("k").0).await.expect_err("crossed");
    assert_eq!(error.kind(), ErrorKind::Protocol);

    // Here the command is encoded already, behind one that fills the pipe.
    let (mut connection, mut peer) = connect_with(Config::default(), 32);
    let first = connection.call(get("a").0);
    settle().await;
    let second = connection.call(get(&"b".repeat(40)).0);
    settle().await;
    let third = connection.call(get("c").0);
    settle().await;
    peer.write_all(b"+A\r\n+B\r\n+STRAY\r\n")
        .await
        .expect("open");
    settle().await;
    assert_eq!(
        first.await.expect("written"),
        Value::SimpleString("A".into())
    );
    // It is written in part: servers may refuse a command before they have all of it.
    assert_eq!(
        second.await.expect("begun"),
        Value::SimpleString("B".into())
    );
    let error = third.await.expect_err("not yet written");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Protocol, Delivery::NotSent)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_begins_before_its_command_is_not_given_to_it() {
    for begun in ["$", "+STR", "$5\r\nst", "*2\r\n:1\r\n"] {
        let (connection, mut peer) = connect();
        peer.write_all(begun.as_bytes()).await.expect("open");
        settle().await;
        assert!(connection.is_closed(), "{begun:?}");
    }
    // A push may begin whenever it likes.
    let (mut connection, mut peer) = connect();
    peer.write_all(b">2\r\n$1\r\na\r\n$10\r\nab")
        .await
        .expect("open");
    settle().await;
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    peer.write_all(b"cdefghij\r\n$1\r\nv\r\n")
        .await
        .expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_or_pushes_without_a_reply_are_a_stall() {
    for (begin, drip, seconds) in [
        ("$1000000\r\n", "x", 3..=3),
        ("*1000000\r\n", ":1\r\n", 3..=3),
        ("", ">1\r\n+x\r\n", 3..=3),
        // As much as this is a slow way, and not a slow drip.
        ("$1000000\r\n", &*"x".repeat(400), 60..=60),
    ] {
        let config = Config::default().stall_timeout(Duration::from_secs(3));
        let (mut connection, mut peer) = connect_with(config, 1024 * 1024);
        let start = Instant::now();
        let call = task::spawn(connection.call(get("k").0));
        expect(&mut peer, &get("k").1).await;
        peer.write_all(begin.as_bytes()).await.expect("open");
        while !connection.is_closed() && start.elapsed().as_secs() < 60 {
            peer.write_all(drip.as_bytes()).await.expect("open");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let took = start.elapsed().as_secs();
        assert!(seconds.contains(&took), "{begin:?} {drip:.9}: {took}");
        drop(call);
    }
}

#[tokio::test(start_paused = true)]
async fn small_replies_now_and_then_are_no_stall() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, mut peer) = connect_with(config, 1024);
    let calls: Vec<_> = (0..20).map(|_| connection.call(get("k").0)).collect();
    settle().await;
    for call in calls {
        tokio::time::sleep(Duration::from_secs(2)).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        assert_eq!(call.await.expect("a reply"), bulk("v"));
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_without_end_end_an_idle_connection() {
    let (connection, mut peer) = connect();
    let pushes = b">0\r\n".repeat(16 * 1024);
    for _ in 0..65 {
        let _ = peer.write_all(&pushes).await;
    }
    settle().await;
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_a_large_command_slowly_is_not_stalled() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, mut peer) = connect_with(config, 1024);
    let (command, wire) = get(&"x".repeat(8 * 1024));
    let call = connection.call(command);
    tokio::spawn(async move {
        for piece in wire.as_bytes().chunks(1024) {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut bytes = vec![0; piece.len()];
            peer.read_exact(&mut bytes).await.expect("open");
        }
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    });
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_stalled() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, _peer) = connect_with(config, 1024);
    let start = Instant::now();
    let call = connection.call(get(&"x".repeat(8 * 1024)).0);
    let error = call.await.expect_err("given up");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn writes_into_a_dead_socket_s_buffer_do_not_hide_the_stall() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, _peer) = connect_with(config, 1024 * 1024);
    let start = Instant::now();
    while !connection.is_closed() {
        drop(task::spawn(connection.call(get("k").0)).poll());
        let _written = connection.call(get("k").0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(start.elapsed().as_secs() < 4, "it goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocking_command_behind_another_does_not_excuse_silence() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, _peer) = connect_with(config, 1024);
    let first = connection.call(get("k").0);
    let blocked = connection.call(cmd("BLPOP").arg("q").arg(0));
    let error = first.await.expect_err("given up");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    blocked.await.expect_err("given up");
}

#[tokio::test(start_paused = true)]
async fn a_command_with_a_long_timeout_of_its_own_may_take_it() {
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (mut connection, mut peer) = connect_with(config, 1024);
    let time = Duration::from_secs(30);
    let mut slow = cmd("FCALL_RO").arg("report").arg(0).timeout(time);
    slow.set_deadline(Instant::now() + time);
    let call = connection.call(slow);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn a_stall_timeout_of_zero_still_lets_a_command_block() {
    let config = Config::default().stall_timeout(Duration::ZERO);
    let (mut connection, mut peer) = connect_with(config, 1024);
    let blocked = connection.call(cmd("BLPOP").arg("q").arg(0));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(blocked.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn a_stall_timeout_without_measure_is_none() {
    let config = Config::default().stall_timeout(Duration::MAX);
    let (mut connection, mut peer) = connect_with(config, 1024);
    let call = connection.call(get("k").0);
    settle().await;
    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn rule_3_replies_that_have_arrived_are_delivered_when_a_write_fails() {
    let io = tokio_test::io::Builder::new()
        .write(get("a").1.as_bytes())
        .write_error(io::ErrorKind::BrokenPipe.into())
        .read(b"$1\r\na\r\n")
        .build();
    let mut connection = connect_over(io, &Config::default());
    let answered = connection.call(get("a").0);
    settle().await;
    let unsent = connection.call(get("b").0);
    assert_eq!(answered.await.expect("its reply was there"), bulk("a"));
    let error = unsent.await.expect_err("the peer has left");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Connection, Delivery::NotSent)
    );
}

/// A stream that passes on a part of what it is offered, and fails in the same step, as TLS does in the midst of its
/// records.
struct FailsMidway {
    inner: DuplexStream,
    passes_on: usize,
    has_failed: bool,
}

impl AsyncRead for FailsMidway {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.has_failed {
            true => Pin::new(&mut self.inner).poll_read(cx, buf),
            false => Poll::Pending,
        }
    }
}

impl AsyncWrite for FailsMidway {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let part = &bytes[..self.passes_on];
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, part))?;
        assert_eq!(written, part.len());
        self.has_failed = true;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_may_have_written_before_it_failed_is_not_called_unsent() {
    let (ours, mut peer) = tokio::io::duplex(1024);
    let io = FailsMidway {
        inner: ours,
        passes_on: get("a").1.len(),
        has_failed: false,
    };
    let config = Config::default();
    let mut connection = connect_failing(io, FailedWrites::MayWrite, &config, None);
    let calls = ["a", "b"].map(|key| connection.call(get(key).0));
    // The answer is there when the error is noticed.
    peer.write_all(b"$1\r\na\r\n").await.expect("open");
    let [answered, lost] = calls;
    assert_eq!(answered.await.expect("its reply was there"), bulk("a"));
    let error = lost.await.expect_err("the connection is lost");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Connection, Delivery::Unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_command_costs_no_cpu() {
    // Every kind of wait: a blocking command, one behind it, and one that the pipe does not take.
    let config = Config::default().stall_timeout(Duration::from_secs(3));
    let (ours, mut peer) = tokio::io::duplex(64);
    let polls = Arc::new(AtomicUsize::new(0));
    let io = Counting {
        inner: ours,
        polls: Arc::clone(&polls),
    };
    let mut connection = connect_over(io, &config);
    let mut blocked = task::spawn(connection.call(cmd("BLPOP").arg("q").arg(0)));
    settle().await;
    peer.read_u8().await.expect("written");
    let mut behind = task::spawn(connection.call(get(&"k".repeat(200)).0));
    assert_pending!(blocked.poll());
    assert_pending!(behind.poll());
    tokio::time::sleep(Duration::from_secs(300)).await;
    // The clock is looked at once in a second, in case that nobody waits any more.
    assert!(polls.load(Ordering::Relaxed) < 400);
    assert!(!connection.is_closed());
}

/// Counts how often it is asked for input.
struct Counting {
    inner: DuplexStream,
    polls: Arc<AtomicUsize>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
