//! [`NodeLayer`], and the two ways to come to a layer for a node.

use std::fmt;
use std::sync::Arc;

use tower::Layer;

use super::PerNode;
use crate::addr::NodeAddr;

/// Applies a layer to each connection that is made; see the [module docs](super).
#[derive(Debug)]
pub struct NodeLayer<W> {
    wrap: Arc<W>,
}

impl<L> NodeLayer<Same<L>> {
    /// Applies `layer` to every connection.
    pub fn new(layer: L) -> Self {
        Self {
            wrap: Arc::new(Same { layer }),
        }
    }
}

impl<F> NodeLayer<FromFn<F>> {
    /// Applies to each connection the layer that `build` gives for its address.
    pub fn from_fn<L>(build: F) -> Self
    where
        F: Fn(&NodeAddr) -> L,
    {
        Self {
            wrap: Arc::new(FromFn { build }),
        }
    }
}

impl<L: ForNode> NodeLayer<PerAddr<L>> {
    /// Applies to each connection what `layers` gives for its address, such as a
    /// [`FailFastLayer`](crate::FailFastLayer) or a [`BreakerLayer`](crate::BreakerLayer).
    pub fn per_node(layers: L) -> Self {
        Self {
            wrap: Arc::new(PerAddr { layers }),
        }
    }
}

impl<M, W> Layer<M> for NodeLayer<W> {
    type Service = PerNode<M, W>;

    fn layer(&self, make: M) -> Self::Service {
        PerNode::new(make, Arc::clone(&self.wrap))
    }
}

impl<W> Clone for NodeLayer<W> {
    fn clone(&self) -> Self {
        Self {
            wrap: Arc::clone(&self.wrap),
        }
    }
}

/// What has a layer for each node. As [`NodeLayer::from_fn`], with a type that has a name.
pub trait ForNode {
    /// The layer for one node.
    type Layer;

    /// The layer for the node with this address.
    fn for_node(&self, addr: &NodeAddr) -> Self::Layer;
}

/// How a connection `S` to a node is wrapped. Sealed: see [`NodeLayer`] for the ways there are.
pub trait WrapNode<S>: sealed::Sealed {
    /// What the wrapped connection is.
    type Service;

    /// Wraps a connection to `addr`.
    fn wrap(&self, addr: &NodeAddr, connection: S) -> Self::Service;
}

/// One layer for all; made by [`NodeLayer::new`].
#[derive(Debug)]
pub struct Same<L> {
    layer: L,
}

impl<L: Layer<S>, S> WrapNode<S> for Same<L> {
    type Service = L::Service;

    fn wrap(&self, _: &NodeAddr, connection: S) -> Self::Service {
        self.layer.layer(connection)
    }
}

/// A layer per address; made by [`NodeLayer::from_fn`].
pub struct FromFn<F> {
    build: F,
}

impl<F, L, S> WrapNode<S> for FromFn<F>
where
    F: Fn(&NodeAddr) -> L,
    L: Layer<S>,
{
    type Service = L::Service;

    fn wrap(&self, addr: &NodeAddr, connection: S) -> Self::Service {
        (self.build)(addr).layer(connection)
    }
}

/// A layer per address; made by [`NodeLayer::per_node`].
#[derive(Debug)]
pub struct PerAddr<L> {
    layers: L,
}

impl<L, S> WrapNode<S> for PerAddr<L>
where
    L: ForNode<Layer: Layer<S>>,
{
    type Service = <L::Layer as Layer<S>>::Service;

    fn wrap(&self, addr: &NodeAddr, connection: S) -> Self::Service {
        self.layers.for_node(addr).layer(connection)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

mod sealed {
    pub trait Sealed {}

    impl<L> Sealed for super::Same<L> {}
    impl<F> Sealed for super::FromFn<F> {}
    impl<L> Sealed for super::PerAddr<L> {}
}
