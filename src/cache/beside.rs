//! Caches side by side: for further connections to the nodes of a cache.

use std::sync::Arc;

use parking_lot::Mutex;
use tower::{BoxError, Service};

use super::pool::Pool;
use super::{Cached, ConnectionCache, Shared, dial};
use crate::addr::NodeAddr;

impl<M> ConnectionCache<M>
where
    M: Service<NodeAddr> + Clone,
{
    /// A cache with entries of its own and this one's settings, that counts in the same counters.
    pub(crate) fn beside(&self) -> Self {
        Self {
            shared: Arc::new(Shared {
                make: Mutex::new(self.shared.make.lock().clone()),
                pool: Arc::new(self.pool().beside()),
            }),
        }
    }

    /// The service connected to `addr`, for who can do without: it is no [hit](crate::Metrics::cache_hits). If there is
    /// none, a dial begins, unless one is under way or it is too early.
    ///
    /// # Panics
    ///
    /// If a dial is to begin outside of a tokio runtime.
    pub(crate) fn connected_or_begin(&self, addr: &NodeAddr) -> Option<Cached<M::Response>>
    where
        M: Send + 'static,
        M::Response: Clone + Send + Sync + 'static,
        M::Error: Into<BoxError>,
        M::Future: Send,
    {
        let pool = self.pool();
        let connected = pool.connected(addr, Cached::new);
        if connected.is_none() && !pool.is_left_alone(addr) {
            pool.live();
            let make = self.shared.make.lock().clone();
            let spawn = |dial| dial::spawn(make, dial, pool);
            // The dial does not depend on those who wait.
            drop(pool.join(addr.clone(), spawn));
        }
        connected
    }
}

impl<S> Pool<S> {
    fn beside(&self) -> Self {
        Self::new(self.settings.clone(), self.departures.nodes().cloned())
    }
}
