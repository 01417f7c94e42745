//! What is counted while it lasts: leases and tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Lifecycle, Shared};

/// A lease, counted.
#[derive(Debug)]
pub(crate) struct Leased(Lifecycle);

impl Leased {
    pub(super) fn new(lifecycle: &Lifecycle) -> Self {
        lifecycle.shared.leases.fetch_add(1, Ordering::Relaxed);
        Self(lifecycle.clone())
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let Shared {
            leases, changed, ..
        } = &*self.0.shared;
        if leases.fetch_sub(1, Ordering::Release) == 1 {
            changed.notify_waiters();
        }
    }
}

/// A task, counted.
struct Alive(Lifecycle);

impl Drop for Alive {
    fn drop(&mut self) {
        let Shared { tasks, changed, .. } = &*self.0.shared;
        if tasks.fetch_sub(1, Ordering::Release) == 1 {
            changed.notify_waiters();
        }
    }
}

pin_project! {
    /// A task of the stack. Its future is dropped before it counts as ended.
    pub(super) struct Task<F> {
        #[pin]
        future: F,
        alive: Alive,
    }
}

impl<F> Task<F> {
    pub(super) fn new(future: F, lifecycle: &Lifecycle) -> Self {
        lifecycle.shared.tasks.fetch_add(1, Ordering::Relaxed);
        let alive = Alive(lifecycle.clone());
        Self { future, alive }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
