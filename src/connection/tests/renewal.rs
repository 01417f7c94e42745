//! Credentials that end or change while the connection is in use.

use tokio::sync::watch;

use super::*;
use crate::connect::{Credentials, CredentialsChanged, CredentialsFuture, CredentialsProvider};
use crate::metrics::Counters;

/// Tells what was sent last, and that there is something new.
struct Told {
    credentials: watch::Receiver<Result<Credentials, &'static str>>,
}

impl CredentialsProvider for Told {
    fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
        let credentials = self.credentials.borrow().clone();
        Box::pin(async { Ok(Some(credentials?)) })
    }

    fn changed(&self) -> Option<CredentialsChanged> {
        let mut credentials = self.credentials.clone();
        credentials.mark_unchanged();
        Some(Box::pin(async move {
            let _ = credentials.changed().await;
        }))
    }
}

type Teller = watch::Sender<Result<Credentials, &'static str>>;

struct Established {
    connection: Connection,
    peer: DuplexStream,
    counters: Counters,
}

async fn establish(provider: impl CredentialsProvider) -> Established {
    let (ours, peer) = tokio::io::duplex(1024 * 1024);
    let counters = Counters::new();
    let addr = NodeAddr::new("10.0.0.1", 7000);
    let mut renewal = Renewal::new(Arc::new(provider), counters.clone());
    renewal.ask(&addr).await.expect("credentials");
    let config = Config::default()
        .suspect_after(None)
        .stall_timeout(None)
        .ping_interval(None);
    let connection = Connection::new(
        ours,
        FailedWrites::WriteNothing,
        addr,
        established(),
        &config,
        None,
        Some(renewal),
    );
    Established {
        connection,
        peer,
        counters,
    }
}

async fn establish_told() -> (Established, Teller) {
    let (teller, credentials) = watch::channel(Ok(Credentials::new("app", "one")));
    (establish(Told { credentials }).await, teller)
}

fn tell(teller: &Teller, password: &str) {
    let _ = teller.send_replace(Ok(Credentials::new("app", password)));
}

fn auth(password: &str) -> String {
    format!(
        "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n${}\r\n{password}\r\n",
        password.len()
    )
}

