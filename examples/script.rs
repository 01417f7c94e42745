//! Scripts, sent by name, and with their source to nodes that do not have them yet.
//!
//!     cargo run --example script                            # makes a cluster of its own
//!     cargo run --example script redis://10.0.0.1:7000      # or uses yours
//!
//! Without a URL it starts three local servers if it finds `valkey-server` or `redis-server`, and otherwise a
//! cluster inside this process, which runs only the simplest scripts.

use std::sync::LazyLock;

use tower_redis_cluster::testing::{FakeCluster, LocalCluster};
use tower_redis_cluster::{Cluster, Pipeline, Script};

/// Adds to a counter and gives the sum. `KEYS` and `ARGV` are the call's keys and arguments.
static ADD: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])"));

/// Takes from a stock what there is of it, and no more.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
         local taken = math.min(stock, tonumber(ARGV[1]))
         redis.call('DECRBY', KEYS[1], taken)
         return taken",
    )
});

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (_local, _fake);
    let mut runs_all_scripts = true;
    let url = if let Some(url) = std::env::args().nth(1) {
        url
    } else if let Some(server) = LocalCluster::find_server() {
        _local = LocalCluster::builder(server).primaries(3).start().await?;
        _local.url()
    } else {
        runs_all_scripts = false;
        _fake = FakeCluster::start(3).await;
        _fake.url()
    };
    let cluster = Cluster::connect(url).await?;

    // The first call to a node brings it the script; the others are 40 letters long.
    let sum: i64 = cluster.script(ADD.key("visits").arg(2)).await?;
    println!("{} -> {sum}", ADD.sha1());

    // In a pipeline too, whichever nodes the keys are on.
    let keys = (0..9).map(|n| format!("visits:{n}"));
    let all = keys.fold(Pipeline::new(), |all, key| all.script(ADD.key(key).arg(1)));
    let sums: Vec<i64> = cluster.pipeline(all).await?;
    println!("On all nodes: {sums:?}");

    // In a transaction the source is sent: a script that a node does not have would leave the others applied.
    let both = Pipeline::new()
        .script(ADD.key("{u}:a").arg(1))
        .script(ADD.key("{u}:b").arg(1));
    let both: (i64, i64) = cluster.transaction(both).await?;
    println!("Together: {both:?}");

    if runs_all_scripts {
        cluster.set("apples", 5).await?;
        let taken: (i64, i64) = {
            let twice = Pipeline::new()
                .script(TAKE.key("apples").arg(3))
                .script(TAKE.key("apples").arg(3));
            cluster.pipeline(twice).await?
        };
        println!("Of 5 apples: {taken:?}");
    }
    Ok(())
}
