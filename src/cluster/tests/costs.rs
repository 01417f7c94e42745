//! What a request takes in memory, where the front page says so.

use tower::Service;

use super::super::{Cluster, DefaultStack};
use crate::command::{Command, cmd};
use crate::error::Error;

type StackFuture = <DefaultStack as Service<Command>>::Future;

#[tokio::test]
async fn a_request_is_as_small_as_the_front_page_says() -> Result<(), Error> {
    assert_eq!(size_of::<Command>(), 112);
    assert!(size_of::<StackFuture>() <= 560);
    let cluster: Cluster = Cluster::builder(["redis://127.0.0.1:1"]).build()?;
    assert!(size_of_val(&cluster.send(cmd("GET").arg("k"))) <= 640);
    Ok(())
}

#[test]
fn tmp_sizes() {
    use super::super::AttemptStack;
    type A = AttemptStack;
    use crate::retry::Retry;
    use crate::scatter::ScatterGather;
    use crate::timeout::Timeout;
    use crate::trace::Trace;
    eprintln!("route {}", size_of::<<A as Service<Command>>::Future>());
    eprintln!(
        "retry {}",
        size_of::<<Retry<A> as Service<Command>>::Future>()
    );
    eprintln!(
        "timeout {}",
        size_of::<<Timeout<Retry<A>> as Service<Command>>::Future>()
    );
    eprintln!(
        "scatter {}",
        size_of::<<ScatterGather<Timeout<Retry<A>>> as Service<Command>>::Future>()
    );
    eprintln!(
        "trace {}",
        size_of::<<Trace<ScatterGather<Timeout<Retry<A>>>> as Service<Command>>::Future>()
    );
    eprintln!("limit {}", size_of::<StackFuture>());
    eprintln!("stack {}", size_of::<DefaultStack>());
}
