use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::script::{Act, Cluster, Make, Script, addr, error, ok, slots, to};
use crate::command::{Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::route::RouteLayer;

const MS: Duration = Duration::from_millis(1);

/// Ports 1 to 6 serve these slots and all others in order; the last one is for port 6.
const SIXTHS: [(u16, u16, u16); 6] = [
    (0, 2999, 1),
    (3000, 5999, 2),
    (6000, 8999, 3),
    (9000, 11_999, 4),
    (12_000, 14_999, 5),
    (15_000, 16_383, 6),
];
const LAST: u16 = 16_000;

/// A cluster of six, long after its discovery.
async fn six() -> (Script, Cluster) {
    let script = Script::agreeing(&[1, 2, 3, 4, 5, 6], &SIXTHS);
    let cluster = script.discovered().await;
    sleep(5000 * MS).await;
    (script, cluster)
}

/// The map after port 6 has failed over to port 7.
fn fail_over(script: &Script) {
    let mut ranges = SIXTHS;
    ranges[5].2 = 7;
    for port in 1..=5 {
        script.with(port, |peer| peer.view = Some(slots(&ranges)));
    }
}

/// Sends to port 6 until this time, every 50 ms.
async fn insist(cluster: &Cluster, until: Instant) {
    while Instant::now() < until {
        let _ = cluster.send(to(LAST)).await;
        sleep(50 * MS).await;
    }
}

fn asked(script: &Script) -> usize {
    (1..=6).map(|port| script.asked(port)).sum()
}

#[tokio::test(start_paused = true)]
async fn successor_is_known_soon_after_the_servers_have_it() {
    for seconds in [3, 4, 5] {
        let (script, cluster) = six().await;
        script.with(6, |peer| peer.make = Make::Refuse);
        insist(&cluster, Instant::now() + seconds * 1000 * MS).await;
        assert_eq!(cluster.primary(LAST), Some(6));
        assert_eq!(cluster.metrics().nodes_in_doubt, 1);

        fail_over(&script);
        let start = Instant::now();
        while cluster.primary(LAST) != Some(7) {
            sleep(MS).await;
        }
        // A twentieth of the outage, a quarter more, and the time for triggers to gather.
        let most = seconds * 63 * MS + 10 * MS;
        let took = start.elapsed();
        assert!(took <= most, "{took:?} after {seconds} s");
        assert_eq!(cluster.metrics().nodes_in_doubt, 0);
        assert_eq!(cluster.send(to(LAST)).await.expect("a reply"), ok());
    }
}

#[tokio::test(start_paused = true)]
async fn node_in_doubt_is_not_asked_while_others_answer() {
    let (script, cluster) = six().await;
    script.with(6, |peer| peer.make = Make::Refuse);
    cluster.send(to(LAST)).await.expect_err("refused");
    let (made, rounds, before) = (script.made(6), cluster.metrics(), asked(&script));
    sleep(2500 * MS).await;
    let rounds = cluster.metrics().refreshes_succeeded - rounds.refreshes_succeeded;
    assert_eq!(script.made(6), made);
    assert!(rounds >= 10, "{rounds}");
    let questions = asked(&script) - before;
    assert!(questions as u64 <= 3 * rounds, "{questions} in {rounds}");
}

#[tokio::test(start_paused = true)]
async fn nodes_in_doubt_are_asked_when_nobody_else_answers() {
    let (script, cluster) = six().await;
    for port in 1..=6 {
        script.with(port, |peer| {
            peer.acts.push_back(Act::Fail(lost()));
            if port < 6 {
                peer.view = None;
            }
        });
    }
    for (from, _, _) in SIXTHS {
        cluster.send(to(from)).await.expect_err("lost");
    }
    assert_eq!(cluster.metrics().nodes_in_doubt, 6);
    script.with(6, |peer| peer.view = Some(slots(&[(0, 16_383, 6)])));
    // Five of the six are asked in a round, which takes two seconds if none of them answers.
    sleep(30_000 * MS).await;
    assert_eq!(cluster.primary(0), Some(6));
}

fn lost() -> Error {
    Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown)
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_evidence_makes_a_doubt_and_silence_ends_it() {
    for kind in [ErrorKind::Connection, ErrorKind::Connect] {
        let (script, cluster) = six().await;
        let failure = Error::not_sent(kind, "it");
        // Not sent, it would be tried anew.
        let failure = failure.with_delivery(Delivery::Unknown);
        script.with(6, |peer| peer.acts.push_back(Act::Fail(failure)));
        cluster.send(to(LAST)).await.expect_err("failed");
        assert_eq!(cluster.metrics().nodes_in_doubt, 1);
        sleep(2500 * MS).await;
        assert_eq!(cluster.metrics().nodes_in_doubt, 1);
        let rounds = cluster.metrics().refreshes_succeeded;
        sleep(1000 * MS).await;
        assert_eq!(cluster.metrics().nodes_in_doubt, 0);
        sleep(10_000 * MS).await;
        let more = cluster.metrics().refreshes_succeeded - rounds;
        assert!(more <= 7, "{more} more after the doubt has ended");
    }
}

#[tokio::test(start_paused = true)]
async fn doubt_shortens_the_pause_after_a_refresh() {
    let (script, cluster) = six().await;
    script.reply(1, error("CLUSTERDOWN it"));
    cluster.send(to(0)).await.expect("a reply");
    sleep(10 * MS).await;
    let rounds = cluster.metrics().refreshes_succeeded;
    assert_eq!(rounds, 2, "the discovery, and one just now");
    script.with(6, |peer| peer.make = Make::Refuse);
    cluster.send(to(LAST)).await.expect_err("refused");
    sleep(150 * MS).await;
    assert_eq!(cluster.metrics().refreshes_succeeded, rounds + 1);
}

#[tokio::test(start_paused = true)]
async fn questions_in_a_minute_of_doubt_stay_within_the_stated_bound() {
    fastrand::seed(11);
    let (script, cluster) = six().await;
    script.with(6, |peer| peer.make = Make::Refuse);
    let (before, start) = (asked(&script), Instant::now());
    let rounds = cluster.metrics().refreshes_succeeded;
    insist(&cluster, start + 60_000 * MS).await;
    let rounds = cluster.metrics().refreshes_succeeded - rounds;
    assert!((80..=120).contains(&rounds), "{rounds} refreshes");
    let questions = asked(&script) - before;
    assert!(questions <= 360, "{questions} questions");
}

#[tokio::test(start_paused = true)]
async fn timeouts_noticed_late_are_our_own_fault() {
    let (script, cluster) = six().await;
    for late in [60, 0] {
        for _ in 0..3 {
            script.with(6, |peer| peer.acts.push_back(Act::Hang));
            let mut command = to(LAST);
            let deadline = Instant::now() + 100 * MS;
            command.set_deadline(deadline);
            let polled_at = deadline + late * MS;
            let outcome = timeout_at(polled_at, cluster.send(command)).await;
            let failure = outcome.expect("it honours the deadline");
            assert!(failure.expect_err("hangs").is_timeout());
        }
        let is_doubt = late == 0;
        assert_eq!(cluster.metrics().nodes_in_doubt == 1, is_doubt, "{late}");
    }
}

#[tokio::test(start_paused = true)]
async fn node_that_is_no_primary_is_not_in_doubt() {
    let (script, cluster) = six().await;
    script.with(9, |peer| peer.make = Make::Refuse);
    let command = cmd("TEST").target(Target::Node(addr(9)));
    cluster.send(command).await.expect_err("refused");
    assert_eq!(cluster.metrics().nodes_in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn doubts_end_with_the_route() {
    let (script, cluster) = six().await;
    script.with(6, |peer| peer.make = Make::Refuse);
    cluster.send(to(LAST)).await.expect_err("refused");
    let counters = cluster.counters.clone();
    drop(cluster);
    tokio::task::yield_now().await;
    assert_eq!(counters.snapshot().nodes_in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn seed_is_asked_at_once_when_all_known_nodes_are_silent() {
    // As a host name would do that stands for other addresses by now.
    let script = Script::agreeing(&[1, 2, 3], &[(0, 8191, 2), (8192, 16_383, 3)]);
    let cluster = script.layer(RouteLayer::from_addrs([addr(1)]));
    cluster.route.discovered().await.expect("a topology");
    sleep(5000 * MS).await;
    for port in [2, 3] {
        script.with(port, |peer| {
            peer.make = Make::Hang;
            peer.view = None;
        });
    }
    script.with(1, |peer| peer.view = Some(slots(&[(0, 16_383, 4)])));
    let start = Instant::now();
    let mut command = to(5);
    command.set_deadline(start + 100 * MS);
    let outcome = timeout_at(start + 100 * MS, cluster.send(command)).await;
    outcome.expect("in time").expect_err("hangs");
    while cluster.primary(5) != Some(4) {
        sleep(MS).await;
    }
    let took = start.elapsed();
    assert!(took < 250 * MS, "{took:?}");
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
}
