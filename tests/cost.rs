//! What one request costs in allocations, as the crate's front page says.

use std::sync::mpsc;
use std::thread;

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, cmd};

const REQUESTS: u64 = 1000;

/// Servers in a thread of their own: what they allocate does not count.
fn fake() -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let fake = FakeCluster::start(3).await;
            sender.send(fake.url()).expect("the test waits for it");
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("the servers start")
}

#[test]
fn a_small_get_allocates_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let cluster = runtime
        .block_on(Cluster::connect(fake()))
        .expect("the servers run");
    let gets = || {
        runtime.block_on(async {
            for _ in 0..REQUESTS {
                let name: Option<bytes::Bytes> =
                    cluster.get("user:1").await.expect("the servers run");
                assert_eq!(name.as_deref(), Some(&b"Ann"[..]));
            }
        });
    };
    runtime
        .block_on(cluster.set("user:1", "Ann"))
        .expect("the servers run");
    gets();
    // The command, and the place in which the reply is handed over. The rest is now and then: a read buffer, a timer's list.
    let allocations = allocation_counter::measure(gets).count_total;
    assert!(
        (2 * REQUESTS..REQUESTS * 21 / 10).contains(&allocations),
        "{REQUESTS} requests made {allocations} allocations"
    );
}

#[test]
fn a_command_of_small_arguments_allocates_once_and_its_clones_do_not() {
    let allocations = allocation_counter::measure(|| {
        let command = cmd("SET").arg("user:1").arg("Ann").arg("EX").arg(60);
        assert_eq!(command.clone().arg_count(), 5);
    });
    assert_eq!(allocations.count_total, 1);
}
