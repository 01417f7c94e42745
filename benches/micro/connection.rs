//! Requests over a connection, to a peer in the same thread and without a socket.

use std::future::poll_fn;
use std::hint::black_box;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;
use tower::Service;
use tower_redis_cluster::connect::{ConnectConfig, Protocol, handshake_io};
use tower_redis_cluster::{Command, Connection, NodeAddr};

use crate::layers::{BARE, get, request, runtime};
use crate::row::Row;

/// How many requests are in flight at once.
const AT_ONCE: u32 = 64;
/// What the pipe holds: requests and replies of a batch in one piece.
const PIPE: usize = 16 * 1024;
const REPLY: &[u8] = b"$64\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        round_trips("`Connection`, a round trip of GET"),
        batches("`Connection`, one of 64 GETs at once"),
    ]
}

fn round_trips(name: &'static str) -> Row {
    row(name, || {
        let runtime = runtime();
        let mut connection = connect(&runtime);
        let command = get();
        move |operations| {
            runtime.block_on(async {
                for _ in 0..operations {
                    black_box(request(&mut connection, black_box(&command).clone()).await);
                }
            });
        }
    })
}

/// Where fewer are asked for, they make a batch of their own.
fn batches(name: &'static str) -> Row {
    row(name, || {
        let runtime = runtime();
        let mut connection = connect(&runtime);
        let command = get();
        let mut replies = Vec::with_capacity(AT_ONCE as usize);
        move |operations| {
            runtime.block_on(async {
                let mut left = operations;
                while left > 0 {
                    let batch = left.min(AT_ONCE);
                    left -= batch;
                    for _ in 0..batch {
                        let ready = poll_fn(|cx| connection.poll_ready(cx)).await;
                        ready.expect("the peer is there");
                        replies.push(connection.call(black_box(&command).clone()));
                    }
                    for reply in replies.drain(..) {
                        black_box(reply.await.expect("the peer answers"));
                    }
                }
            });
        }
    })
}

fn row<R: FnMut(u32) + 'static>(name: &'static str, build: impl FnOnce() -> R + 'static) -> Row {
    let future = size_of::<<Connection as Service<Command>>::Future>();
    Row::new(name, build).over(BARE).future(future)
}

fn connect(runtime: &Runtime) -> Connection {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    runtime.spawn(answer(theirs));
    let config = ConnectConfig::new().protocol(Protocol::Resp2);
    let connected = handshake_io(ours, NodeAddr::new("10.0.0.1", 7000), &config);
    runtime.block_on(connected).expect("the peer is polite")
}

/// Answers every command, of which each begins with the only `*` in it.
async fn answer(mut io: DuplexStream) {
    let mut requests = vec![0; PIPE];
    let mut replies = Vec::with_capacity(PIPE);
    while let Ok(length @ 1..) = io.read(&mut requests).await {
        let requests = &requests[..length];
        let is_handshake = !requests.windows(3).any(|bytes| bytes == b"GET");
        let reply = if is_handshake { b"+OK\r\n" } else { REPLY };
        let commands = requests.iter().filter(|&&byte| byte == b'*').count();
        replies.clear();
        for _ in 0..commands {
            replies.extend_from_slice(reply);
        }
        if io.write_all(&replies).await.is_err() {
            return;
        }
    }
}
