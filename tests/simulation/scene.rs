//! What the parts of one run share.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tower_redis_cluster::Value;

use crate::book::Book;
use crate::net::Net;
use crate::stack::{Client, Settings};
use crate::trace::Trace;

pub struct Scene {
    pub net: Arc<Net>,
    pub settings: Settings,
    pub clients: Vec<Client>,
    pub start: Instant,
    pub book: RefCell<Book>,
    pub trace: RefCell<Trace>,
    /// Keys whose slots are under migration.
    pub migrating: RefCell<BTreeSet<String>>,
    /// When the runtime stood still, from and until.
    pub starved: RefCell<Vec<(Instant, Instant)>>,
    /// The elements of the first reply to `CLUSTER SLOTS`.
    pub first_view: Vec<Value>,
}

impl Scene {
    /// Takes note of something that happened now.
    pub fn record(&self, event: &str) {
        let now = self.start.elapsed().as_millis() as u64;
        self.trace.borrow_mut().record(event, now);
    }

    /// For how long the runtime stood still since then.
    pub fn starved_since(&self, since: Instant) -> Duration {
        let starved = self.starved.borrow();
        let times = starved
            .iter()
            .map(|(from, until)| until.saturating_duration_since(since.max(*from)));
        times.sum()
    }
}
