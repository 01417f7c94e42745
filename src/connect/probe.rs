//! Whether a node answers on a new connection.

use std::sync::Arc;
use std::time::Duration;

use tower::ServiceExt;

use super::config::ConnectConfig;
use crate::addr::NodeAddr;
use crate::command::cmd;
use crate::connection::Prober;
use crate::error::Error;
use crate::value::Value;

/// How long opening the stream may take before it is begun anew: a lost packet is not sent again by the system before.
const OPEN: Duration = Duration::from_secs(1);

/// Connects to the node, in the way its connections are made, and lets go of it.
///
/// Only an answer to a command is one: a server that runs a slow script lets clients in, and answers that it is busy.
pub(super) fn prober(addr: NodeAddr, config: Arc<ConnectConfig>) -> Prober {
    Prober::new(move || {
        let (addr, config) = (addr.clone(), Arc::clone(&config));
        async move {
            let answer = async {
                let connection = super::connect(addr.clone(), &config, Some(OPEN), None).await?;
                match connection.oneshot(cmd("PING")).await? {
                    Value::Error(error) => Err(Error::server(error)),
                    _ => Ok(()),
                }
            };
            answer.await.map_err(|error| error.with_node(addr))
        }
    })
}
