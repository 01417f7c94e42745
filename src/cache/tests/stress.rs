//! Real threads. What a test with one thread cannot show: that the pieces fit at any interleaving.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;

use tower::{Layer, ServiceExt};

use super::*;
use crate::error::ErrorKind;

/// A connection that can be killed.
#[derive(Clone)]
struct Fragile {
    closed: Arc<AtomicBool>,
}

impl Service<()> for Fragile {
    type Response = ();
    type Error = &'static str;
    type Future = std::future::Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(match self.closed.load(Ordering::Relaxed) {
            true => Err("closed"),
            false => Ok(()),
        })
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_ask_kill_and_retain_see_one_dial_at_a_time_and_leak_nothing() {
    let counters = Counters::new();
    let dialling: Arc<[AtomicU64; 4]> = Arc::default();
    let connect = tower::service_fn({
        let dialling = Arc::clone(&dialling);
        move |addr: NodeAddr| {
            let dialling = Arc::clone(&dialling);
            async move {
                let dialling = &dialling[usize::from(addr.port())];
                let others = dialling.fetch_add(1, Ordering::SeqCst);
                // Port 0 is the one that departs all the time: an ended dial may still be on its way out.
                assert!(others == 0 || addr.port() == 0, "two dials at once");
                tokio::task::yield_now().await;
                dialling.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Infallible>(Fragile {
                    closed: Arc::default(),
                })
            }
        }
    });
    let cache = ConnectionCacheLayer::new()
        .counters(counters.clone())
        .layer(connect);

    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for round in 0..1000_u16 {
                    let port = fastrand::u16(0..4);
                    match cache.clone().oneshot(node(port)).await {
                        Ok(mut service) => {
                            let usable = service.ready().await.is_ok();
                            if usable && round % 7 == 0 {
                                service.get_ref().closed.store(true, Ordering::Relaxed);
                            }
                        }
                        // Only a departure can end a dial here.
                        Err(error) => assert_eq!((error.kind(), port), (ErrorKind::Topology, 0)),
                    }
                    if round % 50 == 0 {
                        cache.retain(|addr| addr.port() != 0);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task failed");
    }

    let metrics = counters.snapshot();
    assert_eq!(metrics.dials_failed, 0);
    assert!(metrics.evicted_closed > 0 && metrics.evicted_departed > 0);
    let stored = metrics.dials_succeeded - metrics.evicted_closed - metrics.evicted_departed;
    assert!(metrics.open_connections <= 4 && metrics.open_connections <= stored);
    cache.retain(|_| false);
    drop(cache);
    assert_eq!(counters.snapshot().open_connections, 0);
}
