//! Whether a node answers on a new connection.

use std::sync::Arc;
use std::time::Duration;

use super::config::ConnectConfig;
use crate::addr::NodeAddr;
use crate::connection::Prober;

/// How long opening the stream may take before it is begun anew: a lost packet is not sent again by the system before.
const OPEN: Duration = Duration::from_secs(1);

/// Connects to the node, in the way its connections are made, and lets go of it.
///
/// Only a handshake to its end is an answer: a connection is not given up while there is no other to be had.
pub(super) fn prober(addr: NodeAddr, config: Arc<ConnectConfig>) -> Prober {
    Prober::new(move || {
        let (addr, config) = (addr.clone(), Arc::clone(&config));
        async move {
            let connected = super::connect(addr.clone(), &config, Some(OPEN), None).await;
            connected.map(drop).map_err(|error| error.with_node(addr))
        }
    })
}
