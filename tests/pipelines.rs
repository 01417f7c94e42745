//! Pipelines, transactions and scripts over the whole stack.

mod support;

use std::time::Duration;

use support::local;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{
    Cluster, Delivery, Error, ErrorKind, Pipeline, Script, ServerError, Slot, Value, cmd,
};

async fn fake() -> (FakeCluster, Cluster) {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::connect(fake.url()).await.expect("it runs");
    (fake, cluster)
}

fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("key:{n}"))
}

fn incr_all(count: usize) -> Pipeline {
    keys(count).fold(Pipeline::new(), |all, key| all.incr(key))
}

#[tokio::test]
async fn replies_come_in_the_order_of_the_commands_from_all_nodes() {
    let (_fake, cluster) = fake().await;
    let set = keys(1000).enumerate();
    let set = set.fold(Pipeline::with_capacity(1000), |all, (n, key)| {
        all.set(key, n)
    });
    let () = cluster.pipeline(set).await.expect("all are set");
    let get = keys(1000).fold(Pipeline::new(), |all, key| all.get(key));
    let all: Vec<usize> = cluster.pipeline(get).await.expect("all are there");
    assert!(all.into_iter().eq(0..1000));
}

#[tokio::test]
async fn commands_of_one_key_are_executed_in_order() {
    let (_fake, cluster) = fake().await;
    let all = (0..1000).fold(Pipeline::new(), |all, n| {
        all.rpush("list", n).incr(format!("other:{n}"))
    });
    let () = cluster.pipeline(all).await.expect("executed");
    let list: Vec<u32> = cluster.lrange("list", ..).await.expect("a list");
    assert!(list.into_iter().eq(0..1000));
}

#[tokio::test]
async fn a_redirect_concerns_only_its_command() {
    let (fake, cluster) = fake().await;
    let slot = Slot::of("key:7");
    let old = fake.owner(slot).expect("served");
    fake.migrate_slot(slot, (old + 1) % 3);
    let all: Vec<u64> = cluster.pipeline(incr_all(100)).await.expect("all succeed");
    assert!(all.iter().all(|count| *count == 1));
    assert_eq!(cluster.metrics().redirects_moved, 1);
    assert_eq!(fake.commands("INCR"), 101);
}

#[tokio::test]
async fn a_retry_concerns_only_its_command() {
    let (fake, cluster) = fake().await;
    let refusal = || Value::Error(ServerError::new("LOADING soon"));
    fake.node(1).answer("INCR", refusal(), 3);
    let all: Vec<u64> = cluster.pipeline(incr_all(100)).await.expect("all succeed");
    assert!(all.iter().all(|count| *count == 1));
    assert_eq!(fake.commands("INCR"), 103);
}

