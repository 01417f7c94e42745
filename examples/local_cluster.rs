//! A cluster to develop against: three primaries, each with a replica, until Enter or Ctrl-C.
//!
//!     cargo run --example local_cluster            # prints its URLs
//!
//! The servers are of `valkey-server` or `redis-server`, listen on 127.0.0.1 only, keep nothing, and end with this. Without
//! such a program it is a cluster inside this process, which speaks the protocol and lacks some commands.

use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tower_redis_cluster::testing::{FakeCluster, LocalCluster};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // These two end with `main`, and the servers with them.
    let (_local, _fake);
    let urls = if let Some(server) = LocalCluster::find_server() {
        println!("Starting six servers of {} ...", server.display());
        let builder = LocalCluster::builder(server).primaries(3).replicas(1);
        _local = builder.start().await?;
        _local.urls()
    } else {
        println!("Found no valkey-server or redis-server: using a cluster inside this process.");
        _fake = FakeCluster::start(3).await;
        _fake.urls()
    };
    println!("Ready:");
    for url in urls {
        println!("  {url}");
    }

    println!("Enter or Ctrl-C ends it.");
    let mut line = String::new();
    let mut input = BufReader::new(stdin());
    tokio::select! {
        _ = input.read_line(&mut line) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
