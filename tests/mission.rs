//! The scene this crate was made for, on real servers: requests time out, reconnecting times out too, and still
//! no request opens a connection of its own.

mod support;

use std::time::{Duration, Instant};

use support::{Observer, local};
use tower_redis_cluster::{Cluster, Error, cmd};

const TIMEOUT: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(50);

async fn client(url: String) -> Cluster {
    Cluster::builder([url])
        .timeout(TIMEOUT)
        .retry(1)
        .connect()
        .await
        .expect("the cluster runs")
}

/// One request every 50 ms for that long, each in a task of its own; gives back how many succeeded.
async fn requests(cluster: &Cluster, time: Duration) -> usize {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(PACE);
    let mut tasks = tokio::task::JoinSet::new();
    while start.elapsed() < time {
        ticks.tick().await;
        let cluster = cluster.clone();
        tasks.spawn(async move {
            let start = Instant::now();
            let result: Result<Option<String>, Error> = cluster.get("k").await;
            let late = start.elapsed().saturating_sub(TIMEOUT);
            assert!(
                late < Duration::from_millis(250),
                "a request ended {late:?} after its deadline"
            );
            result.is_ok()
        });
    }
    tasks.join_all().await.into_iter().filter(|ok| *ok).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_server_costs_at_most_one_connection() {
    let Some(local) = local(1, 0).await else {
        return;
    };
    let cluster = client(local.url()).await;
    cluster.set("k", "v").await.expect("the cluster runs");
    let mut observer = Observer::new(local.addr(0)).await;

    for stall in 1..=2 {
        // Less than the 5 s after which the connection would be given up: the one connection is the probe's.
        let sleeper = cmd("DEBUG").arg("SLEEP").arg(4);
        let (slept, succeeded) = tokio::join!(
            async {
                let mut sleeper_at = Observer::new(local.addr(0)).await;
                sleeper_at.query::<()>(sleeper).await
            },
            requests(&cluster, Duration::from_millis(3_800)),
        );
        slept.expect("the server was asleep for 4 s");
        assert!(
            succeeded < 10,
            "the server did not stall: {succeeded} requests succeeded"
        );

        let start = Instant::now();
        cluster
            .get::<String>("k")
            .await
            .expect("the first request after the stall");
        assert!(start.elapsed() < TIMEOUT, "it took {:?}", start.elapsed());
        // One is the sleeper's.
        let opened = observer.new_connections().await - 1;
        assert!(opened <= 1, "stall {stall} cost {opened} connections");

        let succeeded = requests(&cluster, Duration::from_secs(2)).await;
        assert!(succeeded >= 38, "{succeeded}");
        assert_eq!(
            observer.new_connections().await,
            0,
            "requests after stall {stall} opened connections"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_connections_is_connected_to_once_when_it_is_back() {
    let Some(mut local) = local(1, 0).await else {
        return;
    };
    let cluster = client(local.url()).await;
    cluster.set("k", "v").await.expect("the cluster runs");

    for _ in 0..2 {
        local.kill(0).expect("the server runs");
        let succeeded = requests(&cluster, Duration::from_secs(2)).await;
        assert_eq!(succeeded, 0);
        local.restart(0).expect("the server starts");
        let start = Instant::now();
        while cluster.get::<Option<String>>("k").await.is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "it does not come back"
            );
            tokio::time::sleep(PACE).await;
        }
        let mut observer = Observer::new(local.addr(0)).await;
        let succeeded = requests(&cluster, Duration::from_secs(2)).await;
        assert!(succeeded >= 38, "{succeeded}");
        assert_eq!(observer.new_connections().await, 0);
        assert_eq!(cluster.metrics().open_connections, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_used_again_at_the_cost_of_a_probe() {
    let Some(local) = local(1, 0).await else {
        return;
    };
    let cluster = client(local.url()).await;
    cluster.set("k", "v").await.expect("the cluster runs");
    let mut observer = Observer::new(local.addr(0)).await;
    let dials = cluster.metrics().dials_started;
    for _ in 0..3 {
        local.pause(0).expect("the server runs");
        requests(&cluster, Duration::from_secs(2)).await;
        local.resume(0).expect("the server is there");
        cluster
            .get::<String>("k")
            .await
            .expect("the first request after the pause");
        // Whether it is the connection that is dead can only be found out with another.
        let opened = observer.new_connections().await;
        assert!(opened <= 1, "the pause cost {opened} connections");
    }
    assert_eq!(cluster.metrics().dials_started, dials);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_pop_outlives_the_timeout_and_gets_what_is_pushed() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = client(local.url()).await;
    let other = client(local.url()).await;
    let start = Instant::now();
    let (popped, pushed) = tokio::join!(
        cluster.query::<Option<(String, String)>>(cmd("BLPOP").arg("queue").arg(5)),
        async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            other
                .query::<usize>(cmd("RPUSH").arg("queue").arg("job"))
                .await
        },
    );
    pushed.expect("the cluster runs");
    assert_eq!(
        popped.expect("it waits 5 s"),
        Some(("queue".into(), "job".into()))
    );
    assert!(start.elapsed() >= Duration::from_secs(2));

    let nothing = cluster
        .query::<Option<(String, String)>>(cmd("BLPOP").arg("queue").arg(5))
        .await;
    assert_eq!(nothing.expect("it waits 5 s"), None);
    assert!(start.elapsed() >= Duration::from_secs(7));
}