#[tokio::test]
async fn each_command_is_told_what_became_of_it_when_a_node_is_gone() {
    let (fake, cluster) = fake().await;
    fake.node(2).shutdown();
    let pipeline = incr_all(100).timeout(Duration::from_millis(300));
    let results = cluster
        .pipeline_each(pipeline)
        .await
        .expect("some was sent");
    for (key, result) in keys(100).zip(&results) {
        let is_lost = fake.owner(Slot::of(&key)) == Some(2);
        assert_eq!(result.is_err(), is_lost, "{key}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
            assert_eq!(error.command(), Some("INCR"));
        }
    }
    let error = cluster
        .pipeline::<Vec<u64>>(incr_all(100).timeout(Duration::from_millis(300)))
        .await
        .expect_err("a node is gone");
    let lost = results.iter().filter(|result| result.is_err()).count();
    let told = format!("{} succeeded, {} not sent", 100 - lost, lost - 1);
    assert!(error.to_string().contains(&told), "{error}");
    assert_eq!(error.delivery(), Delivery::Unknown);
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_not_the_others_trouble() {
    let (fake, cluster) = fake().await;
    let () = cluster
        .pipeline(incr_all(100))
        .await
        .expect("all nodes answer");
    fake.node(2).stall();
    let pipeline = incr_all(100).timeout(Duration::from_millis(300));
    let results = cluster.pipeline_each(pipeline).await.expect("sent");
    for (key, result) in keys(100).zip(&results) {
        match result {
            Ok(count) => assert_eq!(*count, Value::Integer(2), "{key}"),
            Err(error) => {
                assert_eq!(fake.owner(Slot::of(&key)), Some(2), "{key}: {error}");
                assert!(error.is_timeout(), "{error}");
                assert_eq!(error.delivery(), Delivery::Unknown, "{error}");
            }
        }
    }
    assert!(results.iter().any(Result::is_ok) && results.iter().any(Result::is_err));
}

#[tokio::test]
async fn keys_of_a_slot_that_moves_are_found_where_they_are() {
    let (fake, cluster) = fake().await;
    let keys = || (0..10).map(|n| format!("{{t}}{n}"));
    let slot = Slot::of("t");
    let all = || keys().fold(incr_all(20), |all, key| all.incr(key));
    let counts: Vec<u64> = cluster.pipeline(all()).await.expect("executed");
    assert_eq!(counts, [1; 30]);
    let old = fake.owner(slot).expect("served");
    fake.begin_migration(slot, (old + 1) % 3);
    for key in keys().step_by(2) {
        assert!(fake.move_key(key));
    }
    let counts: Vec<u64> = cluster.pipeline(all()).await.expect("executed");
    assert_eq!(counts, [2; 30]);
    assert_eq!(cluster.metrics().redirects_ask, 5);

    // A transaction over keys of both nodes waits until they are in one place.
    let both = Pipeline::new().incr("{t}0").incr("{t}1");
    let mover = cluster.clone();
    let transaction = tokio::spawn(async move { mover.transaction::<(u64, u64)>(both).await });
    while cluster.metrics().retries == 0 {
        assert!(!transaction.is_finished());
        tokio::task::yield_now().await;
    }
    fake.finish_migration(slot);
    let counts = transaction.await.expect("no panic").expect("executed");
    assert_eq!(counts, (3, 3));
}

#[tokio::test]
async fn a_transaction_is_redirected_as_a_whole() {
    let (fake, cluster) = fake().await;
    let slot = Slot::of("k");
    let old = fake.owner(slot).expect("served");
    let two = || Pipeline::new().incr("{k}a").rpush("{k}b", "x");
    let first: (u64, u64) = cluster.transaction(two()).await.expect("executed");
    fake.migrate_slot(slot, (old + 1) % 3);
    let second: (u64, u64) = cluster.transaction(two()).await.expect("executed");
    assert_eq!((first, second), ((1, 1), (2, 2)));
    assert_eq!(cluster.metrics().redirects_moved, 1);
}

#[tokio::test]
async fn a_transaction_that_is_refused_leaves_nothing_applied() {
    let (fake, cluster) = fake().await;
    let refused = Pipeline::new().incr("k").add(cmd("NOSUCHCOMMAND").key("k"));
    let error = cluster
        .transaction::<Value>(refused)
        .await
        .expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert_eq!(error.delivery(), Delivery::NotApplied);
    assert_eq!(cluster.get::<Option<u64>>("k").await.expect("GET"), None);
    let mistaken = Pipeline::new().lpush("list", 1).incr("list");
    let error = cluster.transaction::<(u64, u64)>(mistaken).await;
    let error = error.expect_err("a list is no number").to_string();
    assert!(
        error.ends_with("at index 1 of a transaction of 2; of the others 1 succeeded)"),
        "{error}"
    );
    assert_eq!(cluster.llen("list").await.expect("LLEN"), 1);
    drop(fake);
}

fn add() -> Script {
    Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])")
}

