//! [`SpreadLayer`].

use std::sync::Arc;

use tower::{Layer, Service};

use super::{Others, Spread};
use crate::addr::NodeAddr;
use crate::cache::ConnectionCache;

/// Spreads commands over several connections per node; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct SpreadLayer {
    connections: usize,
}

impl SpreadLayer {
    /// More would cost a server more than it could ever gain.
    const MOST: usize = 64;

    /// So many connections per node that are shared by all: 1 to 64, less or more are taken for these.
    pub fn new(connections: usize) -> Self {
        Self {
            connections: connections.clamp(1, Self::MOST),
        }
    }
}

/// One connection per node.
impl Default for SpreadLayer {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<M> Layer<ConnectionCache<M>> for SpreadLayer
where
    M: Service<NodeAddr> + Clone,
{
    type Service = Spread<M>;

    fn layer(&self, first: ConnectionCache<M>) -> Spread<M> {
        let others: Vec<_> = (1..self.connections).map(|_| first.beside()).collect();
        let others = (!others.is_empty()).then(|| Arc::new(Others::new(others)));
        Spread { first, others }
    }
}
