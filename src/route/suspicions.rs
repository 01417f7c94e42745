//! What others have noticed of nodes: [`Suspicions`].

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::addr::NodeAddr;

/// How many nodes may be told of at a time. Each is told of once however often, so it takes as many that fail together.
const MAX: usize = 1024;

/// Where those who notice that a node does not answer tell the [`Route`](super::Route) of it, which then counts the node
/// as [in doubt](super#doubt) for three seconds, and asks others for the topology. Cheap to clone.
///
/// A route notices by itself what its commands come to. What it cannot see are commands on their way for which there is
/// no reply yet: a [`Connector`](crate::Connector) that is [told](crate::Connector::report_to) of this reports
/// connections that have become [suspect](crate::connection#suspicion).
///
/// Of several routes that one layer has made, one is told.
#[derive(Clone, Default)]
pub struct Suspicions {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    told: Mutex<HashSet<NodeAddr>>,
    news: Notify,
}

impl Suspicions {
    /// Says that a node does not answer, though it should.
    pub fn tell(&self, addr: &NodeAddr) {
        let mut told = self.shared.told.lock();
        if told.len() < MAX {
            told.insert(addr.clone());
        }
        drop(told);
        self.shared.news.notify_one();
    }

    /// Completes when there is something to [take](Self::take).
    pub(super) fn news(&self) -> Notified<'_> {
        self.shared.news.notified()
    }

    /// The nodes told of since this was last asked.
    pub(super) fn take(&self) -> HashSet<NodeAddr> {
        std::mem::take(&mut *self.shared.told.lock())
    }
}

impl fmt::Debug for Suspicions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspicions").finish_non_exhaustive()
    }
}
