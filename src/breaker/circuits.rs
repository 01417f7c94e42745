//! The breakers by address, and what is remembered of nodes that nothing is connected to.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::circuit::Circuit;
use super::layer::Settings;
use super::state::{BreakerState, State};
use crate::addr::NodeAddr;

/// The breakers of one layer.
///
/// A breaker belongs to the services of its node. When the last of them goes and the node was in trouble, what the
/// breaker knew stays here for the next connection: a node that breaks its connections must not get a new breaker
/// with each.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    known: Mutex<HashMap<NodeAddr, Known>>,
}

#[derive(Debug)]
enum Known {
    Connected(Weak<Circuit>),
    Left { state: State, at: Instant },
}

/// How long a node in trouble is remembered that nothing is connected to: longer than it takes to fail over or to restart.
const MEMORY: Duration = Duration::from_secs(60);

impl Circuits {
    /// The breaker of a node.
    pub(super) fn of(self: &Arc<Self>, addr: &NodeAddr, settings: &Settings) -> Arc<Circuit> {
        let now = Instant::now();
        let mut known = self.known.lock();
        known.retain(|_, known| known.is_remembered(now));
        let state = match known.remove(addr) {
            Some(Known::Connected(circuit)) => match circuit.upgrade() {
                Some(connected) => {
                    known.insert(addr.clone(), Known::Connected(circuit));
                    return connected;
                }
                // Its last service is going this very moment, and finds that it has a successor.
                None => State::default(),
            },
            Some(Known::Left { state, .. }) => state,
            None => State::default(),
        };
        let circuit = Circuit::new(addr.clone(), state, settings.clone(), Arc::clone(self));
        let circuit = Arc::new(circuit);
        known.insert(addr.clone(), Known::Connected(Arc::downgrade(&circuit)));
        circuit
    }

    /// Nothing is connected to a node any more whose breaker was in this state.
    pub(super) fn leave(&self, addr: &NodeAddr, state: State) {
        let now = Instant::now();
        let mut known = self.known.lock();
        if let Some(Known::Connected(successor)) = known.get(addr)
            && successor.strong_count() > 0
        {
            return;
        }
        known.retain(|_, known| known.is_remembered(now));
        if state.is_calm() {
            known.remove(addr);
        } else {
            known.insert(addr.clone(), Known::Left { state, at: now });
        }
    }

    /// The state of each breaker, in the order of addresses.
    pub(super) fn states(&self) -> Vec<(NodeAddr, BreakerState)> {
        let now = Instant::now();
        let mut states = Vec::new();
        let mut connected = Vec::new();
        for (addr, known) in &*self.known.lock() {
            match known {
                Known::Connected(circuit) => connected.push((addr.clone(), circuit.clone())),
                Known::Left { state, .. } if known.is_remembered(now) => {
                    states.push((addr.clone(), state.shown()));
                }
                Known::Left { .. } => {}
            }
        }
        // Without the lock, which a breaker takes that is dropped here because everybody else has let go of it.
        states.extend(
            connected
                .into_iter()
                .filter_map(|(addr, circuit)| Some((addr, circuit.upgrade()?.shown()))),
        );
        states.sort_unstable_by(|(first, _), (second, _)| first.cmp(second));
        states
    }

    /// How many addresses are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.lock().len()
    }
}

impl Known {
    fn is_remembered(&self, now: Instant) -> bool {
        match self {
            Self::Connected(_) => true,
            Self::Left { at, .. } => now.duration_since(*at) < MEMORY,
        }
    }
}
