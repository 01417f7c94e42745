//! On which instances of the stack requests are made.

use std::future::pending;

use tokio_test::{assert_pending, task};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{ServiceBuilder, ServiceExt};

use super::super::Cluster;
use crate::command::{Command, cmd};
use crate::error::Error;
use crate::value::Value;

async fn answer(command: Command) -> Result<Value, Error> {
    match &*command.name() {
        "SLOW" => pending().await,
        _ => Ok(Value::Nil),
    }
}

#[tokio::test]
async fn request_that_was_shed_leaves_nothing_behind_that_waits_for_a_place() {
    let stack = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(answer);
    let cluster = Cluster::new(stack.clone());
    let mut slow = task::spawn(cluster.send(cmd("SLOW")));
    assert_pending!(slow.poll());
    let error = cluster.send(cmd("PLAIN")).await.expect_err("shed");
    assert!(error.is_overloaded());
    drop(slow);
    // Another user of the same limit.
    stack.oneshot(cmd("PLAIN")).await.expect("the answer");
}
