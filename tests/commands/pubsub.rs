//! Publishing messages.

use tower_redis_cluster::Value::{Array, Integer};

use crate::mock::{bulk, bulks, rows, strings};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let counts = || Array(vec![bulk("a"), Integer(2), bulk("b"), Integer(0)]);
    let pairs = || vec![("a".to_owned(), 2), ("b".to_owned(), 0)];
    rows! {
        publish("ch", "hello") => "PUBLISH ch hello", Integer(2) => 2;
        spublish("ch", "hello") => "SPUBLISH ch hello", Integer(2) => 2;
        pubsub_channels() => "PUBSUB CHANNELS", bulks(["a"]) => strings(["a"]);
        pubsub_channels_matching("a*") => "PUBSUB CHANNELS a*", bulks(["a"]) => strings(["a"]);
        pubsub_numpat() => "PUBSUB NUMPAT", Integer(3) => 3;
        pubsub_numsub(["a", "b"]) => "PUBSUB NUMSUB a b", counts() => pairs();
        pubsub_shardchannels() => "PUBSUB SHARDCHANNELS", bulks(["a"]) => strings(["a"]);
        pubsub_shardchannels_matching("a*")
            => "PUBSUB SHARDCHANNELS a*", bulks(["a"]) => strings(["a"]);
        pubsub_shardnumsub(["a", "b"]) => "PUBSUB SHARDNUMSUB a b", counts() => pairs();
    }
}
