//! The connections beside the first, and which of them a command takes.

use tower::{BoxError, Service};

use crate::addr::NodeAddr;
use crate::cache::{Cached, ConnectionCache};
use crate::command::{BlockTime, Command, Slot, Target};

/// A cache for each connection per node beside the first.
pub(super) struct Others<M: Service<NodeAddr>> {
    caches: Vec<ConnectionCache<M>>,
}

impl<M: Service<NodeAddr>> Others<M> {
    pub(super) fn new(caches: Vec<ConnectionCache<M>>) -> Self {
        Self { caches }
    }

    pub(super) fn len(&self) -> usize {
        self.caches.len()
    }
}

impl<M> Others<M>
where
    M: Service<NodeAddr, Response: Clone + Send + Sync, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    /// The connection that the command takes, beside the `first` one; `None` if it takes that, or has to, since there is
    /// no other.
    pub(super) fn connection(
        &self,
        command: &Command,
        first: &Cached<M::Response>,
    ) -> Option<Cached<M::Response>> {
        let index = share(slot(command)?, self.caches.len() + 1);
        let cache = &self.caches[index.checked_sub(1)?];
        first.by_addr(|addr| cache.connected_or_begin(addr))
    }
}

/// The slot that the command belongs to; none for what takes an exclusive connection from here on, since a
/// shared one need not be made for that.
fn slot(command: &Command) -> Option<Slot> {
    if command.block_time() != BlockTime::NotBlocking || command.lease_request().is_some() {
        return None;
    }
    match (command.explicit_target(), command.batch()) {
        (Some(Target::Slot(slot)), _) => Some(*slot),
        (_, Some(batch)) => batch.commands().iter().find_map(slot),
        (_, None) => command.slot().ok().flatten(),
    }
}

/// Which of so many connections a slot has: 0 is the first.
pub(super) fn share(slot: Slot, connections: usize) -> usize {
    // 2^16 by the golden ratio: of any range of slots, such as a node has, each connection gets as many as the others.
    let hash = slot.number().wrapping_mul(40_503);
    (usize::from(hash) * connections) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cmd;

    #[test]
    fn each_connection_has_as_many_slots_of_a_node_as_the_others() {
        for connections in [2, 3, 4, 7, 64] {
            for range in [0..=16383, 0..=5460, 5461..=10922, 100..=1123] {
                let count = range.clone().count();
                let mut counts = vec![0usize; connections];
                for slot in range {
                    counts[share(Slot::new(slot).expect("a slot"), connections)] += 1;
                }
                let fair = count / connections;
                assert!(
                    counts
                        .iter()
                        .all(|count| count.abs_diff(fair) <= 4 + fair / 20),
                    "{connections} connections: {counts:?}"
                );
            }
        }
    }

    #[test]
    fn neighbours_are_apart() {
        let of = |slot| share(Slot::new(slot).expect("a slot"), 4);
        let shares: Vec<_> = (1000..1008).map(of).collect();
        for pair in shares.windows(2) {
            assert_ne!(pair[0], pair[1], "{shares:?}");
        }
    }

    #[test]
    fn a_command_belongs_to_the_slot_that_it_is_sent_to() {
        let (k, other) = (Slot::of("k"), Slot::of("other"));
        assert_eq!(slot(&cmd("GET").arg("k")), Some(k));
        assert_eq!(slot(&cmd("MGET").arg("{k}1").arg("{k}2")), Some(k));
        assert_eq!(slot(&cmd("GET").arg("k").target(other.into())), Some(other));
        assert_eq!(slot(&cmd("EVAL").arg("").arg(0).target(k.into())), Some(k));
        assert_eq!(slot(&cmd("PING")), None);
        assert_eq!(slot(&cmd("BLPOP").arg("k").arg(0)), None);
        let batch = [cmd("PING"), cmd("GET").arg("k"), cmd("GET").arg("other")];
        assert_eq!(slot(&Command::pipeline(batch.clone())), Some(k));
        assert_eq!(slot(&Command::transaction(batch)), Some(k));
    }
}
