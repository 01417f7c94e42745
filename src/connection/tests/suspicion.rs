//! Silence while replies are due: what is held back, what is found out, and how it ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const SUSPECT_AFTER: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_secs(10);
const MS: Duration = Duration::from_millis(1);

fn config() -> Config {
    Config::default()
        .suspect_after(SUSPECT_AFTER)
        .stall_timeout(STALL)
}

/// What a prober does each time it is asked.
#[derive(Clone, Copy)]
enum Node {
    Answers,
    Hangs,
    Refuses,
}

/// A connection with a prober, the other end, and how many probes have begun and not been dropped.
struct Scene {
    connection: Connection,
    peer: DuplexStream,
    begun: Arc<AtomicUsize>,
    alive: Arc<()>,
}

impl Scene {
    fn new(node: Node) -> Self {
        let (ours, peer) = tokio::io::duplex(1024);
        let begun = Arc::new(AtomicUsize::new(0));
        let alive = Arc::new(());
        let prober = Prober::new({
            let begun = Arc::clone(&begun);
            let alive = Arc::downgrade(&alive);
            move || {
                begun.fetch_add(1, Ordering::Relaxed);
                let guard = alive.upgrade();
                async move {
                    let _guard = guard;
                    match node {
                        Node::Answers => Ok(()),
                        Node::Hangs => std::future::pending().await,
                        Node::Refuses => Err(Error::not_sent(ErrorKind::Connect, "refused")),
                    }
                }
            }
        });
        Self {
            connection: connect_with_prober(ours, &config(), Some(prober)),
            peer,
            begun,
            alive,
        }
    }

    /// Sends a command, and lets it be silent for so long.
    async fn silence(&mut self, time: Duration) -> ResponseFuture {
        let call = self.connection.call(get("k").0);
        expect(&mut self.peer, &get("k").1).await;
        tokio::time::sleep(time).await;
        call
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    fn alive(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }
}

/// How long it takes until the connection is closed, and why it was.
async fn end(connection: &mut Connection) -> (Duration, Error) {
    let start = Instant::now();
    let error = connection.ready().await.map(|_| ());
    (start.elapsed(), error.expect_err("it is finished"))
}

// ===== readiness =====

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_not_ready_until_a_byte_arrives() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    tokio::time::sleep(SUSPECT_AFTER - MS).await;
    assert!(!connection.is_suspect());
    tokio::time::sleep(2 * MS).await;
    assert!(connection.is_suspect());
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(connection.clone())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    }

    peer.write_all(b"$").await.expect("open");
    settle().await;
    assert!(!connection.is_suspect());
    for waiting in &mut waiting {
        assert!(waiting.is_woken());
        assert_ready_ok!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    }
    peer.write_all(b"1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_full_before_it_was_suspect_is_full_after_it() {
    let (mut connection, mut peer) = connect_with(config().max_in_flight(1), 1024);
    let call = connection.call(get("k").0);
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    assert!(connection.is_suspect());
    peer.write_all(b"$1\r\n").await.expect("open");
    let mut waiting = task::spawn(connection.clone());
    settle().await;
    assert!(!connection.is_suspect());
    assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    peer.write_all(b"v\r\n").await.expect("open");
    call.await.expect("a reply");
    assert_ready_ok!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_suspect_connection_is_told_when_it_ends() {
    let (mut connection, peer) = connect_with(config(), 1024);
    let _call = connection.call(get("k").0);
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    let mut waiting = task::spawn(connection);
    assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
    drop(peer);
    settle().await;
    assert!(waiting.is_woken());
    assert_ready_err!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn replies_to_others_keep_a_slow_command_s_connection_trusted() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let calls: Vec<_> = (0..4).map(|_| connection.call(get("k").0)).collect();
    for call in calls {
        tokio::time::sleep(SUSPECT_AFTER - MS).await;
        assert!(!connection.is_suspect());
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        call.await.expect("a reply");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_counted_from_when_something_is_due() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let call = connection.call(get("k").0);
        tokio::time::sleep(SUSPECT_AFTER - MS).await;
        assert!(!connection.is_suspect());
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        call.await.expect("a reply");
    }
    let _call = connection.call(get("k").0);
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    assert!(connection.is_suspect());
}

#[tokio::test(start_paused = true)]
async fn without_a_time_for_it_nothing_is_suspect() {
    let (mut connection, _peer) = connect_with(config().suspect_after(None), 1024);
    let _call = connection.call(get("k").0);
    tokio::time::sleep(STALL - MS).await;
    assert!(!connection.is_suspect());
    tokio::time::sleep(2 * MS).await;
    assert!(connection.is_closed());
}

// ===== excuses =====

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_excuses_its_connection_while_its_caller_waits() {
    let (mut connection, _peer) = connect_with(config(), 1024);
    let blocked = connection.call(cmd("BLPOP").arg("q").arg(0));
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!connection.is_suspect());
    drop(blocked);
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    assert!(connection.is_suspect());
}