async fn silent(peer: &mut DuplexStream) {
    let mut byte = [0];
    let more = tokio::time::timeout(Duration::from_millis(10), peer.read(&mut byte)).await;
    assert!(more.is_err(), "nothing more is written");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_end_are_renewed_before_they_do() {
    let start = Instant::now();
    let lasting = |seconds| Credentials::new("app", "p").valid_for(Duration::from_secs(seconds));
    let mut it = establish(lasting(100)).await;
    for round in 1..=20 {
        let before = start.elapsed();
        expect(&mut it.peer, &auth("p")).await;
        let took = start.elapsed() - before;
        assert!((75..=90).contains(&took.as_secs()), "{took:?}");
        it.peer.write_all(b"+OK\r\n").await.expect("open");
        settle().await;
        assert_eq!(it.counters.snapshot().reauthentications, round);
    }

    // What has ended when it comes is no reason to ask without a pause.
    let start = Instant::now();
    let mut it = establish(lasting(0)).await;
    for _ in 0..10 {
        expect(&mut it.peer, &auth("p")).await;
        it.peer.write_all(b"+OK\r\n").await.expect("open");
    }
    assert!(start.elapsed().as_secs() >= 9, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_credentials_before_the_server_has_answered() {
    let (mut it, teller) = establish_told().await;
    let before = it.connection.call(get("a").0);
    expect(&mut it.peer, &get("a").1).await;
    tell(&teller, "two");
    expect(&mut it.peer, &auth("two")).await;
    let after: Vec<_> = (0..3).map(|_| it.connection.call(get("b").0)).collect();
    silent(&mut it.peer).await;

    it.peer.write_all(b"$1\r\na\r\n").await.expect("open");
    assert_eq!(before.await.expect("it was in flight"), bulk("a"));
    silent(&mut it.peer).await;
    it.peer.write_all(b"+OK\r\n").await.expect("open");
    expect(&mut it.peer, &get("b").1.repeat(3)).await;
    it.peer
        .write_all(b"$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")
        .await
        .expect("open");
    for (call, reply) in after.into_iter().zip(["1", "2", "3"]) {
        assert_eq!(call.await.expect("a reply"), bulk(reply));
    }
    assert_eq!(it.counters.snapshot().reauthentications, 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_go_ahead_of_what_is_queued() {
    let (mut it, teller) = establish_told().await;
    tell(&teller, "two");
    expect(&mut it.peer, &auth("two")).await;
    let waiting = it.connection.call(get("k").0);
    tell(&teller, "three");
    it.peer.write_all(b"+OK\r\n").await.expect("open");
    expect(&mut it.peer, &get("k").1).await;
    it.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    assert_eq!(waiting.await.expect("a reply"), bulk("v"));
    // At most once a second, and not lost.
    expect(&mut it.peer, &auth("three")).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_the_connection_as_it_was_and_is_tried_again() {
    let (mut it, teller) = establish_told().await;
    tell(&teller, "wrong");
    let mut pauses = Vec::new();
    for failures in 1..=10 {
        let start = Instant::now();
        expect(&mut it.peer, &auth("wrong")).await;
        pauses.push(start.elapsed());
        it.peer.write_all(b"-WRONGPASS no\r\n").await.expect("open");
        settle().await;
        let metrics = it.counters.snapshot();
        assert_eq!(metrics.reauthentications_failed, failures);
        let call = it.connection.call(get("k").0);
        expect(&mut it.peer, &get("k").1).await;
        it.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
        assert_eq!(call.await.expect("a reply"), bulk("v"));
    }
    assert!(pauses[1].as_millis() >= 1000, "{pauses:?}");
    assert!(pauses[9].as_secs() >= 30, "{pauses:?}");
    // A change is worth another try at once.
    let start = Instant::now();
    tell(&teller, "right");
    expect(&mut it.peer, &auth("right")).await;
    assert!(start.elapsed().as_secs() <= 1);
    it.peer.write_all(b"+OK\r\n").await.expect("open");
    settle().await;
    assert_eq!(it.counters.snapshot().reauthentications, 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_or_hangs_disturbs_nobody() {
    let (mut it, teller) = establish_told().await;
    let _ = teller.send_replace(Err("the vault is closed"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(it.counters.snapshot().reauthentications_failed >= 3);
    let call = it.connection.call(get("k").0);
    expect(&mut it.peer, &get("k").1).await;
    it.peer.write_all(b"$1\r\nv\r\n").await.expect("open");
    call.await.expect("a reply");

    struct Hanging(std::sync::atomic::AtomicBool);
    impl CredentialsProvider for Hanging {
        fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
            let is_first = !self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
            Box::pin(async move {
                if !is_first {
                    std::future::pending::<()>().await;
                }
                let lifetime = Duration::from_secs(10);
                Ok(Some(Credentials::new("app", "p").valid_for(lifetime)))
            })
        }
    }
    let it = establish(Hanging(Default::default())).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let failed = it.counters.snapshot().reauthentications_failed;
    assert!((2..=4).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_change_while_the_provider_is_asked_is_not_missed() {
    /// Its credentials change while it looks them up.
    struct Changing {
        changed: Arc<tokio::sync::Notify>,
        asked: std::sync::atomic::AtomicUsize,
    }
    impl CredentialsProvider for Changing {
        fn credentials<'a>(&'a self, _node: &'a NodeAddr) -> CredentialsFuture<'a> {
            let asked = self
                .asked
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if asked == 0 {
                self.changed.notify_waiters();
            }
            Box::pin(async move { Ok(Some(Credentials::new("app", asked.to_string()))) })
        }

        fn changed(&self) -> Option<CredentialsChanged> {
            let changed = Arc::clone(&self.changed);
            // It waits from when it is first polled.
            Some(Box::pin(async move { changed.notified().await }))
        }
    }
    let mut it = establish(Changing {
        changed: Arc::default(),
        asked: Default::default(),
    })
    .await;
    let wire = auth("1");
    let again = tokio::time::timeout(Duration::from_secs(5), expect(&mut it.peer, &wire)).await;
    again.expect("it is asked again");
    it.peer.write_all(b"+OK\r\n").await.expect("open");
    silent(&mut it.peer).await;
}

#[tokio::test(start_paused = true)]
async fn the_renewal_ends_with_the_connection_and_does_not_keep_it() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    let unchanging = establish(Credentials::new("app", "p")).await;
    assert_eq!(tasks(), before + 1, "a driver, and nothing to renew");
    drop(unchanging);
    for is_answered in [true, false] {
        let (mut it, teller) = establish_told().await;
        tell(&teller, "two");
        expect(&mut it.peer, &auth("two")).await;
        if is_answered {
            it.peer.write_all(b"+OK\r\n").await.expect("open");
        }
        drop(it.connection);
        settle().await;
        drop(it.peer);
        settle().await;
        assert_eq!(tasks(), before, "{is_answered}");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_do_not_become_part_of_a_transaction() {
    let (mut it, teller) = establish_told().await;
    let exclusive = |name| {
        let mut command = cmd(name);
        command.set_exclusive();
        command
    };
    let _multi = it.connection.call(exclusive("MULTI"));
    expect(&mut it.peer, "*1\r\n$5\r\nMULTI\r\n").await;
    tell(&teller, "two");
    tokio::time::sleep(Duration::from_secs(5)).await;
    silent(&mut it.peer).await;
    let _exec = it.connection.call(exclusive("EXEC"));
    expect(&mut it.peer, "*1\r\n$4\r\nEXEC\r\n").await;
    expect(&mut it.peer, &auth("two")).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_credentials_that_is_none_ends_the_connection() {
    for reply in ["+QUEUED\r\n", "$1\r\nv\r\n", ":1\r\n"] {
        let (mut it, teller) = establish_told().await;
        tell(&teller, "two");
        expect(&mut it.peer, &auth("two")).await;
        let call = it.connection.call(get("k").0);
        it.peer.write_all(reply.as_bytes()).await.expect("open");
        let error = call.await.expect_err("out of step");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{reply}");
        assert_eq!(error.delivery(), Delivery::NotSent, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_no_longer_knows_who_we_are_gets_no_more_commands() {
    let (mut connection, mut peer) = connect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut calls: Vec<_> = (0..3).map(|_| connection.call(get("k").0)).collect();
    expect(&mut peer, &get("k").1.repeat(3)).await;
    peer.write_all(b"-NOAUTH Authentication required.\r\n")
        .await
        .expect("open");
    let first = calls.remove(0).await.expect("a reply");
    assert_eq!(first.as_error().expect("an error").code(), "NOAUTH");
    let error = connection.ready().await.expect_err("it is finished");
    assert_eq!(error.kind(), ErrorKind::Connection);
    let refused = connection.call(get("k").0).await.expect_err("not taken");
    assert_eq!(refused.delivery(), Delivery::NotSent);
    // What was in flight is answered, and then it ends.
    peer.write_all(b"-NOAUTH x\r\n$1\r\nv\r\n")
        .await
        .expect("open");
    calls.remove(0).await.expect("a reply");
    assert_eq!(calls.remove(0).await.expect("a reply"), bulk("v"));
    assert_eq!(peer.read(&mut [0]).await.expect("closed"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_is_not_replaced_for_want_of_credentials() {
    let (mut connection, mut peer) = connect();
    for reply in ["-NOAUTH x\r\n", "$1\r\nv\r\n"] {
        let call = connection.call(get("k").0);
        expect(&mut peer, &get("k").1).await;
        peer.write_all(reply.as_bytes()).await.expect("open");
        call.await.expect("a reply");
    }
    assert!(!connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_retired_connection_that_falls_silent_stays_closed() {
    let (mut connection, mut peer) = connect_with(
        Config::default().suspect_after(Duration::from_millis(100)),
        1024,
    );
    // Old enough to be replaced.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = connection.call(get("a").0);
    let due = connection.call(get("b").0);
    expect(&mut peer, &(get("a").1 + &get("b").1)).await;
    peer.write_all(b"-NOAUTH Authentication required.\r\n")
        .await
        .expect("open");
    first.await.expect("an error reply");
    assert!(connection.is_closed());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(connection.is_closed());
    peer.write_all(b"$1\r\n").await.expect("open");
    settle().await;
    assert!(connection.is_closed());
    peer.write_all(b"b\r\n").await.expect("open");
    assert_eq!(due.await.expect("a reply"), bulk("b"));
}