#[tokio::test]
async fn a_node_is_sent_the_source_when_it_does_not_have_the_script() {
    let (fake, cluster) = fake().await;
    for expected in [5, 10] {
        let sum: i64 = cluster.script(add().key("k").arg(5)).await.expect("runs");
        assert_eq!(sum, expected);
    }
    assert_eq!((fake.commands("EVALSHA"), fake.commands("EVAL")), (2, 1));

    let all = || {
        keys(30).fold(Pipeline::new(), |all, key| {
            all.script(add().key(key).arg(1))
        })
    };
    for expected in [1, 2] {
        let sums: Vec<u64> = cluster.pipeline(all()).await.expect("all run");
        assert_eq!(sums, [expected; 30]);
    }
    let evals = fake.commands("EVAL") - 1;
    assert!((1..=30).contains(&evals), "{evals}");
    assert_eq!(fake.commands("EVALSHA"), 62);

    let owner = fake.owner(Slot::of("k")).expect("served");
    fake.node(owner).shutdown();
    fake.node(owner).restart();
    // Reads find out that the connection is gone, and are retried.
    cluster.strlen("k").await.expect("it is back");
    let sum: i64 = cluster.script(add().key("k").arg(5)).await.expect("runs");
    assert_eq!((sum, fake.commands("EVAL") - evals), (15, 2));
}

#[tokio::test]
async fn a_script_in_a_transaction_is_there() {
    let (fake, cluster) = fake().await;
    let transaction = Pipeline::new()
        .incr("{k}a")
        .script(add().key("{k}b").arg(5));
    let both: (u64, u64) = cluster.transaction(transaction).await.expect("executed");
    assert_eq!(both, (1, 5));
    assert_eq!((fake.commands("EVALSHA"), fake.commands("EVAL")), (0, 1));
}

#[tokio::test]
async fn real_servers_do_the_same() -> Result<(), Error> {
    let Some(local) = local(3, 0).await else {
        return Ok(());
    };
    let cluster = Cluster::connect(local.url()).await?;

    let set = keys(10_000).fold(Pipeline::new(), |all, key| all.set(&key, &key));
    let () = cluster.pipeline(set).await?;
    let get = keys(10_000).fold(Pipeline::new(), |all, key| all.get(key));
    let all: Vec<String> = cluster.pipeline(get).await?;
    assert!(all.into_iter().eq(keys(10_000)));

    let mistaken = Pipeline::new().incr("n").incr("key:1").incr("n");
    let results = cluster.pipeline_each(mistaken).await?;
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, true, false]);

    let (sum, list): (i64, Vec<String>) = cluster
        .transaction(Pipeline::new().incrby("{t}n", 5).lrange("{t}l", ..))
        .await?;
    assert_eq!((sum, list), (5, Vec::new()));

    let error =
        Script::new("redis.call('SET', KEYS[1], 1); return redis.call('LPUSH', KEYS[1], 1)");
    let error = cluster
        .script::<i64>(error.key("e"))
        .await
        .expect_err("no list");
    assert_eq!(error.delivery(), Delivery::Unknown, "{error}");

    let take = Script::new(
        "local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
         local taken = math.min(stock, tonumber(ARGV[1]))
         redis.call('DECRBY', KEYS[1], taken)
         return taken",
    );
    for node in 0..2 {
        // With the script, and then without.
        let () = cluster
            .pipeline(keys(9).fold(Pipeline::new(), |all, key| all.set(key, 5)))
            .await?;
        let calls = keys(9).fold(Pipeline::new(), |all, key| {
            all.script(take.key(&key).arg(3))
                .script(take.key(key).arg(3))
        });
        let taken: Vec<i64> = cluster.pipeline(calls).await?;
        assert_eq!(taken, [3, 2].repeat(9));
        let flush = cmd("SCRIPT").arg("FLUSH");
        let _: Value = local.query(node, flush).await?;
    }
    let reads = Script::new("return redis.call('GET', KEYS[1])").read_only();
    let stock = cluster.script::<String>(reads.key("key:0")).await;
    match stock {
        Ok(stock) => assert_eq!(stock, "0"),
        // Servers before 7.0 have no scripts that only read.
        Err(error) => assert!(error.to_string().contains("unknown command"), "{error}"),
    }
    Ok(())
}
