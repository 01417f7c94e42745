//! On real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tower_redis_cluster::cluster::WatchOptions;
use tower_redis_cluster::testing::LocalCluster;
use tower_redis_cluster::{
    Cluster, Delivery, Error, NodeAddr, Pipeline, RetryPolicy, Slot, Target, Value, cmd,
};

use crate::support::local;

const BLOCKED: usize = 64;

async fn connect(local: &LocalCluster) -> Cluster {
    let cluster = Cluster::connect(local.url()).await;
    cluster.expect("the cluster runs")
}

/// How many clients of a node run this command.
async fn clients_in(local: &LocalCluster, node: usize, command: &str) -> usize {
    let list: String = local
        .query(node, cmd("CLIENT").arg("LIST"))
        .await
        .expect("the node answers");
    let wanted = format!(" cmd={command} ");
    list.lines().filter(|line| line.contains(&wanted)).count()
}

/// The node that serves a key. In a new cluster of primaries only, slots are shared out in order.
fn owner(local: &LocalCluster, primaries: usize, key: &str) -> usize {
    let slot = usize::from(Slot::of(key).number());
    let owner = slot * primaries / 16384;
    assert!(local.addrs().nth(owner).is_some());
    owner
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// So many commands that wait on the node of `q` until they are dropped.
fn block(cluster: &Cluster) -> JoinSet<Result<Value, Error>> {
    let mut blocked = JoinSet::new();
    for _ in 0..BLOCKED {
        let cluster = cluster.clone();
        blocked.spawn(async move { cluster.query::<Value>(cmd("BLPOP").arg("q").arg(0)).await });
    }
    blocked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_pops_are_in_nobodys_way_and_leave_nothing_behind() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = connect(&local).await;
    let node = owner(&local, 3, "q");
    let mut blocked = block(&cluster);
    until("all are blocked", async || {
        clients_in(&local, node, "blpop").await == BLOCKED
    })
    .await;

    cluster.set("{q}k", "v").await.expect("SET");
    let mut times = gets(&cluster, 1000, Duration::from_secs(1)).await;
    assert!(percentile(&mut times, 0.5) < Duration::from_millis(50));

    blocked.shutdown().await;
    until("all are gone", async || {
        clients_in(&local, node, "blpop").await == 0
    })
    .await;
    let metrics = cluster.metrics();
    assert_eq!(
        (metrics.exclusive_connections, metrics.exclusive_leased),
        (0, 0)
    );
    cluster.rpush("q", "job").await.expect("RPUSH");
    assert_eq!(
        cluster.llen("q").await.expect("LLEN"),
        1,
        "nothing was popped for nobody"
    );
    let (_, job): (String, String) = cluster
        .query(cmd("BLPOP").arg("q").arg(1))
        .await
        .expect("the lane is not stuck");
    assert_eq!(job, "job");
}

/// The times of this many `GET`s of `{q}k` per second.
async fn gets(cluster: &Cluster, per_second: u32, time: Duration) -> Vec<Duration> {
    let mut tick = interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = JoinSet::new();
    for _ in 0..time.as_millis() {
        tick.tick().await;
        for _ in 0..per_second / 1000 {
            let cluster = cluster.clone();
            tasks.spawn(async move {
                let start = Instant::now();
                cluster.get::<String>("{q}k").await.expect("GET");
                start.elapsed()
            });
        }
    }
    tasks.join_all().await
}

fn percentile(times: &mut [Duration], part: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * part) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: it takes a release build, and a machine that does nothing else"]
async fn what_blocked_pops_cost_ten_thousand_gets_per_second() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = connect(&local).await;
    let node = owner(&local, 3, "q");
    cluster.set("{q}k", "v").await.expect("SET");
    gets(&cluster, 10_000, Duration::from_secs(1)).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..10 {
        alone.extend(gets(&cluster, 10_000, Duration::from_secs(1)).await);
        let mut blocked = block(&cluster);
        until("all are blocked", async || {
            clients_in(&local, node, "blpop").await == BLOCKED
        })
        .await;
        beside.extend(gets(&cluster, 10_000, Duration::from_secs(1)).await);
        blocked.shutdown().await;
        until("all are gone", async || {
            clients_in(&local, node, "blpop").await == 0
        })
        .await;
        println!("round {round}");
    }
    for part in [0.5, 0.9, 0.99, 0.999] {
        let (alone, beside) = (percentile(&mut alone, part), percentile(&mut beside, part));
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!(
            "p{}: alone {alone:.1?}, beside {beside:.1?}, ratio {ratio:.3}",
            part * 100.0
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_answer_comes_before_the_callers_deadline() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = connect(&local).await;
    let xadd: String = cluster
        .query(cmd("XADD").arg("stream").arg("*").arg("f").arg("v"))
        .await
        .expect("XADD");
    for command in [
        cmd("BLPOP").arg("none").arg(0),
        cmd("BLMOVE")
            .arg("{n}a")
            .arg("{n}b")
            .arg("LEFT")
            .arg("RIGHT")
            .arg(0),
        cmd("BZPOPMIN").arg("none").arg(0),
        cmd("BLMPOP").arg(0).arg(1).arg("none").arg("LEFT"),
        cmd("XREAD")
            .arg("BLOCK")
            .arg(0)
            .arg("STREAMS")
            .arg("stream")
            .arg(&xadd),
    ] {
        let name = command.name();
        let command = command.timeout(Duration::from_millis(500));
        let start = Instant::now();
        let reply = cluster.query::<Value>(command).await;
        let time = start.elapsed();
        assert_eq!(reply.expect("in time"), Value::Nil, "{name}");
        assert!(time >= Duration::from_millis(300), "{name} after {time:?}");
    }
    assert_eq!(cluster.metrics().exclusive_dials_failed, 0);
    assert_eq!(cluster.metrics().exclusive_closed_unclean, 0);
}

/// Has the replica of `node` take over from it, gracefully, and gives its index.
async fn fail_over(local: &LocalCluster, node: usize, replica: usize) {
    let failover = cmd("CLUSTER").arg("FAILOVER");
    local
        .query::<()>(replica, failover)
        .await
        .expect("a replica");
    until("the replica takes over", async || {
        let info: Result<String, _> = local.query(node, cmd("INFO").arg("replication")).await;
        info.is_ok_and(|info| info.contains("role:slave"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_moves_a_blocked_pop_to_the_new_primary() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = connect(&local).await;
    let node = owner(&local, 3, "q");
    let blocked = tokio::spawn({
        let cluster = cluster.clone();
        let command = cmd("BLPOP")
            .arg("q")
            .arg(0)
            .timeout(Duration::from_secs(20));
        async move { cluster.query::<(String, String)>(command).await }
    });
    until("it is blocked", async || {
        clients_in(&local, node, "blpop").await == 1
    })
    .await;
    fail_over(&local, node, node + 3).await;
    until("it is blocked there", async || {
        clients_in(&local, node + 3, "blpop").await == 1
    })
    .await;
    cluster.rpush("q", "job").await.expect("RPUSH");
    let popped = timeout(Duration::from_secs(20), blocked).await;
    let (_, job) = popped.expect("in time").expect("no panic").expect("BLPOP");
    assert_eq!(job, "job");
}

/// Increments `counter` in a transaction on what was read before.
async fn increment(cluster: &Cluster, options: WatchOptions) -> Result<(), Error> {
    let applied: Option<(String,)> = cluster
        .watch_with("counter", options, async |view| {
            let count: Option<u64> = view.get("counter").await?;
            Ok(Some(
                Pipeline::new().set("counter", count.unwrap_or_default() + 1),
            ))
        })
        .await?;
    assert!(applied.is_some(), "the closure never gives up");
    Ok(())
}

/// How often each of the 32 tasks increments.
fn increments() -> u64 {
    let set = std::env::var("WATCH_INCREMENTS").ok();
    set.map_or(50, |set| set.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_counter_loses_no_increment() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = connect(&local).await;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            let patient = WatchOptions::new()
                .timeout(Duration::from_secs(60))
                .tries(u32::MAX);
            for _ in 0..increments() {
                increment(&cluster, patient).await.expect("in time");
            }
        });
    }
    tasks.join_all().await;
    let total = 32 * increments();
    assert_eq!(cluster.get::<u64>("counter").await.expect("GET"), total);
    let metrics = cluster.metrics();
    assert_eq!(metrics.exclusive_closed_unclean, 0, "{metrics:?}");
    println!("{total} increments in {:?}, {metrics:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_counter_is_true_to_what_was_acknowledged_through_a_failover() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = Cluster::builder(local.urls())
        .timeout(Duration::from_secs(2))
        .retry(RetryPolicy::new(3))
        .connect()
        .await
        .expect("the cluster runs");
    let node = owner(&local, 3, "counter");
    let done = Arc::new(AtomicU64::new(0));
    let unknown = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let (cluster, done, unknown) = (cluster.clone(), done.clone(), unknown.clone());
        tasks.spawn(async move {
            let patient = WatchOptions::new()
                .timeout(Duration::from_secs(60))
                .tries(u32::MAX);
            for _ in 0..increments() {
                match increment(&cluster, patient).await {
                    Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        assert_eq!(error.delivery(), Delivery::Unknown, "{error}");
                        unknown.fetch_add(1, Ordering::Relaxed)
                    }
                };
            }
        });
    }
    let total = 32 * increments();
    until("it is under way", async || {
        done.load(Ordering::Relaxed) > total / 4
    })
    .await;
    // Gracefully, so that what was acknowledged is replicated: a crash may lose that. And all connections are cut in
    // between, so that some transactions are sent and not answered.
    fail_over(&local, node, node + 3).await;
    let more = async || {
        let so_far = || done.load(Ordering::Relaxed) + unknown.load(Ordering::Relaxed);
        let goal = (so_far() + total / 8).min(total);
        until("it goes on", async || so_far() >= goal).await;
    };
    more().await;
    let kill = cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal");
    let killed: u64 = local.query(node + 3, kill).await.expect("it runs");
    assert!(killed > 0 || done.load(Ordering::Relaxed) == total);
    more().await;
    local.settled().await.expect("the nodes agree");
    fail_over(&local, node + 3, node).await;
    tasks.join_all().await;
    let (done, unknown) = (
        done.load(Ordering::Relaxed),
        unknown.load(Ordering::Relaxed),
    );
    let count = cluster.get::<u64>("counter").await.expect("GET");
    println!("{done} acknowledged, {unknown} unknown, {count} counted");
    assert!(
        (done..=done + unknown).contains(&count),
        "{done} + {unknown}: {count}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wait_tells_of_the_writes_of_the_shared_connection() {
    let Some(local) = local(3, 1).await else {
        return;
    };
    let cluster = connect(&local).await;
    let node = owner(&local, 3, "k");
    let wait = |millis: u32| {
        let command = cmd("WAIT").arg(1).arg(millis);
        command.target(Target::Node(local.addr(node)))
    };
    cluster.set("k", 1).await.expect("SET");
    assert_eq!(cluster.query::<u64>(wait(500)).await.expect("WAIT"), 1);
    local.pause(node + 3).expect("the replica");
    cluster.set("k", 2).await.expect("SET");
    assert_eq!(cluster.query::<u64>(wait(200)).await.expect("WAIT"), 0);
    // On a connection that wrote nothing, the same question has another answer on newer servers.
    let fresh: u64 = local
        .query(node, cmd("WAIT").arg(1).arg(200))
        .await
        .expect("WAIT");
    println!("over a new connection: {fresh}");
    local.resume(node + 3).expect("the replica");
    let addr: NodeAddr = local.addr(node);
    let own = Cluster::new(cluster.lease(addr).await.expect("a lease"));
    own.set("k", 3).await.expect("SET");
    assert_eq!(
        own.query::<u64>(cmd("WAIT").arg(1).arg(500))
            .await
            .expect("WAIT"),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_can_be_watched_while_its_slot_migrates() {
    let Some(local) = local(3, 0).await else {
        return;
    };
    let cluster = connect(&local).await;
    cluster.set("counter", 1).await.expect("SET");
    let source = owner(&local, 3, "counter");
    let target = (source + 1) % 3;
    migrate_without_an_end(&local, source, target, "counter").await;
    for count in 2..=3u64 {
        let patient = WatchOptions::new().timeout(Duration::from_secs(2));
        increment(&cluster, patient).await.expect("in one slot");
        assert_eq!(cluster.get::<u64>("counter").await.expect("GET"), count);
    }
    // By hand, too, on a connection that is not the slot's for others.
    let reads: Option<((),)> = cluster
        .watch("counter", async |view| {
            let reads = Pipeline::new().get("counter").exists("counter");
            let reads: (u64, u64) = view.pipeline(reads).await?;
            assert_eq!(reads, (3, 1));
            view.query::<()>(cmd("MULTI")).await?;
            let queued: String = view.query(cmd("INCR").arg("counter")).await?;
            assert_eq!(queued, "QUEUED");
            assert_eq!(view.query::<(u64,)>(cmd("EXEC")).await?, (4,));
            Ok(None)
        })
        .await
        .expect("asked");
    assert!(reads.is_none());
}

/// Begins to migrate the slot of this key, and moves the key.
async fn migrate_without_an_end(local: &LocalCluster, source: usize, target: usize, key: &str) {
    let slot = Slot::of(key).number();
    let id = async |node| {
        let id = local
            .query::<String>(node, cmd("CLUSTER").arg("MYID"))
            .await;
        id.expect("the node answers")
    };
    let set_slot = |state: &str, id: String| {
        let command = cmd("CLUSTER").arg("SETSLOT").arg(slot);
        command.arg(state).arg(id)
    };
    let addr = local.addr(target);
    let migrate = cmd("MIGRATE").arg(addr.host()).arg(addr.port());
    let migrate = migrate.arg(key).arg(0).arg(1000);
    for (node, command) in [
        (target, set_slot("IMPORTING", id(source).await)),
        (source, set_slot("MIGRATING", id(target).await)),
        (source, migrate),
    ] {
        local.query::<()>(node, command).await.expect("OK");
    }
}
