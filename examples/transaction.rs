//! Several commands that are applied together or not at all.
//!
//!     cargo run --example transaction                            # makes a cluster of its own
//!     cargo run --example transaction redis://10.0.0.1:7000      # or uses yours

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Pipeline, ServerError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake;
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => {
            fake = FakeCluster::start(3).await;
            fake.url()
        }
    };
    let cluster = Cluster::connect(url).await?;

    // All keys of a transaction are in one slot: they share the part in braces.
    let (ann, bob, journal) = ("{bank}:ann", "{bank}:bob", "{bank}:journal");
    cluster.del([ann, bob, journal]).await?;
    cluster.mset([(ann, 100), (bob, 0)]).await?;

    let transfer = Pipeline::new()
        .decrby(ann, 30)
        .incrby(bob, 30)
        .rpush(journal, "30 from Ann to Bob");
    let (left, got, entries): (i64, i64, u64) = cluster.transaction(transfer).await?;
    println!("Ann has {left}, Bob has {got}, the journal {entries} entry.");

    // Nobody ever saw a moment in which the 30 were with both, or with neither.
    let books = Pipeline::new().mget([ann, bob]).lrange(journal, ..);
    let (accounts, entries): (Vec<i64>, Vec<String>) = cluster.transaction(books).await?;
    println!("The sum is {}. {entries:?}", accounts.iter().sum::<i64>());

    // Keys in different slots are refused before anything is sent.
    let crossed = Pipeline::new().decrby("ann", 30).incrby("bob", 30);
    let error = cluster.transaction::<()>(crossed).await;
    println!("Refused: {}", error.expect_err("two slots"));

    // Servers do not roll back: what fails when it is executed leaves the others applied.
    let mistaken = Pipeline::new().incr(ann).incr(journal);
    let (more, failed): (i64, Result<i64, ServerError>) = cluster.transaction(mistaken).await?;
    println!(
        "Ann has {more}; the journal: {}",
        failed.expect_err("a list")
    );
    Ok(())
}
