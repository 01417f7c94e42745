//! The task that closes what nobody uses.

use std::sync::Weak;
use std::time::Duration;

use super::lane::Lane;

/// Closes each connection of the lane when it was idle for this long. Ends when there is none.
pub(super) async fn sweep<S>(lane: Weak<Lane<S>>, timeout: Duration) {
    let mut pause = timeout;
    loop {
        tokio::time::sleep(pause).await;
        let next = lane.upgrade().and_then(|lane| lane.sweep());
        match next {
            Some(next) => pause = next,
            None => return,
        }
    }
}