#[tokio::test(start_paused = true)]
async fn a_command_with_a_longer_timeout_of_its_own_excuses_its_connection() {
    let mut scene = Scene::new(Node::Answers);
    let time = Duration::from_secs(5);
    let mut slow = cmd("FCALL_RO").arg("report").arg(0).timeout(time);
    slow.set_deadline(Instant::now() + time);
    let call = scene.connection.call(slow);
    tokio::time::sleep(time).await;
    assert!(!scene.connection.is_suspect());
    scene.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
    assert_eq!(scene.begun(), 0);
}

// ===== commands held back =====

#[tokio::test(start_paused = true)]
async fn nothing_new_is_written_to_a_silent_peer() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let _call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    assert!(connection.is_suspect());

    let mut withdrawn = get("withdrawn").0;
    withdrawn.set_deadline(Instant::now() + 100 * MS);
    let mut withdrawn = task::spawn(connection.call(withdrawn));
    assert_pending!(withdrawn.poll());
    let kept = connection.call(get("kept").0);
    expect_nothing(&mut peer).await;
    tokio::time::sleep(100 * MS).await;
    let error = assert_ready_err!(withdrawn.poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::NotSent)
    );

    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    expect(&mut peer, &get("kept").1).await;
    expect_nothing(&mut peer).await;
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_outlasted_its_deadline_in_front_of_a_silent_peer_is_not_written() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let _call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    tokio::time::sleep(SUSPECT_AFTER + MS).await;
    let deadline = Instant::now() + 100 * MS;
    let mut late = [
        get("late").0,
        Command::pipeline([get("a").0, get("b").0]),
        Command::transaction([get("a").0]),
    ];
    let late = late.each_mut().map(|command| {
        command.set_deadline(deadline);
        connection.call(command.clone())
    });
    tokio::time::sleep(101 * MS).await;
    peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    for call in late {
        let error = call.await.expect_err("too late");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Timeout, Delivery::NotSent)
        );
        assert_eq!(error.node(), Some(connection.addr()));
    }
    expect_nothing(&mut peer).await;
    assert_eq!(connection.handle.queue.in_flight(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_outlasted_its_deadline_behind_a_slow_write_is_not_written() {
    let (mut connection, mut peer) = connect_with(config().suspect_after(None), 1024);
    let (large, wire) = get(&"x".repeat(300 * 1024));
    let _large = connection.call(large);
    settle().await;
    let mut late = get("late").0;
    late.set_deadline(Instant::now() + 100 * MS);
    let late = connection.call(late);
    let kept = connection.call(get("kept").0);
    tokio::time::sleep(100 * MS).await;
    expect(&mut peer, &wire).await;
    let error = late.await.expect_err("too late");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::NotSent)
    );
    expect(&mut peer, &get("kept").1).await;
    drop(kept);
}

// ===== the probe =====

