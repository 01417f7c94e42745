//! Optimistic transactions: change what was read, unless somebody else has changed it meanwhile.
//!
//!     cargo run --example watch
//!
//! Sixteen clerks sell from a stock of 100 pieces, up to 10 at once. Each sale reads the stock and writes it back with
//! the number sold, on a connection that `watch` takes from the node's exclusive lane. A sale during which another clerk
//! sold something is not applied, and its closure is run again.

use tokio::task::JoinSet;
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Error, Pipeline};

const STOCK: &str = "{book}stock";
const SOLD: &str = "{book}sold";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::connect(fake.url()).await?;
    cluster.set(STOCK, 100).await?;

    let mut clerks = JoinSet::new();
    for clerk in 0..16 {
        let cluster = cluster.clone();
        clerks.spawn(async move {
            let mut sales = 0;
            while sell(&cluster, 1 + clerk % 10).await? {
                sales += 1;
            }
            Ok::<_, Error>((clerk, sales))
        });
    }
    for clerk in clerks.join_all().await {
        let (clerk, sales) = clerk?;
        println!("clerk {clerk} made {sales} sales");
    }

    let stock: u32 = cluster.get(STOCK).await?;
    let sold: u32 = cluster.get(SOLD).await?;
    println!("{sold} sold, {stock} left");
    assert_eq!(sold + stock, 100);
    Ok(())
}

/// Sells so many pieces, if there are that many.
async fn sell(cluster: &Cluster, pieces: u32) -> Result<bool, Error> {
    let sold: Option<(String, u32)> = cluster
        .watch(STOCK, async |view| {
            let stock: u32 = view.get(STOCK).await?;
            let Some(left) = stock.checked_sub(pieces) else {
                // Changes nothing.
                return Ok(None);
            };
            Ok(Some(
                Pipeline::new()
                    .set(STOCK, left)
                    .incrby(SOLD, i64::from(pieces)),
            ))
        })
        .await?;
    Ok(sold.is_some())
}
