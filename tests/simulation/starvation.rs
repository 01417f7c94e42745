//! A runtime that stands still is not a cluster that does.

use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Error, cmd};

use crate::net::Net;
use crate::stack::{self, Client, Settings};

/// For how long the runtime does nothing: many times the timeout of a request, and less than a connection may be silent.
const STILL: Duration = Duration::from_millis(4_500);

const SETTINGS: Settings = Settings {
    timeout: Duration::from_millis(200),
    connections_per_node: 1,
    max_in_flight: 16 * 1024,
};

#[tokio::test(start_paused = true)]
async fn a_client_that_was_starved_keeps_its_connections() {
    fastrand::seed(1);
    let fake = FakeCluster::builder().in_memory().start().await;
    let net = Net::new(fake.expect("it needs nothing"), 1);
    let client = stack::client(&net, SETTINGS);
    ask(&client, 100).await.expect("nothing is wrong yet");
    let connections = net.fake.connections_accepted();

    let mut rng = Rng::with_seed(1);
    for _ in 0..50 {
        // Requests on their way there, and replies on their way back.
        let mut asking = JoinSet::new();
        for _ in 0..20 {
            let client = client.clone();
            let keys = rng.u64(1..10);
            asking.spawn(async move { ask(&client, keys).await });
        }
        sleep(Duration::from_millis(rng.u64(..6))).await;
        advance(STILL).await;
        // They are late, and may say so.
        asking.join_all().await;
        ask(&client, 10).await.expect("the cluster was never away");
    }
    assert_eq!(net.fake.connections_accepted(), connections);
}

/// Asks for so many keys, one after the other.
async fn ask(client: &Client, keys: u64) -> Result<(), Error> {
    for key in 0..keys {
        client.query::<Option<String>>(cmd("GET").arg(key)).await?;
    }
    Ok(())
}