#[tokio::test(start_paused = true)]
async fn a_silent_connection_to_a_node_that_answers_elsewhere_ends() {
    let mut scene = Scene::new(Node::Answers);
    let call = scene.silence(SUSPECT_AFTER + MS).await;
    let (time, error) = end(&mut scene.connection).await;
    // As long again, for a caller that waits.
    assert!(time <= SUSPECT_AFTER + 100 * MS, "{time:?}");
    assert!(time >= SUSPECT_AFTER - 5 * MS, "{time:?}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("new connection"), "{error}");
    let error = call.await.expect_err("the connection is gone");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::Unknown)
    );
    assert_eq!(scene.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_ends_soon_where_nobody_waits_for_the_reply_that_is_next() {
    let mut scene = Scene::new(Node::Answers);
    drop(scene.silence(SUSPECT_AFTER + MS).await);
    let (time, _) = end(&mut scene.connection).await;
    assert!((95 * MS..=110 * MS).contains(&time), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_byte_after_the_probe_s_success_keeps_the_connection() {
    let mut scene = Scene::new(Node::Answers);
    drop(scene.silence(SUSPECT_AFTER + 90 * MS).await);
    assert!(scene.connection.is_suspect());
    scene.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    settle().await;
    assert!(!scene.connection.is_suspect());
    let call = scene.silence(900 * MS).await;
    scene.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(call.await.expect("a reply"), bulk("v"));
    assert_eq!(scene.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_is_probed_once_until_the_stall_timeout() {
    let mut scene = Scene::new(Node::Hangs);
    let _call = scene.silence(STALL - MS).await;
    assert!(scene.connection.is_suspect());
    assert_eq!((scene.begun(), scene.alive()), (1, 1));
    let (time, error) = end(&mut scene.connection).await;
    assert!(time <= 5 * MS, "{time:?}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    settle().await;
    assert_eq!((scene.begun(), scene.alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_probe_ends_with_the_suspicion_and_the_next_one_does_not_follow_closely() {
    let mut scene = Scene::new(Node::Hangs);
    for alive in [1, 0, 0] {
        let call = scene.silence(SUSPECT_AFTER + MS).await;
        assert_eq!((scene.begun(), scene.alive()), (1, alive));
        scene.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        call.await.expect("a reply");
        settle().await;
        assert_eq!(scene.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_refuses_is_probed_less_and_less() {
    let mut scene = Scene::new(Node::Refuses);
    let _call = scene.silence(SUSPECT_AFTER + 3_100 * MS).await;
    assert!((4..=6).contains(&scene.begun()), "{}", scene.begun());
    let before = scene.begun();
    tokio::time::sleep(4_000 * MS).await;
    let more = scene.begun() - before;
    assert!((2..=4).contains(&more), "{more}");
    assert!(scene.connection.is_suspect());
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_panics_leaves_the_rest_to_the_stall_timeout() {
    let (ours, _peer) = tokio::io::duplex(1024);
    async fn attempt() -> Result<(), Error> {
        panic!("such is the application's code");
    }
    let mut connection = connect_with_prober(ours, &config(), Some(Prober::new(attempt)));
    let _call = connection.call(get("k").0);
    tokio::time::sleep(STALL - MS).await;
    assert!(connection.is_suspect());
    tokio::time::sleep(2 * MS).await;
    assert!(connection.is_closed());
}

// ===== the last handle =====

#[tokio::test(start_paused = true)]
async fn a_suspect_connection_ends_with_its_last_handle() {
    let mut scene = Scene::new(Node::Hangs);
    let call = scene.silence(SUSPECT_AFTER + MS).await;
    let held_back = scene.connection.call(get("k").0);
    let start = Instant::now();
    drop(scene.connection);
    for (call, delivery) in [(call, Delivery::Unknown), (held_back, Delivery::NotSent)] {
        let error = call.await.expect_err("let go of");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Connection, delivery),
            "{error}"
        );
    }
    // Twice the time in all.
    assert!(start.elapsed() <= SUSPECT_AFTER, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_handles_ends_once_it_is_suspect() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let call = connection.call(get("k").0);
    expect(&mut peer, &get("k").1).await;
    drop(connection);
    let start = Instant::now();
    let error = call.await.expect_err("let go of");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Connection, Delivery::Unknown)
    );
    assert_eq!(start.elapsed().as_millis(), 2 * SUSPECT_AFTER.as_millis());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_for_somebody_outlives_the_last_handle() {
    let (mut connection, mut peer) = connect_with(config(), 1024);
    let blocked = connection.call(cmd("BLPOP").arg("q").arg(0));
    drop(connection);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(50)).await;
        peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(blocked.await.expect("a reply"), bulk("v"));
}
