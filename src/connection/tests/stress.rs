//! Many callers at once, some of whom leave, over pipes that take a few bytes at a time: no reply may reach another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;

/// Answers each `GET` with its key, in pieces of any size, until the connection ends.
async fn echo(peer: DuplexStream, largest: usize) {
    let (mut reader, mut writer) = tokio::io::split(peer);
    let mut decoder = Decoder::new(Limits::default());
    let mut read = BytesMut::new();
    let mut replies = BytesMut::new();
    let mut asked = 0u64;
    loop {
        while let Some(command) = decoder.decode(&mut read).expect("whole commands") {
            let Value::Array(args) = command else {
                panic!("not a command: {command:?}")
            };
            asked += 1;
            if asked.is_multiple_of(7) {
                replies.extend_from_slice(b">1\r\n+push\r\n");
            }
            match &args[..] {
                [Value::BulkString(_)] => replies.extend_from_slice(b"+OK\r\n"),
                [_, Value::BulkString(key)] => {
                    replies.extend_from_slice(format!("${}\r\n", key.len()).as_bytes());
                    replies.extend_from_slice(key);
                    replies.extend_from_slice(b"\r\n");
                }
                _ => panic!("not a GET"),
            }
        }
        if replies.is_empty() {
            if reader.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        }
        let piece = replies.len().min(fastrand::usize(1..=largest));
        tokio::select! {
            biased;
            read = reader.read_buf(&mut read) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            written = writer.write(&replies[..piece]) => match written {
                Ok(written) => drop(replies.split_to(written)),
                Err(_) => return,
            },
        }
    }
}

/// One caller: asks for keys that nobody else asks for, and leaves at any point of one question in three.
async fn ask(mut connection: Connection, caller: usize, rounds: usize, answers: Arc<AtomicUsize>) {
    for round in 0..rounds {
        // Sometimes more than what is copied.
        let filler = match fastrand::u8(..) {
            0 => 40_000,
            len => usize::from(len),
        };
        let key = format!("{caller}:{round}:{}", "x".repeat(filler));
        let mut command = cmd("GET").arg(&key);
        command.set_asking(fastrand::u8(..10) == 0);
        let ready = connection.ready().await.expect("it stays open");
        let call = ready.call(command);
        if fastrand::u8(..3) == 0 {
            let mut call = task::spawn(call);
            for _ in 0..fastrand::u8(..4) {
                if call.poll().is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            continue;
        }
        let reply = call.await.expect("it stays open");
        assert!(reply == bulk(&key), "{caller}:{round} got another's reply");
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

async fn run(config: Config, pipe: usize, callers: usize, rounds: usize) {
    let (connection, peer) = connect_with(config, pipe);
    tokio::spawn(echo(peer, pipe));
    let answers = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let answers = Arc::clone(&answers);
        tasks.spawn(ask(connection.clone(), caller, rounds, answers));
    }
    let all = tokio::time::timeout(Duration::from_secs(60), tasks.join_all());
    all.await.expect("nobody waits for ever");
    assert!(answers.load(Ordering::Relaxed) > callers * rounds / 3);

    // Nothing is left that counts against the bounds, once the abandoned are seen.
    let mut connection = connection;
    let last = connection.ready().await.expect("open").call(get("last").0);
    assert_eq!(last.await.expect("a reply"), bulk("last"));
    // A caller may have its reply a moment before its place is free.
    let freed = async {
        while connection.handle.queue.in_flight() != (0, 0) {
            tokio::task::yield_now().await;
        }
    };
    let freed = tokio::time::timeout(Duration::from_secs(60), freed).await;
    freed.expect("every place is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_over_a_tiny_pipe() {
    run(Config::default(), 64, 64, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_while_the_bounds_are_reached() {
    let config = Config::default().max_in_flight(64).max_bytes(20_000);
    run(config, 4096, 64, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_crosses_in_pieces_of_any_size() {
    run(Config::default(), 64 * 1024, 64, 500).await;
}
