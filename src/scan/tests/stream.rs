use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FusedStream;

use super::sim::{Sim, Weather};
use crate::command::Slot;
use crate::error::ErrorKind;

fn keys(count: usize) -> Vec<Bytes> {
    (0..count)
        .map(|n| Bytes::from(format!("key:{n}")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_cluster_gives_each_key_once() {
    let sim = Sim::new(1, Weather::default(), &keys(500));
    let stream = sim.cluster().scan().count(50).stream().expect("no cursor");
    let mut seen: Vec<_> = stream.keys().map(|key| key.expect("a key")).collect().await;
    seen.sort_unstable();
    let mut all = keys(500);
    all.sort_unstable();
    assert_eq!(seen, all);
    assert_eq!(
        sim.commands("TRANSACTION") + sim.commands("MULTI"),
        6,
        "a look before and after"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_while_the_consumer_rests() {
    let sim = Sim::new(1, Weather::default(), &keys(500));
    let mut stream = sim
        .cluster()
        .scan()
        .count(10)
        .concurrency(1)
        .stream()
        .expect("no cursor");
    for batches in 1..10 {
        stream.next().await.expect("a batch").expect("no error");
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(sim.commands("SCAN"), batches);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_left_half_way_is_read_at_both_ends() {
    let keys: Vec<_> = (0..20)
        .map(|n| Bytes::from(format!("{{tag}}{n}")))
        .collect();
    let sim = Sim::new(1, Weather::default(), &keys);
    sim.open(Slot::of("tag"));
    let stream = sim.cluster().scan().stream().expect("no cursor");
    let mut seen: Vec<_> = stream.keys().map(|key| key.expect("a key")).collect().await;
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_away_while_the_pass_went_by_are_read_again() {
    let keys: Vec<_> = (0..200)
        .map(|n| Bytes::from(format!("{{tag}}{n}")))
        .collect();
    let sim = Sim::new(1, Weather::default(), &keys);
    let mut stream = sim.cluster().scan().count(10).stream().expect("no cursor");
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.expect("no error");
        pages += usize::from(!batch.keys.is_empty());
        seen.extend(batch.keys);
        match pages {
            1 => sim.open(Slot::of("tag")),
            8 => sim.call_off(),
            _ => {}
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 200);
}

#[test]
fn streams_can_be_sent_to_other_threads_and_polled_in_place() {
    fn check<T: Send + Unpin>() {}
    check::<crate::scan::ScanStream>();
    check::<crate::scan::ScanKeys>();
    check::<crate::scan::Scan>();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stays_away_ends_the_scan_with_an_error_and_a_cursor() {
    let sim = Sim::new(1, Weather::default(), &keys(300));
    sim.kill(1);
    let scan = sim.cluster().scan().patience(Duration::from_secs(5));
    let mut stream = scan.stream().expect("no cursor");
    let start = tokio::time::Instant::now();
    let mut last = None;
    while let Some(batch) = stream.next().await {
        last = Some(batch);
    }
    let error = last.expect("an item").expect_err("a node is away");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.node().map(|node| node.port()), Some(7001));
    assert!(
        start.elapsed() < Duration::from_secs(7),
        "{:?}",
        start.elapsed()
    );
    // The others were not held up.
    assert_eq!(stream.cursor().slots_done(), 16384 - 5461);
}

#[tokio::test(start_paused = true)]
async fn cursors_that_go_round_in_circles_end_the_scan_with_an_error() {
    for pages in [1, 2, 3, 100] {
        let sim = Sim::new(1, Weather::default(), &keys(10));
        sim.circle(pages);
        let scan = sim.cluster().scan().patience(Duration::from_secs(5));
        let mut stream = scan.stream().expect("no cursor");
        let mut last = None;
        for _ in 0..=3 * 3 * pages {
            last = stream.next().await.or(last);
        }
        let error = last.expect("an item").expect_err("no end");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.node().is_some() && stream.is_terminated());
        assert!(format!("{error:?}").contains("Protocol"), "{error:?}");
        assert!(sim.commands("SCAN") < 9 * pages + 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_filter_is_refused() {
    let sim = Sim::new(1, Weather::default(), &keys(10));
    let stream = sim
        .cluster()
        .scan()
        .pattern("a*")
        .stream()
        .expect("no cursor");
    let cursor = stream.cursor();
    let other = sim.cluster().scan().pattern("b*").resume(cursor.clone());
    assert_eq!(
        other.stream().expect_err("another").kind(),
        ErrorKind::Config
    );
    let same = sim.cluster().scan().pattern("a*").resume(cursor);
    let _same = same.stream().expect("the same");
}

#[tokio::test(start_paused = true)]
async fn patience_may_be_endless() {
    let sim = Sim::new(1, Weather::default(), &keys(10));
    let scan = sim.cluster().scan().patience(Duration::MAX);
    let keys: Vec<_> = scan.stream().expect("no cursor").keys().collect().await;
    assert_eq!(keys.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_keys() {
    let sim = Sim::new(1, Weather::default(), &[Bytes::from("secret")]);
    let mut stream = sim.cluster().scan().stream().expect("no cursor");
    while let Some(batch) = stream.next().await {
        let batch = batch.expect("no error");
        assert!(!format!("{batch:?}").contains("secret"));
    }
    let scan = sim.cluster().scan().pattern("secret");
    let keys = scan.clone().stream().expect("no cursor").keys();
    assert!(!format!("{scan:?} {keys:?}").contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn numbers_of_a_saved_cursor_may_be_any() {
    let sim = Sim::new(1, Weather::default(), &keys(300));
    let mut stream = sim.cluster().scan().count(10).stream().expect("no cursor");
    while stream.cursor().passes.len() < 2 {
        stream.next().await.expect("more").expect("no error");
    }
    let mut cursor = stream.cursor();
    cursor.keys_seen = u64::MAX;
    for pass in &mut cursor.passes {
        (pass.calls, pass.size) = (u64::MAX, u64::MAX);
    }
    let rest = sim.cluster().scan().resume(cursor);
    let mut rest = rest.stream().expect("the same filter");
    while let Some(batch) = rest.next().await {
        assert_eq!(batch.expect("no error").progress.keys_seen(), u64::MAX);
    }
    assert!(rest.cursor().is_complete());
}
