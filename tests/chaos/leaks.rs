//! What must not be left when the client is gone.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// What this process has: sockets, where the system tells, and tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    sockets: usize,
    tasks: usize,
}

impl Held {
    /// The least there is within a while: connections that were closed take a moment to go.
    pub(crate) async fn at_rest() -> Self {
        let mut least = Self::now();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let Self { sockets, tasks } = Self::now();
            least.sockets = least.sockets.min(sockets);
            least.tasks = least.tasks.min(tasks);
        }
        least
    }

    fn now() -> Self {
        Self {
            sockets: sockets(),
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }

    /// Waits until there is no more than this again; or tells what there is.
    pub(crate) async fn is_back(self) -> Result<(), Self> {
        let start = Instant::now();
        loop {
            let now = Self::now();
            if now.sockets <= self.sockets && now.tasks <= self.tasks {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(10) {
                return Err(now);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn sockets() -> usize {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    let targets = descriptors.filter_map(|each| std::fs::read_link(each.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}
