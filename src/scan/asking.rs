//! When to ask for the layout, and whom.

use std::collections::HashSet;

use super::view::Layout;
use crate::addr::NodeAddr;

/// When to ask for the layout, and whom.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) is_due: bool,
    pub(super) is_under_way: bool,
    pub(super) failures: u32,
    turn: Turn,
}

/// Whose turn it is to be asked: one primary after another, beginning with any.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    number: usize,
    /// Those that gave no answer when they were last asked.
    silent: HashSet<NodeAddr>,
}

impl Asking {
    pub(super) fn new() -> Self {
        Self {
            is_due: true,
            is_under_way: false,
            failures: 0,
            turn: Turn {
                number: fastrand::usize(..),
                silent: HashSet::new(),
            },
        }
    }

    pub(super) fn begin(&mut self) -> Turn {
        self.is_due = false;
        self.is_under_way = true;
        self.turn.number = self.turn.number.wrapping_add(1);
        self.turn.clone()
    }

    pub(super) fn answered(&mut self, layout: &Layout, by: Option<&NodeAddr>) {
        self.is_under_way = false;
        let is_known = |addr: &NodeAddr| {
            let mut addrs = layout
                .primaries
                .iter()
                .filter_map(|node| node.addr.as_ref());
            addrs.any(|known| known == addr)
        };
        let silent = &mut self.turn.silent;
        silent.retain(|addr| Some(addr) != by && is_known(addr));
    }

    pub(super) fn failed(&mut self, by: Option<NodeAddr>) {
        self.is_under_way = false;
        self.turn.silent.extend(by);
        self.again();
    }

    /// Asks again, later than last time.
    pub(super) fn again(&mut self) {
        self.is_due = true;
        self.failures = self.failures.saturating_add(1);
    }
}

impl Turn {
    /// The primary to be asked: one that is silent only if all are. `None` if there is none.
    pub(super) fn pick<'a>(
        &self,
        primaries: impl IntoIterator<Item = &'a NodeAddr>,
    ) -> Option<&'a NodeAddr> {
        let (silent, answering): (Vec<_>, Vec<_>) = primaries
            .into_iter()
            .partition(|addr| self.silent.contains(*addr));
        let mut nodes = if answering.is_empty() {
            silent
        } else {
            answering
        };
        let index = self.number.checked_rem(nodes.len())?;
        Some(nodes.swap_remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> [NodeAddr; 3] {
        [1, 2, 3].map(|port| NodeAddr::new("10.0.0.1", port))
    }

    #[test]
    fn each_is_asked_in_turn() {
        let (nodes, mut asking) = (nodes(), Asking::new());
        let asked: HashSet<_> = (0..3)
            .map(|_| asking.begin().pick(&nodes).expect("a node"))
            .collect();
        assert_eq!(asked.len(), 3);
    }

    #[test]
    fn who_gave_no_answer_is_asked_when_nobody_does() {
        let (nodes, mut asking) = (nodes(), Asking::new());
        asking.failed(Some(nodes[0].clone()));
        for _ in 0..9 {
            assert_ne!(asking.begin().pick(&nodes), Some(&nodes[0]));
        }
        asking.failed(Some(nodes[1].clone()));
        asking.failed(Some(nodes[2].clone()));
        let turns = [(); 3].map(|()| asking.begin());
        let asked: HashSet<_> = turns.iter().map(|turn| turn.pick(&nodes)).collect();
        assert_eq!(asked.len(), 3);
        asking.answered(&Layout::default(), Some(&nodes[1]));
        assert!(asking.begin().silent.is_empty(), "no longer in the layout");
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        assert_eq!(Asking::new().begin().pick([]), None);
    }
}
