//! HyperLogLog.

use tower_redis_cluster::Value::Integer;

use crate::mock::{ok, rows};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    rows! {
        pfadd("h", ["a", "b"]) => "PFADD h a b", Integer(1) => true;
        pfadd("h", None::<&str>) => "PFADD h", Integer(0) => false;
        pfcount("h") => "PFCOUNT h", Integer(2) => 2;
        pfcount(["{h}1", "{h}2"]) => "PFCOUNT {h}1 {h}2", Integer(3) => 3;
        pfmerge("{h}3", ["{h}1", "{h}2"]) => "PFMERGE {h}3 {h}1 {h}2", ok() => ();
    }
}
