//! What a request takes in memory, where the front page says so.

use tower::Service;

use super::super::{Cluster, DefaultStack};
use crate::command::{Command, cmd};
use crate::error::Error;

type StackFuture = <DefaultStack as Service<Command>>::Future;

#[tokio::test]
async fn a_request_is_as_small_as_the_front_page_says() -> Result<(), Error> {
    assert_eq!(size_of::<Command>(), 32);
    // At most: how a future is laid out is the compiler's business.
    assert!(size_of::<StackFuture>() <= 280);
    let cluster: Cluster = Cluster::builder(["redis://127.0.0.1:1"]).build()?;
    assert!(size_of_val(&cluster.send(cmd("GET").arg("k"))) <= 312);
    Ok(())
}
