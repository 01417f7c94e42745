//! The question that is asked on an idle connection.

use super::*;

const INTERVAL: Duration = Duration::from_secs(30);
const PING: &str = "*1\r\n$4\r\nPING\r\n";

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_asked_and_its_answer_is_nobody_s() {
    let (mut connection, mut peer) = connect();
    for reply in ["+PONG\r\n", "-NOPERM no\r\n"] {
        let start = Instant::now();
        expect(&mut peer, PING).await;
        assert_eq!(start.elapsed().as_secs(), INTERVAL.as_secs());
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        let replies = format!("{reply}$1\r\nv\r\n");
        peer.write_all(replies.as_bytes()).await.expect("open");
        assert_eq!(call.await.expect("a reply"), bulk("v"));
        assert_eq!(connection.handle.queue.in_flight(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_asked() {
    let (mut connection, mut peer) = connect();
    for _ in 0..10 {
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        call.await.expect("a reply");
        tokio::time::sleep(INTERVAL * 9 / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_does_not_answer_is_given_up() {
    let (ours, mut peer) = tokio::io::duplex(1024);
    let prober = Prober::new(|| async { Ok(()) });
    let connection = connect_with_prober(ours, &Config::default(), Some(prober));
    expect(&mut peer, PING).await;
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(connection.is_suspect());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_may_be_in_a_transaction_is_not_asked() {
    let (mut connection, mut peer) = connect();
    let mut multi = cmd("MULTI");
    multi.set_exclusive();
    let call = connection.call(multi);
    expect(&mut peer, "*1\r\n$5\r\nMULTI\r\n").await;
    peer.write_all(b"+OK\r\n").await.expect("open");
    call.await.expect("a reply");
    tokio::time::sleep(10 * INTERVAL).await;
    expect_nothing(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_nothing_is_asked() {
    let (_connection, mut peer) = connect_with(Config::default().ping_interval(None), 1024);
    tokio::time::sleep(100 * INTERVAL).await;
    expect_nothing(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_does_not_wait_for_the_answer() {
    let (connection, mut peer) = connect();
    expect(&mut peer, PING).await;
    drop(connection);
    let mut end = [0; 8];
    let closed = tokio::time::timeout(Duration::from_millis(1), peer.read(&mut end)).await;
    assert_eq!(closed.expect("at once").expect("closed in order"), 0);
}
