//! How a cluster is to be scanned.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tower::{BoxError, Service};

use super::cursor::ScanCursor;
use super::filter::Filter;
use super::link::Link;
use super::plan::Plan;
use super::stream::{ScanStream, Settings};
use crate::cluster::Cluster;
use crate::cluster::commands::KeyType;
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// How many keys a page looks at unless set: a few hundred microseconds of a server's time.
const COUNT: u32 = 1000;

/// How many nodes are asked at the same time unless set.
const CONCURRENCY: usize = 8;

/// How long there may be no progress unless set: the default node timeout of servers, an election, and time to
/// spare.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a cluster is to be scanned; from [`Cluster::scan`]. See the [module docs](super).
#[derive(Clone)]
#[must_use = "nothing is scanned until `stream` is polled"]
pub struct Scan {
    link: Arc<dyn Link>,
    filter: Filter,
    count: u32,
    concurrency: usize,
    patience: Duration,
    cursor: Option<ScanCursor>,
}

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value, Future: Send> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
{
    /// Goes through all keys of all primaries. See the [`scan`](crate::scan) module.
    pub fn scan(&self) -> Scan {
        Scan {
            link: Arc::new(self.clone()),
            filter: Filter::default(),
            count: COUNT,
            concurrency: CONCURRENCY,
            patience: PATIENCE,
            cursor: None,
        }
    }
}

impl Scan {
    /// Only keys that match this glob-style pattern: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before what is meant
    /// literally.
    pub fn pattern(mut self, pattern: impl Into<Bytes>) -> Self {
        self.filter.pattern = Some(pattern.into());
        self
    }

    /// Only keys of this type.
    pub fn type_filter(mut self, key_type: KeyType) -> Self {
        self.filter.type_name = Some(type_name(key_type));
        self
    }

    /// About how many keys a node looks at for one batch; 1000 unless set, and at least 1. The more, the longer other
    /// requests to that node wait meanwhile.
    pub fn count(mut self, keys: u32) -> Self {
        self.count = keys.max(1);
        self
    }

    /// How many nodes are asked at the same time; 8 unless set, and at least 1. Each has one request under way, and
    /// none while the consumer does not ask for more.
    pub fn concurrency(mut self, nodes: usize) -> Self {
        self.concurrency = nodes.max(1);
        self
    }

    /// How long the scan may come no further before it ends with an error; 60 seconds unless set. It has to outlast
    /// a failover, which takes the cluster's node timeout and some seconds. What the consumer spends on a batch does
    /// not count. More than a year is taken for a year.
    pub fn patience(mut self, time: Duration) -> Self {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        self.patience = time.min(year);
        self
    }

    /// Goes on where another scan left off. Pattern and type have to be the same.
    pub fn resume(mut self, cursor: ScanCursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Begins the scan.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is to be resumed with a cursor of another pattern or type, which would leave out
    /// keys.
    pub fn stream(self) -> Result<ScanStream, Error> {
        let plan = match self.cursor {
            Some(cursor) if cursor.fingerprint != self.filter.fingerprint() => {
                return Err(Error::not_sent(
                    ErrorKind::Config,
                    "this scan cursor cannot be resumed: it is of another pattern or type",
                ));
            }
            Some(cursor) => Plan::resume(cursor, self.count),
            None => Plan::new(self.count),
        };
        let settings = Settings {
            filter: self.filter,
            count: self.count,
            concurrency: self.concurrency,
            patience: self.patience,
        };
        Ok(ScanStream::new(self.link, settings, plan))
    }
}

/// What servers call a type.
fn type_name(key_type: KeyType) -> String {
    let name = match key_type {
        KeyType::Missing => "none",
        KeyType::String => "string",
        KeyType::List => "list",
        KeyType::Set => "set",
        KeyType::SortedSet => "zset",
        KeyType::Hash => "hash",
        KeyType::Stream => "stream",
        KeyType::Other(name) => return name,
    };
    name.to_owned()
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("count", &self.count)
            .field("concurrency", &self.concurrency)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
