//! A process that does not get to run: the clock goes on, and nobody listens.

use tokio::net::{TcpListener, TcpStream};
use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::default()
        .suspect_after(SECOND)
        .stall_timeout(10 * SECOND)
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_nobody_listened_to_begins_anew_once() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let _call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    // Time passes without anything of this process running in between.
    advance(30 * SECOND).await;
    settle().await;
    assert!(!connection.is_suspect() && !connection.is_closed());
    tokio::time::sleep(SECOND / 5).await;
    assert!(!connection.is_suspect());
    tokio::time::sleep(SECOND / 10).await;
    assert!(connection.is_suspect());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_hardly_ever_runs_concludes_all_the_same() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let _call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    for _ in 0..2 {
        advance(3 * SECOND).await;
        settle().await;
    }
    assert!(connection.is_suspect());
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_nobody_listened_to_begins_anew_once() {
    let (mut connection, mut peer) = connect_with(config().suspect_after(None), 1024);
    let _call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    advance(60 * SECOND).await;
    settle().await;
    tokio::time::sleep(2 * SECOND).await;
    assert!(!connection.is_closed());
    tokio::time::sleep(SECOND).await;
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_arrived_meanwhile_is_heard_before_the_clock_is_looked_at() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    for _ in 0..2 {
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        advance(60 * SECOND).await;
        assert_eq!(call.await.expect("a reply"), bulk("v"));
        assert!(!connection.is_suspect() && !connection.is_closed());
    }
}

#[tokio::test]
async fn a_thread_that_was_held_up_hears_the_socket_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let (ours, theirs) = tokio::join!(TcpStream::connect(addr), listener.accept());
    let (mut theirs, _) = theirs.expect("it was connected to");
    let config = Config::default()
        .suspect_after(SECOND / 5)
        .stall_timeout(SECOND / 2);
    let mut connection = connect_over(ours.expect("it listens"), &config);
    for _ in 0..2 {
        let call = connection.call(get("k").0);
        let mut bytes = vec![0; get("k").1.len()];
        theirs.read_exact(&mut bytes).await.expect("open");
        theirs.write_all(b"$1\r\nv\r\n").await.expect("open");
        // All of this process has one thread.
        std::thread::sleep(SECOND);
        assert_eq!(call.await.expect("a reply"), bulk("v"));
        assert!(!connection.is_suspect() && !connection.is_closed());
    }
}
